//! Where jobs are done: the directories of a place, and the ids of their owners.

use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::MountAttrFlags;

use super::answers::no_container;
use super::{Engine, failure, refused};
use crate::container::Container;
use crate::image_file::Assembled;
use crate::store::Store;
use crate::wire::{EngineKind, Failure, FailureKind, Place};

/// A view that nobody can write to, run from, or take a device from.
const QUIET: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_RDONLY
    .union(MountAttrFlags::MOUNT_ATTR_NOSUID)
    .union(MountAttrFlags::MOUNT_ATTR_NODEV)
    .union(MountAttrFlags::MOUNT_ATTR_NOEXEC);

/// What a worker is given.
#[derive(Debug)]
pub(crate) struct Site {
    /// Host id of what belongs to id 0 inside.
    pub(crate) ids: u32,
    /// How many ids there are.
    pub(crate) count: u32,
    /// The directories, as [`Place`] orders them.
    pub(crate) roots: Vec<OwnedFd>,
    /// An empty directory, for a root that has nothing to offer.
    pub(crate) nothing: OwnedFd,
}

impl Engine {
    /// The directories at `place`.
    ///
    /// # Errors
    /// `NoSuchContainer`, `NoSuchLayer`; `Internal` when the kernel refuses to show them.
    pub(crate) fn site(&self, place: &Place) -> Result<Site, Failure> {
        let internal = |errno: Errno| refused("The files cannot be shown", &errno.into());
        let (mut ids, mut count) = self.ranges.store();
        let nothing = openat(CWD, "empty", directory(), Mode::empty()).map_err(internal)?;
        let roots = match place {
            Place::Layers(layers) => {
                self.require_layers(layers)?;
                self.layers(layers)
            }
            Place::Stack { container } => {
                let container = self.containers.get(container).ok_or_else(|| no_container(container))?;
                let written = self.written(container);
                written.and_then(|written| {
                    Ok(std::iter::once(written).chain(self.layers(&container.layers)?).collect())
                })
            }
            Place::Root { container } => {
                let container = self.containers.get(container).ok_or_else(|| no_container(container))?;
                if container.running().is_ok() && container.engine == EngineKind::Runsc {
                    return Err(failure(
                        FailureKind::Unsupported,
                        "The files of a running gVisor container are inside its sandbox; stop it first.",
                    ));
                }
                let root = match container.running() {
                    // Process 1 has not been waited for, so that the number is its own; and the link leads to where the
                    // kernel says its root is, whatever is mounted there.
                    Ok(life) => {
                        (ids, count) = (life.range.ids.base, life.range.ids.count);
                        openat(CWD, format!("/proc/{}/root", life.init.number()), directory(), Mode::empty())
                    }
                    Err(_) => container.disk.mount(QUIET, None).and_then(|written| {
                        Assembled::of(&self.store, &container.layers, Some(written))?.root()
                    }),
                };
                root.map(|root| vec![root])
            }
        };
        Ok(Site { ids, count, roots: roots.map_err(internal)?, nothing })
    }

    fn layers(&self, layers: &[String]) -> Result<Vec<OwnedFd>, Errno> {
        let clone = |layer: &String| Store::clone_tree(self.store.layers(), layer, QUIET.bits().into(), None);
        layers.iter().map(clone).collect()
    }

    /// What a container has written: a directory of a mount that nothing is left of when it is closed.
    fn written(&self, container: &Container) -> Result<OwnedFd, Errno> {
        openat(container.disk.mount(QUIET, None)?, "upper", directory() | OFlags::NOFOLLOW, Mode::empty())
    }

    /// Freezes a running container. False where the host cannot, or it has ended.
    ///
    /// # Errors
    /// `NoSuchContainer`; `InUse` when it is frozen already; `Internal` when the kernel refuses a step.
    pub(crate) fn freeze(&mut self, id: &str) -> Result<bool, Failure> {
        let container = self.containers.get_mut(id).ok_or_else(|| no_container(id))?;
        if container.frozen.is_some() {
            return Err(failure(FailureKind::InUse, format!("The container {id} is frozen already.")));
        }
        if container.running().is_err() {
            return Ok(false);
        }
        container.frozen = self
            .cgroups
            .freeze(id)
            .map_err(|error| refused(format_args!("The container {id} cannot be frozen"), &error))?;
        Ok(container.frozen.is_some())
    }

    /// Lets it run on.
    pub(crate) fn thaw(&mut self, id: &str) {
        if let Some(container) = self.containers.get_mut(id) {
            container.frozen = None;
        }
    }
}

fn directory() -> OFlags {
    OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC
}
