//! Recordings of terminals.

use serde::{Deserialize, Serialize};

use crate::ids::{ContainerId, ProcessNumber};
use crate::spec::Size;

/// A recording. `GET /recordings` lists those of the session, `GET /recordings/{id}` downloads one (`?format=asciicast-v2`, which
/// is the default, or `asciicast-v3`), `DELETE /recordings/{id}` deletes it. It outlives its container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Recording {
    /// Its id: sixteen lower-case hexadecimal digits.
    pub id: String,
    /// The container.
    pub container: ContainerId,
    /// Its name.
    pub name: String,
    /// The image's name.
    pub image: String,
    /// The process.
    pub process: ProcessNumber,
    /// Its command and arguments.
    pub command: Vec<String>,
    /// When it began, in milliseconds since 1970-01-01 UTC.
    pub started_ms: u64,
    /// When it ended; missing while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<u64>,
    /// Bytes of output.
    pub bytes: u64,
    /// The terminal's size when it began.
    pub size: Size,
    /// Whether it ended because it had [`RECORDING_BYTES`](crate::limits::RECORDING_BYTES).
    #[serde(default)]
    pub full: bool,
}
