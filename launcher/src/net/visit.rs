//! Doing something in another network namespace: the launcher's only thread goes there and comes back.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sched::{CloneFlags, setns, unshare};
use rustix::fs::{CWD, Mode, OFlags, openat};

/// The network namespace that the caller is in.
///
/// # Errors
/// As `open(2)`.
pub(crate) fn here() -> io::Result<OwnedFd> {
    Ok(openat(CWD, "/proc/self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Calls `what` in the namespace `there`.
///
/// # Errors
/// Its own, and those of `setns(2)`.
pub(crate) fn within<T>(
    there: BorrowedFd<'_>,
    home: &OwnedFd,
    what: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    setns(there, CloneFlags::CLONE_NEWNET)?;
    let result = what();
    return_to(home);
    result
}

/// Calls `what` in a new namespace.
///
/// # Errors
/// Its own, and those of `unshare(2)`.
pub(super) fn within_new<T>(home: &OwnedFd, what: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    let result = what();
    return_to(home);
    result
}

/// Everything that the launcher does later would be done in the wrong place: rather nothing at all.
fn return_to(home: &OwnedFd) {
    if let Err(errno) = setns(home.as_fd(), CloneFlags::CLONE_NEWNET) {
        eprintln!("porthole launcher: it cannot return to its network namespace: {errno}");
        std::process::abort();
    }
}
