//! Trying something in a process that may break on it.

use std::io;
use std::os::fd::AsFd;

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid};
use rustix::process::{WaitId, WaitIdOptions, waitid};

use crate::sys::{self, Cloned};

/// Runs `trial` in a forked process that ends with it. Its error comes back by its number.
///
/// # Errors
/// The trial's; an error without a number, or a death, is `Other`.
pub(crate) fn attempt(trial: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    match sys::clone(0, None)? {
        Cloned::Child => sys::exit(match trial() {
            Ok(()) => 0,
            Err(error) => error.raw_os_error().unwrap_or(255),
        }),
        Cloned::Parent { pidfd, .. } => {
            let status = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED)?;
            match status.and_then(|status| status.exit_status()) {
                Some(0) => Ok(()),
                Some(errno) if errno != 255 => Err(io::Error::from_raw_os_error(errno)),
                _ => Err(io::Error::other("the trial ended without a reason")),
            }
        }
    }
}

/// For a trial: enters new namespaces; without root, as root of a user namespace with this user's id alone.
pub(super) fn enter(rootless: bool, flags: CloneFlags) -> io::Result<()> {
    let (uid, gid) = (Uid::effective(), Gid::effective());
    if !rootless {
        return Ok(unshare(flags)?);
    }
    unshare(flags | CloneFlags::CLONE_NEWUSER)?;
    crate::rootless::map_self(uid, gid)
}
