//! Reading a file of an image as a container would see it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MoveMountFlags, UnmountFlags, mount, move_mount, unmount};

use crate::child::layer_name;
use crate::store::Store;

/// Opens the regular file `path` of the image made of `layers`, topmost first, for reading.
///
/// The layers are put together by the kernel, in the staging directory, for as long as it takes to open the file: so
/// whiteouts and links mean here what they mean in a container.
///
/// # Errors
/// `NOENT` when it does not exist; others as `openat2(2)`, `INVAL` for what is no regular file.
pub(crate) fn open(store: &Store, layers: &[String], path: &str) -> Result<OwnedFd, Errno> {
    let assembled = Assembled::of(store, layers, None)?;
    let root = assembled.root()?;
    // A pipe in the image would keep a blocking open waiting.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
    let file = openat2(&root, path, flags, Mode::empty(), resolve)?;
    drop(assembled);
    if FileType::from_raw_mode(fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(Errno::INVAL);
    }
    Ok(file)
}

/// Layers put together in the launcher's own namespace; gone from there when this is dropped.
#[derive(Default)]
pub(crate) struct Assembled {
    written: bool,
    layers: usize,
    overlay: bool,
}

impl Assembled {
    /// `written` is the writable layer of a container that has ended, to lie on top.
    pub(crate) fn of(store: &Store, layers: &[String], written: Option<OwnedFd>) -> Result<Self, Errno> {
        let quiet = MountFlags::NODEV | MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::RDONLY;
        let mut assembled = Self::default();
        let mut lower = String::from("lowerdir=");
        let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
        if let Some(written) = written {
            move_mount(written.as_fd(), c"", CWD, c"w", flags)?;
            assembled.written = true;
            lower.push_str("w/upper:");
        }
        for (n, layer) in layers.iter().enumerate() {
            let tree = Store::clone_tree(store.layers(), layer, 0, None)?;
            move_mount(tree.as_fd(), c"", CWD, layer_name(n, &mut [0; 4]), flags)?;
            assembled.layers = n + 1;
            lower.push_str(&format!("{n}:"));
        }
        // One more, because overlayfs wants two when there is no writable one.
        lower.push_str("empty,userxattr");
        let options = std::ffi::CString::new(lower).map_err(|_| Errno::INVAL)?;
        mount("overlay", "root", "overlay", quiet, options.as_c_str())?;
        assembled.overlay = true;
        Ok(assembled)
    }

    /// The root of it, which stays as long as it is open.
    pub(crate) fn root(&self) -> Result<OwnedFd, Errno> {
        openat(CWD, "root", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }
}

impl Drop for Assembled {
    fn drop(&mut self) {
        if self.overlay {
            report(unmount("root", UnmountFlags::DETACH));
        }
        if self.written {
            report(unmount("w", UnmountFlags::DETACH));
        }
        for n in 0..self.layers {
            report(unmount(layer_name(n, &mut [0; 4]), UnmountFlags::DETACH));
        }
    }
}

/// A mount that stays would be copied into every container and covered there; worth knowing, not worth ending for.
fn report(result: Result<(), Errno>) {
    if let Err(errno) = result {
        eprintln!("porthole launcher: a mount of an image stays: {}", io::Error::from(errno));
    }
}
