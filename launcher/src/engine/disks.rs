//! Writable layers of containers: where they come from, and where they go.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::io::Errno;

use super::{Engine, failure};
use crate::disk::{Disk, Remains, Size};
use crate::plan::Storage;
use crate::space::Space;
use crate::wire::{Failure, FailureKind, LaunchRequest};

impl Engine {
    /// Refuses what would take the last of the host's disk.
    pub(super) fn require_space(&self) -> Result<(), Failure> {
        let Some(Space { free, reserve }) = Space::on(self.store.containers()) else { return Ok(()) };
        if free >= reserve {
            return Ok(());
        }
        Err(failure(
            FailureKind::TooMany,
            format!(
                "The disk of the state directory is nearly full: {} MiB are free, of which {} are kept for the host. Remove containers or images.",
                free >> 20,
                reserve >> 20
            ),
        ))
    }

    /// What must be made before this can be launched.
    pub(crate) fn disk_to_make(&mut self, request: &LaunchRequest) -> Option<Size> {
        let pool = self.pool.as_mut().filter(|_| !request.read_only)?;
        let size = Size::from(&request.limits);
        for disk in pool.asked(size) {
            if let Remains::Descriptor(fd) = disk.into_remains() {
                self.doomed.push(fd);
                self.trash_filled = true;
            }
        }
        (!pool.has(size)).then_some(size)
    }

    /// Whether a writable layer of this size is ready.
    pub(crate) fn has_disk(&self, size: Size) -> bool {
        self.pool.as_ref().is_some_and(|pool| pool.has(size))
    }

    /// The writable layer of a new container.
    pub(crate) fn make_disk(&mut self, request: &LaunchRequest, storage: Storage) -> io::Result<Disk> {
        match (storage, &mut self.pool) {
            (Storage::Image, Some(pool)) => {
                pool.take(Size::from(&request.limits)).ok_or_else(|| Errno::NOSPC.into())
            }
            _ => {
                let owner = self.ranges.store().0;
                let root = self.store.make_container(&request.container, owner)?;
                let size = Size::from(&request.limits);
                let quota = match storage {
                    Storage::Quota => Some((self.projects.assign(root.as_fd(), size)?, size)),
                    _ => None,
                };
                Ok(Disk::directory(root, quota))
            }
        }
    }

    /// Gives up what a container has written; whatever takes long of it is done by a child.
    pub(crate) fn discard(&mut self, container: &str, disk: Option<Disk>) {
        match disk.map(Disk::into_remains) {
            Some(Remains::Descriptor(fd)) => {
                self.doomed.push(fd);
                self.fill_trash();
            }
            Some(Remains::Directory) | None => {
                let name = self.trash_name(container);
                // Not there when its creation was what failed; the sweep of the next start finds anything else.
                let _ = self.store.discard_container(container, &name);
            }
        }
    }

    /// Has a child delete what there is to delete. Returns a pidfd to wait for.
    pub(crate) fn empty_trash(&mut self) -> io::Result<Option<BorrowedFd<'_>>> {
        self.trash.filled(self.store.trash(), &mut self.doomed)
    }
}
