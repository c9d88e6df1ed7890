//! Attempts to get out of a container, or to take what is everybody's, each of which says how it went. Harmless where they
//! succeed, so that they can be made on a host as well: what would change it is opened and not written.

mod bombs;
mod entering;
mod kernel;

use std::fmt;

/// How an attempt ended, with the evidence in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Refused, or of no effect beyond the container.
    Contained(String),
    /// It went through.
    Escaped(String),
    /// There is nothing to try here.
    None(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Contained(evidence) => write!(f, "contained {evidence}"),
            Self::Escaped(evidence) => write!(f, "escaped {evidence}"),
            Self::None(evidence) => write!(f, "none {evidence}"),
        }
    }
}

/// Contained when nothing got through, else escaped with what did.
fn outcome(through: &[String], contained: impl Into<String>) -> Outcome {
    match through {
        [] => Outcome::Contained(contained.into()),
        [first, ..] => Outcome::Escaped(format!("{} got through, first {first}", through.len())),
    }
}

/// An attempt by its name.
type Attempt = (&'static str, fn() -> Outcome);

/// Every attempt.
const ATTEMPTS: [Attempt; 27] = [
    ("overwrite", entering::overwrite),
    ("watch", entering::watch),
    ("change-programs", entering::change_programs),
    ("descriptors", entering::descriptors),
    ("calls", kernel::calls),
    ("terminal-input", kernel::terminal_input),
    ("other-tables", kernel::other_tables),
    ("namespaces", kernel::namespaces),
    ("mounts", kernel::mounts),
    ("keys", kernel::keys),
    ("handles", kernel::handles),
    ("knobs", kernel::knobs),
    ("outside-processes", kernel::outside_processes),
    ("effective", kernel::effective),
    ("clock", kernel::clock),
    ("families", kernel::families),
    ("abstract", kernel::abstract_socket),
    ("kernel-log", kernel::kernel_log),
    ("forks", bombs::forks),
    ("ptys", bombs::ptys),
    ("inotify", bombs::inotify),
    ("files", bombs::files),
    ("memfd", bombs::memfd),
    ("pipes", bombs::pipes),
    ("names", bombs::names),
    ("segments", bombs::segments),
    ("log", kernel::log),
];

/// Makes the attempt of this name.
#[must_use]
pub fn make(name: &str) -> Option<Outcome> {
    ATTEMPTS.iter().find(|(known, _)| *known == name).map(|(_, attempt)| attempt())
}
