//! Directories under a project quota, of ext4 or XFS: see `quotactl(2)`.
//!
//! A container cannot leave its project: the kernel changes projects for the first user namespace alone
//! (`fs/file_attr.c`).

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use super::{OVERLAYS_OWN, Size};
use crate::sys::{self, Quota};

/// The first project of containers; those below are for others who share the file system.
const FIRST: u32 = 524_288;

/// Projects before they begin anew.
const COUNT: u32 = 1 << 20;

/// The directory itself, `upper` and `work`, and what overlayfs makes.
const OWN: Size = Size { bytes: 3 * 4096 + OVERLAYS_OWN.bytes, inodes: 3 + OVERLAYS_OWN.inodes };

/// Bytes in which the kernel counts the limit.
const UNIT: u64 = 1024;

/// Projects that are given away, in order.
#[derive(Debug, Default)]
pub(crate) struct Projects {
    next: u32,
}

impl Projects {
    /// Puts the new container's directory behind `root` under a project of its own with the limits `size`.
    ///
    /// # Errors
    /// When the kernel refuses a step.
    pub(crate) fn assign(&mut self, root: BorrowedFd<'_>, size: Size) -> io::Result<u32> {
        let project = self.unused(root)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        sys::set_project(root, project)?;
        for name in ["upper", "work"] {
            sys::set_project(openat(root, name, flags, Mode::empty())?.as_fd(), project)?;
        }
        set(root, project, Size { bytes: size.bytes + OWN.bytes, inodes: size.inodes + OWN.inodes })?;
        Ok(project)
    }

    /// A project that nothing belongs to: what is not deleted yet would count against the next one.
    fn unused(&mut self, file: BorrowedFd<'_>) -> io::Result<u32> {
        for _ in 0..COUNT {
            let project = FIRST + self.next;
            self.next = (self.next + 1) % COUNT;
            if everything(file, project)? == (Size { bytes: 0, inodes: 0 }) {
                return Ok(project);
            }
        }
        Err(Errno::USERS.into())
    }
}

/// What a container has written.
pub(super) fn used(file: BorrowedFd<'_>, project: u32) -> io::Result<Size> {
    let all = everything(file, project)?;
    Ok(Size { bytes: all.bytes.saturating_sub(OWN.bytes), inodes: all.inodes.saturating_sub(OWN.inodes) })
}

fn everything(file: BorrowedFd<'_>, project: u32) -> io::Result<Size> {
    match sys::project_quota(file, project) {
        Ok(quota) => Ok(Size { bytes: quota.space, inodes: quota.inodes }),
        // XFS has no record of a project before its first file.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::NOENT) => Ok(Size { bytes: 0, inodes: 0 }),
        Err(error) => Err(error),
    }
}

fn set(file: BorrowedFd<'_>, project: u32, size: Size) -> io::Result<()> {
    let blocks = size.bytes.div_ceil(UNIT);
    let limits = Quota {
        block_limit: blocks,
        block_soft_limit: blocks,
        inode_limit: size.inodes,
        inode_soft_limit: size.inodes,
        ..Quota::default()
    };
    sys::set_project_quota(file, project, limits)
}
