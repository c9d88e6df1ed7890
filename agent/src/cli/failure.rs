//! Why a verb did not do what was asked, and how that is told.

use std::io;

use porthole_protocol::error::{ErrorCode, WireError};
use thiserror::Error;

use super::output::style;
use super::table::printable;

/// Status of `run` and `exec` for everything that is not the command's own doing, as Docker has it.
pub(super) const AGENT_FAILED: u8 = 125;

/// Status of a verb that Ctrl-C ended, as a shell shows it: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// Why a verb failed.
#[derive(Debug, Error)]
pub(super) enum Failure {
    /// The agent refused; its own words.
    #[error("{}", .0.message)]
    Refused(WireError),
    /// Nobody listens where the agent should be.
    #[error("No agent answers at {address} ({cause}).")]
    NoAgent {
        /// Where it was sought.
        address: String,
        /// What the system says about it.
        cause: String,
    },
    /// The connection broke while it was used.
    #[error("The connection to the agent was lost ({0}).")]
    Lost(String),
    /// Something on this side: a file, the terminal, a wrong use.
    #[error("{message}")]
    Local {
        /// One sentence.
        message: String,
        /// What to do next; empty when there is nothing to say.
        hint: String,
    },
    /// The person asked to end it, by Ctrl-C or a signal.
    #[error("Given up.")]
    Interrupted {
        /// What became of it; empty when there is nothing to say.
        hint: String,
    },
    /// Several things were asked for; those that failed have been told already.
    #[error("Not everything was done.")]
    Told,
    /// Whoever read our output has left: no error, and nothing more to say.
    #[error("Nobody reads the output.")]
    OutputClosed,
}

impl Failure {
    /// A failure on this side.
    pub(super) fn local(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Local { message: message.into(), hint: hint.into() }
    }

    /// An answer of the agent that is not the protocol's JSON.
    pub(super) fn misunderstood(error: &serde_json::Error) -> Self {
        Self::local(
            format!("The agent's answer is not understood: {error}."),
            "Agent and command line may be of different versions; compare with `porthole version`.",
        )
    }

    /// Whether the agent answered with this code.
    pub(super) fn is(&self, code: ErrorCode) -> bool {
        matches!(self, Self::Refused(error) if error.code == code)
    }

    /// The next step, where there is one.
    fn hint(&self) -> &str {
        match self {
            Self::Refused(error) => &error.hint,
            Self::NoAgent { .. } => {
                "Start one with `porthole serve`, or say where it is with --agent or PORTHOLE_HOST."
            }
            Self::Lost(_) => {
                "What runs in the containers goes on; see `porthole ps`, and `porthole attach` to return."
            }
            Self::Local { hint, .. } | Self::Interrupted { hint } => hint,
            Self::Told | Self::OutputClosed => "",
        }
    }

    /// The status of a verb that stands for a command inside (`run`, `exec`, `attach`), as Docker's: 127 not found,
    /// 126 cannot be executed, 125 for everything that is not the command's own doing.
    pub(super) fn command_status(&self) -> u8 {
        match self {
            Self::Refused(error) if error.code == ErrorCode::CommandNotFound => 127,
            Self::Refused(error) if error.code == ErrorCode::CommandNotExecutable => 126,
            Self::Interrupted { .. } => INTERRUPTED,
            Self::OutputClosed => 0,
            _ => AGENT_FAILED,
        }
    }

    /// The status of any other verb.
    pub(super) fn verb_status(&self) -> u8 {
        match self {
            Self::Interrupted { .. } => INTERRUPTED,
            Self::OutputClosed => 0,
            _ => 1,
        }
    }

    /// Tells the person on standard error: `porthole: sentence`, then the hint.
    pub(super) fn tell(&self) {
        if matches!(self, Self::Told | Self::OutputClosed) {
            return;
        }
        warn(&self.to_string(), self.hint());
    }
}

/// Writes one sentence and the next step to standard error. A closed standard error is nobody's loss.
pub(super) fn warn(message: &str, hint: &str) {
    use std::io::Write;
    let mut stderr = anstream::stderr().lock();
    let mut text = format!("{} {}\n", style::bold("porthole:"), printable(message));
    if !hint.is_empty() {
        text.push_str(&format!("{}\n", style::dim(&printable(hint))));
    }
    let _ = stderr.write_all(text.as_bytes());
}

/// What the system says about an error, without its number.
pub(super) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.as_str(), |(reason, _)| reason).to_owned()
}

impl From<WireError> for Failure {
    fn from(error: WireError) -> Self {
        Self::Refused(error)
    }
}

impl From<io::Error> for Failure {
    /// An error of our own output; files are told with their name instead.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::local(format!("The output cannot be written: {}.", reason(&error)), ""),
        }
    }
}
