//! Steps of the two processes that an OCI runtime needs: the mounter, and the one that becomes the runtime.

use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd};

use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, UnmountFlags, move_mount, open_tree, unmount};
use rustix::process::{PidfdGetfdFlags, pidfd_getfd};

use crate::page::Page;

/// Where a runtime finds the network namespace that it is given: an empty file of the staging directory.
pub(crate) const NETWORK: &str = "net";

/// The same for the user namespace.
pub(crate) const USERS: &str = "users";

/// Detaches a copy of the assembled root, and keeps it open.
pub(super) fn offer_root(page: &Page) -> Result<(), Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(CWD, c"root", flags)?;
    page.offer(tree.as_raw_fd().unsigned_abs());
    // Kept on purpose, as long as this process lives.
    let _ = tree.into_raw_fd();
    Ok(())
}

/// Takes it from the mounter, and attaches it where the bundle says that its root is.
pub(super) fn take_root(page: &Page, mounter: BorrowedFd<'_>) -> Result<(), Errno> {
    let number = i32::try_from(page.offered()).map_err(|_| Errno::BADF)?;
    let tree = pidfd_getfd(mounter, number, PidfdGetfdFlags::empty())?;
    move_mount(&tree, c"", CWD, c"root", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

/// Attaches a namespace at the file where the bundle says that it is.
pub(super) fn take_namespace(namespace: BorrowedFd<'_>, place: &str) -> Result<(), Errno> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = open_tree(namespace, c"", flags)?;
    move_mount(&tree, c"", CWD, place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

pub(super) fn hide(points: &[String]) -> Result<(), Errno> {
    points.iter().try_for_each(|point| unmount(point.as_str(), UnmountFlags::DETACH))
}
