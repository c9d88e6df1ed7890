//! Why a job is not done, in the words that reach whoever asked.

use porthole_launcher::wire::{Failure, FailureKind};
use rustix::io::Errno;

use crate::image::shown;

/// The result of a job.
pub(super) type Result<T> = std::result::Result<T, Failure>;

/// A job that is not done; the message is a sentence.
pub(super) fn refusal(kind: FailureKind, message: impl Into<String>) -> Failure {
    Failure { kind, message: message.into() }
}

/// What `errno` means for a path that was asked for.
pub(super) fn unusable(path: &[u8], errno: Errno) -> Failure {
    let path = shown(path);
    match errno {
        Errno::NOENT | Errno::LOOP | Errno::NAMETOOLONG => {
            refusal(FailureKind::NoSuchFile, format!("There is no {path}."))
        }
        Errno::NOTDIR => refusal(FailureKind::NoSuchFile, format!("There is no directory {path}.")),
        Errno::XDEV => refusal(
            FailureKind::NoSuchFile,
            format!("{path} is not in the container's own file system, but mounted over it."),
        ),
        Errno::ROFS => refusal(FailureKind::BadRequest, "The file system is read-only."),
        Errno::NOSPC | Errno::DQUOT => refusal(FailureKind::TooMany, "The disk is full."),
        errno => refusal(FailureKind::Internal, format!("{path} cannot be used: {errno}.")),
    }
}
