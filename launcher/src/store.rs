//! The launcher's directories on disk: layers and containers, each found by a validated name below a descriptor.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    CWD, Dir, Gid, IFlags, Mode, OFlags, Uid, chownat, ioctl_getflags, ioctl_setflags, mkdirat, openat,
    renameat,
};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};

use crate::sys;

/// Where a removed container's directory waits for its deletion.
pub(crate) const TRASH: &str = "trash";

/// What the name of a spare directory begins with; no id has this shape.
const SPARE: &str = ".spare-";

/// Directories below the state directory.
#[derive(Debug)]
pub(crate) struct Store {
    layers: OwnedFd,
    containers: OwnedFd,
    trash: OwnedFd,
    /// A directory that becomes the next container's, and how many there have been.
    spare: Option<String>,
    spares: u64,
}

impl Store {
    /// Opens the directories below `state`, creating them for the launcher alone when they are missing.
    pub(crate) fn open(state: &Path) -> io::Result<Self> {
        let open = |name: &str| -> io::Result<OwnedFd> {
            let path = state.join(name);
            match mkdirat(CWD, &path, Mode::from_raw_mode(0o700)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
            Ok(openat(CWD, &path, directory(), Mode::empty())?)
        };
        let store = Self {
            layers: open("layers")?,
            containers: open("containers")?,
            trash: open(TRASH)?,
            spare: None,
            spares: 0,
        };
        store.spread();
        Ok(store)
    }

    /// Puts what an earlier launcher has left of containers into the trash: without it they are dead.
    pub(crate) fn sweep(&self) -> Result<(), Errno> {
        for entry in Dir::read_from(&self.containers)? {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                let name = entry.file_name().to_string_lossy();
                let unique = format!("swept-{name}-{}", std::process::id());
                self.discard_container(&name, &unique)?;
            }
        }
        Ok(())
    }

    /// Takes a layer out of sight.
    pub(crate) fn discard_layer(&self, name: &str, trash_name: &str) -> Result<(), Errno> {
        renameat(&self.layers, name, &self.trash, trash_name)
    }

    /// Has ext4 treat every container's directory and every layer as a topmost one, in a block group of its own: making a
    /// file passes over all that were deleted from its group a moment ago, and those are many where containers and images
    /// come and go.
    fn spread(&self) {
        for directory in [&self.containers, &self.layers] {
            if let Ok(flags) = ioctl_getflags(directory) {
                // Other file systems know no such thing.
                let _ = ioctl_setflags(directory, flags | IFlags::TOPDIR);
            }
        }
    }

    /// The containers' directory.
    pub(crate) fn containers(&self) -> BorrowedFd<'_> {
        self.containers.as_fd()
    }

    /// The trash directory.
    pub(crate) fn trash(&self) -> BorrowedFd<'_> {
        self.trash.as_fd()
    }

    /// Whether nothing waits for its deletion.
    pub(crate) fn is_trash_empty(&self) -> Result<bool, Errno> {
        Ok(Dir::read_from(&self.trash)?
            .flatten()
            .all(|entry| matches!(entry.file_name().to_bytes(), b"." | b"..")))
    }

    /// The layers' directory.
    pub(crate) fn layers(&self) -> BorrowedFd<'_> {
        self.layers.as_fd()
    }

    /// Whether there is a complete layer of that name.
    pub(crate) fn has_layer(&self, name: &str) -> bool {
        openat(&self.layers, name, directory(), Mode::empty()).is_ok()
    }

    /// Creates a container's directory with `upper` and `work`, owned by the root of the store.
    pub(crate) fn make_container(&mut self, name: &str, owner: u32) -> Result<OwnedFd, Errno> {
        match self.spare.take() {
            Some(spare) => renameat(&self.containers, spare, &self.containers, name)?,
            None => make_directories(&self.containers, name, owner)?,
        }
        openat(&self.containers, name, directory(), Mode::empty())
    }

    /// Prepares the directory of the next container, while nobody waits: a busy journal can keep its maker waiting.
    pub(crate) fn prepare(&mut self, owner: u32) -> Result<(), Errno> {
        if self.spare.is_none() {
            self.spares += 1;
            let name = format!("{SPARE}{}", self.spares);
            make_directories(&self.containers, &name, owner)?;
            self.spare = Some(name);
        }
        Ok(())
    }

    /// Takes a container's directory out of sight; what is in the trash is deleted later.
    pub(crate) fn discard_container(&self, name: &str, trash_name: &str) -> Result<(), Errno> {
        renameat(&self.containers, name, &self.trash, trash_name)
    }

    /// A detached mount of a layer, or of a container's directory, with attributes `attributes` and translated by the
    /// user namespace `ids`.
    pub(crate) fn clone_tree(
        directory: BorrowedFd<'_>,
        name: &str,
        attributes: u64,
        ids: Option<BorrowedFd<'_>>,
    ) -> Result<OwnedFd, Errno> {
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_SYMLINK_NOFOLLOW;
        let tree = open_tree(directory, name, flags)?;
        sys::set_mount_attributes(tree.as_fd(), attributes, ids)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        Ok(tree)
    }
}

fn make_directories(containers: &OwnedFd, name: &str, owner: u32) -> Result<(), Errno> {
    mkdirat(containers, name, Mode::from_raw_mode(0o700))?;
    let container = openat(containers, name, directory(), Mode::empty())?;
    // The root directory of the container has the mode of `upper`.
    for (name, mode) in [("upper", 0o755), ("work", 0o700)] {
        mkdirat(&container, name, Mode::from_raw_mode(mode))?;
        chown(&container, name, owner)?;
    }
    chown(&container, ".", owner)
}

fn chown(dir: &OwnedFd, name: &str, owner: u32) -> Result<(), Errno> {
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    chownat(dir, name, Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)), flags)
}

fn directory() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}
