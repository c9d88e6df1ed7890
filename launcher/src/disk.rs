//! Writable layers: where what a container writes is kept, bounded in bytes and in files.

mod find;
mod image;
mod loopback;
mod maker;
mod pool;
mod quota;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::fstatvfs;
use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, OpenTreeFlags, open_tree};
use serde::{Deserialize, Serialize};

use crate::sys;
use crate::wire::{Limits, Resource, Usage};
pub(crate) use find::{find, try_image};
pub(crate) use pool::Pool;
pub(crate) use quota::Projects;

/// What overlayfs makes for itself beside the files of a container: `work/work`, and in it the mark of a volatile one.
const OVERLAYS_OWN: Size = Size { bytes: 3 * 4096, inodes: 3 };

/// How much a writable layer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Size {
    pub(crate) bytes: u64,
    /// Files, directories and links.
    pub(crate) inodes: u64,
}

impl From<&Limits> for Size {
    fn from(limits: &Limits) -> Self {
        Self { bytes: limits.disk_bytes, inodes: limits.disk_inodes }
    }
}

/// One container's writable layer: a directory with `upper` and `work`, which belong to the store's ids.
#[derive(Debug)]
pub(crate) struct Disk {
    /// That directory; of a file system of its own, the mount that keeps it alive.
    root: OwnedFd,
    backing: Backing,
}

#[derive(Debug)]
enum Backing {
    /// A directory of the state directory, without a limit but for a quota of its project.
    Directory { quota: Option<(u32, Size)> },
    /// A file system of its own in an image behind a loop device.
    Image {
        /// The device's number.
        device: u32,
        /// What it was made for.
        size: Size,
        /// What was free when nothing was in it.
        empty: Size,
    },
}

/// What becomes of a writable layer that nobody needs any more.
pub(crate) enum Remains {
    /// A directory to move to the trash.
    Directory,
    /// A descriptor that takes long to close: with the last one, all that was written is freed.
    Descriptor(OwnedFd),
}

impl Disk {
    /// The directory behind `root`; of the project that a quota limits, with its limits.
    pub(crate) fn directory(root: OwnedFd, quota: Option<(u32, Size)>) -> Self {
        Self { root, backing: Backing::Directory { quota } }
    }

    /// A detached mount of it, with `upper` and `work` at its top, translated by the user namespace `ids`.
    ///
    /// # Errors
    /// As `fsmount(2)`, `open_tree(2)` and `mount_setattr(2)`.
    pub(crate) fn mount(
        &self,
        attributes: MountAttrFlags,
        ids: Option<BorrowedFd<'_>>,
    ) -> Result<OwnedFd, Errno> {
        let mount = match self.backing {
            Backing::Directory { .. } => {
                let flags = OpenTreeFlags::OPEN_TREE_CLONE
                    | OpenTreeFlags::OPEN_TREE_CLOEXEC
                    | OpenTreeFlags::AT_EMPTY_PATH;
                open_tree(&self.root, "", flags)?
            }
            // Not a clone of the mount that is there: of a detached one, kernels before 6.15 make none.
            Backing::Image { device, .. } => image::mount(device)?,
        };
        sys::set_mount_attributes(mount.as_fd(), attributes.bits().into(), ids)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        Ok(mount)
    }

    /// The directory that holds `upper` and `work`, as the host sees it.
    pub(crate) fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Limits and use; empty where nothing limits it.
    pub(crate) fn usage(&self) -> Vec<Usage> {
        let (used, size) = match self.backing {
            Backing::Directory { quota: None } => return Vec::new(),
            Backing::Directory { quota: Some((project, size)) } => {
                (quota::used(self.root.as_fd(), project).ok(), size)
            }
            Backing::Image { size, empty, .. } => (self.used(empty).ok(), size),
        };
        let Some(used) = used else { return Vec::new() };
        let usage =
            |resource, usage, limit| Usage { resource, version: 0, usage, limit: Some(limit), hits: 0 };
        vec![usage(Resource::Disk, used.bytes, size.bytes), usage(Resource::Inodes, used.inodes, size.inodes)]
    }

    /// What is used of a file system where this was free at first.
    fn used(&self, empty: Size) -> Result<Size, Errno> {
        let free = free(self.root.as_fd())?;
        let used = |empty: u64, free: u64, own: u64| empty.saturating_sub(free).saturating_sub(own);
        Ok(Size {
            bytes: used(empty.bytes, free.bytes, OVERLAYS_OWN.bytes),
            inodes: used(empty.inodes, free.inodes, OVERLAYS_OWN.inodes),
        })
    }

    /// Gives it up.
    pub(crate) fn into_remains(self) -> Remains {
        match self.backing {
            Backing::Directory { .. } => Remains::Directory,
            Backing::Image { .. } => Remains::Descriptor(self.root),
        }
    }
}

/// What is free on the file system behind `fd` for those without privilege.
pub(crate) fn free(fd: BorrowedFd<'_>) -> Result<Size, Errno> {
    let stat = fstatvfs(fd)?;
    Ok(Size { bytes: stat.f_bavail * stat.f_frsize, inodes: stat.f_favail })
}
