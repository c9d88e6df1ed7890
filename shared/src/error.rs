//! Errors as they reach a person: a code to branch on, one sentence, and the next step.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What went wrong, for programs. The sentence beside it is for people and may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorCode {
    /// The request is not well formed or holds a value outside its limits.
    BadRequest,
    /// The token is missing or wrong.
    Unauthorized,
    /// The request comes from a page or a host name that is not ours.
    ForbiddenOrigin,
    /// Whoever asks is known and may not do this: it belongs to others, or the link does not allow it.
    Forbidden,
    /// The link was revoked or has expired, or there never was one.
    NoSuchShare,
    /// No recording by that id.
    NoSuchRecording,
    /// No container by that id or name.
    NoSuchContainer,
    /// No process (terminal or run) by that number in this container.
    NoSuchProcess,
    /// No image by that name or digest.
    NoSuchImage,
    /// No such file in this image or container.
    NoSuchFile,
    /// No such path in the API.
    NoSuchRoute,
    /// The name is taken.
    NameInUse,
    /// The image is used by a container.
    ImageInUse,
    /// The container has ended.
    NotRunning,
    /// The container still runs.
    StillRunning,
    /// The command does not exist in the image (exit status 127).
    CommandNotFound,
    /// The command exists but cannot be executed (exit status 126).
    CommandNotExecutable,
    /// The archive is broken, hostile, or not of a kind we read.
    BadImage,
    /// The registry demands credentials, or others than those it was shown.
    RegistryDenied,
    /// The registry cannot be reached, or what it says is not what a registry says.
    RegistryFailed,
    /// A frame or message larger than the limit.
    TooLarge,
    /// A number of things larger than the limit: containers, channels, processes.
    TooMany,
    /// This machine has no room for it now; the same may work later.
    Busy,
    /// The port on the agent's side is taken.
    PortInUse,
    /// No generation of the protocol that both sides speak.
    VersionMismatch,
    /// This host cannot do what was asked; `porthole doctor` says why.
    Unsupported,
    /// The agent is stopping.
    ShuttingDown,
    /// The agent or the launcher failed; its log has the cause.
    Internal,
    /// A code of a newer peer.
    #[serde(other)]
    Unknown,
}

/// An error on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WireError {
    /// For programs.
    pub code: ErrorCode,
    /// One sentence for a person.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

impl WireError {
    /// An error with its sentence and the next step.
    pub fn new(code: ErrorCode, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: hint.into() }
    }
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        if !self.hint.is_empty() {
            write!(f, " {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for WireError {}
