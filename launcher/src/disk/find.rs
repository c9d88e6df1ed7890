//! How writable layers can be limited on this host, found out by trying.

use std::fs;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

use super::{Projects, Size, image};
use crate::host::attempt::attempt;
use crate::plan::Storage;

/// The smallest there is.
const SMALL: Size = Size { bytes: 1 << 20, inodes: 64 };

/// The best that works on the file system of `place`, a directory.
pub(crate) fn find(place: &Path, rootless: bool) -> Storage {
    if rootless {
        return Storage::None;
    }
    if try_quota(place).is_ok() {
        return Storage::Quota;
    }
    if try_image(place).is_ok() { Storage::Image } else { Storage::None }
}

/// Tries whether a project quota below `place` holds: it may be counted and not enforced. Nothing is left of it.
fn try_quota(place: &Path) -> io::Result<()> {
    let trial = place.join(format!(".porthole-quota-{}", std::process::id()));
    for path in ["", "upper", "work"] {
        fs::create_dir(trial.join(path))?;
    }
    let tried = attempt(|| {
        let root = openat(CWD, &trial, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Projects::default().assign(root.as_fd(), SMALL)?;
        // Who has this may exceed every quota.
        let mut own = capabilities(None)?;
        own.effective.remove(CapabilitySet::SYS_RESOURCE);
        set_capabilities(None, own)?;
        let too_much = vec![0; usize::try_from(2 * SMALL.bytes).map_err(io::Error::other)?];
        match fs::File::create(trial.join("upper/file"))?.write_all(&too_much) {
            Ok(()) => Err(io::ErrorKind::Unsupported.into()),
            Err(_) => Ok(()),
        }
    });
    fs::remove_dir_all(&trial)?;
    tried
}

/// Makes an image below `place`; nothing is left of it.
///
/// # Errors
/// Why there can be none.
pub(crate) fn try_image(place: &Path) -> io::Result<()> {
    if !image::has_program() {
        return Err(io::Error::other("mkfs.ext4 is missing"));
    }
    attempt(|| {
        let scratch =
            openat(CWD, place, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        enter_memory()?;
        let template = image::template(scratch.as_fd(), SMALL)?;
        image::make(scratch.as_fd(), &template, SMALL, 0).map(drop)
    })
}

/// Makes a file system in memory the working directory: a place for device nodes, whatever `place` is mounted with.
fn enter_memory() -> io::Result<()> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(context.as_fd())?;
    let mount = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?;
    Ok(rustix::process::fchdir(&mount)?)
}
