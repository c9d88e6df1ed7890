//! What the agent wants to know again about a container after a restart: the label that the launcher keeps.

use porthole_protocol::spec::{LaunchSpec, Limits, Publish};
use serde::{Deserialize, Serialize};

use crate::share::KeptShare;

/// The agent's own record of a container. JSON, so that a newer agent can read what an older one wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    /// Its name.
    pub(super) name: String,
    /// Id of its image.
    pub(super) image_id: String,
    /// What was asked for.
    pub(super) spec: LaunchSpec,
    /// The limits in force.
    pub(super) limits: Limits,
    /// Host name inside.
    pub(super) hostname: String,
    /// Read-only layers, topmost first, by diff id.
    pub(super) layers: Vec<String>,
    /// What is published, with the ports it got on the agent's side.
    pub(super) published: Vec<Publish>,
    /// The signal that asks its first process to end.
    pub(super) stop_signal: i32,
    /// Creation time, in milliseconds since 1970-01-01 UTC.
    pub(super) created_ms: u64,
    /// When its lifetime is over, in milliseconds since 1970-01-01 UTC.
    pub(super) expires_ms: Option<u64>,
    /// The session that owns it, by id.
    pub(super) session: Option<String>,
    /// Who else may come to its terminals.
    pub(super) shares: Vec<KeptShare>,
}

impl Record {
    pub(super) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a record has no map with keys that JSON cannot hold")
    }

    /// Reads a label; one that cannot be read makes a record without content, so that its container can still be removed.
    pub(super) fn decode(label: &[u8]) -> Self {
        serde_json::from_slice(label).unwrap_or_else(|error| {
            tracing::warn!(%error, "a container's label cannot be read");
            Self::default()
        })
    }
}
