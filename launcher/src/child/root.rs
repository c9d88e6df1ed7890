//! Steps of process 1 that build the root file system.
//!
//! The image is hostile: nothing below its root is found by a path that could leave it. Sources are relative to the
//! working directory, the launcher's staging directory, which no container can reach.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, symlinkat};
use rustix::io::{Errno, write};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree, unmount,
};

use super::errno;
use super::streams::create_directories;
use crate::sys;

/// Where layer `n` is attached. Names, because a child cannot format numbers without allocating.
pub(crate) fn layer_name(n: usize, buffer: &mut [u8; 4]) -> &CStr {
    let digits = if n < 10 {
        1
    } else if n < 100 {
        2
    } else {
        3
    };
    let mut rest = n;
    for place in (0..digits).rev() {
        buffer[place] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    buffer[digits] = 0;
    CStr::from_bytes_until_nul(buffer).unwrap_or(c"")
}

/// A layer in memory with `directories` and `files`, attached as `base`.
pub(super) fn make_base(directories: &[String], files: &[(String, String)]) -> Result<(), Errno> {
    let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in [("mode", "755"), ("size", "64k"), ("nr_inodes", "32")] {
        fsconfig_set_string(context.as_fd(), key, value)?;
    }
    fsconfig_create(context.as_fd())?;
    let base = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::MOUNT_ATTR_NODEV)?;
    for directory in directories {
        mkdirat(&base, directory.as_str(), Mode::from_raw_mode(0o755))?;
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    for (path, contents) in files {
        let file = openat(&base, path.as_str(), flags, Mode::from_raw_mode(0o644))?;
        write(&file, contents.as_bytes())?;
    }
    attach_to(base.as_fd(), CWD, c"base")
}

/// The last of `layers` is the writable one.
pub(super) fn attach_layers(layers: &[OwnedFd]) -> Result<(), Errno> {
    let (writable, layers) = layers.split_last().ok_or(Errno::INVAL)?;
    for (n, layer) in layers.iter().enumerate() {
        attach_to(layer.as_fd(), CWD, layer_name(n, &mut [0; 4]))?;
    }
    attach_to(writable.as_fd(), CWD, c"w")
}

/// Mounted by process 1 itself and not by the launcher: whatever overlayfs does for a container, it does with the
/// privilege of that container's root alone, and device nodes cannot be used whatever the flags.
pub(super) fn mount_overlay(options: &CStr) -> Result<OwnedFd, Errno> {
    rustix::mount::mount("overlay", "root", "overlay", MountFlags::NODEV, options)?;
    openat(CWD, "root", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

pub(super) fn mount(
    root: BorrowedFd<'_>,
    fstype: &str,
    target: &str,
    options: &[(String, String)],
    attributes: u64,
) -> Result<(), Errno> {
    let context = fsopen(fstype, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        fsconfig_set_string(context.as_fd(), key.as_str(), value.as_str())?;
    }
    fsconfig_create(context.as_fd())?;
    let attributes = MountAttrFlags::from_bits_retain(u32::try_from(attributes).unwrap_or_default());
    let mount = fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?;
    attach(mount.as_fd(), root, target)
}

/// Attaches the detached `mount` at the directory `target` of `root`.
pub(super) fn attach(mount: BorrowedFd<'_>, root: BorrowedFd<'_>, target: &str) -> Result<(), Errno> {
    attach_to(mount, directory(root, target)?.as_fd(), c"")
}

fn attach_to(mount: BorrowedFd<'_>, to: BorrowedFd<'_>, path: &CStr) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, c"", to, path, flags)
}

/// A directory to mount on. The base layer has those at the top; those inside of what was mounted there are made here.
fn directory(root: BorrowedFd<'_>, path: &str) -> Result<OwnedFd, Errno> {
    let opened = inside(root, path, OFlags::DIRECTORY);
    let (Err(Errno::NOENT), Some((parent, name))) = (&opened, path.rsplit_once('/')) else { return opened };
    let parent = inside(root, parent, OFlags::DIRECTORY)?;
    mkdirat(&parent, name, Mode::from_raw_mode(0o755))?;
    inside(root, path, OFlags::DIRECTORY)
}

/// Opens what is at `path` below `root` as a place, following no symbolic link at all.
fn inside(root: BorrowedFd<'_>, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    openat2(
        root,
        path,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC | flags,
        Mode::empty(),
        ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
    )
}

/// Makes the directories at these absolute paths, as far as the image lets that be: it may have a file there, or a link to
/// nowhere, and a container is no worse for what it has made itself.
pub(super) fn make_directories(root: BorrowedFd<'_>, paths: &[String]) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    for path in paths {
        let _ = create_directories(path, |path| openat2(root, path, flags, Mode::empty(), resolve));
    }
    Ok(())
}

pub(super) fn write_sysctl(root: BorrowedFd<'_>, path: &str, value: &str) -> Result<(), Errno> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_SYMLINKS;
    match openat2(root, path, flags, Mode::empty(), resolve) {
        Ok(file) => write(&file, value.as_bytes()).map(drop),
        // A kernel without this setting.
        Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno),
    }
}

pub(super) fn bind_devices(root: BorrowedFd<'_>, names: &[String]) -> Result<(), Errno> {
    let (from, to) =
        (openat(CWD, "dev", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?, directory(root, "dev")?);
    for name in names {
        let node = open_tree(&from, name.as_str(), clone_flags())?;
        place(&to, name)?;
        move_mount(&node, "", &to, name.as_str(), MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    }
    Ok(())
}

/// An empty file to mount on.
fn place(dir: &OwnedFd, name: &str) -> Result<(), Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    openat(dir, name, flags, Mode::from_raw_mode(0o666)).map(drop)
}

pub(super) fn make_links(root: BorrowedFd<'_>, links: &[(String, String)]) -> Result<(), Errno> {
    let dev = directory(root, "dev")?;
    links.iter().try_for_each(|(name, target)| symlinkat(target.as_str(), &dev, name.as_str()))
}

pub(super) fn bind_console(root: BorrowedFd<'_>, terminal: BorrowedFd<'_>) -> Result<(), Errno> {
    let dev = directory(root, "dev")?;
    let node = open_tree(terminal, "", clone_flags() | OpenTreeFlags::AT_EMPTY_PATH)?;
    place(&dev, "console")?;
    move_mount(&node, "", &dev, "console", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
}

/// Covers each of `paths` with `source` of the staging directory: the launcher has verified what that is.
pub(super) fn mask(root: BorrowedFd<'_>, paths: &[String], source: &str) -> Result<(), Errno> {
    for path in paths {
        let cover = open_tree(CWD, source, clone_flags())?;
        cover_with(root, path, cover.as_fd())?;
    }
    Ok(())
}

/// Covers each of `paths` with a read-only view of itself.
pub(super) fn protect(root: BorrowedFd<'_>, paths: &[String]) -> Result<(), Errno> {
    for path in paths {
        let place = match inside(root, path, OFlags::empty()) {
            Err(Errno::NOENT) => continue,
            other => other?,
        };
        let view = open_tree(&place, "", clone_flags() | OpenTreeFlags::AT_EMPTY_PATH)?;
        cover_with(root, path, view.as_fd())?;
    }
    Ok(())
}

fn cover_with(root: BorrowedFd<'_>, path: &str, cover: BorrowedFd<'_>) -> Result<(), Errno> {
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    sys::set_mount_attributes(cover, u64::from(attributes.bits()), None).map_err(errno)?;
    match inside(root, path, OFlags::empty()) {
        Ok(place) => attach_to(cover, place.as_fd(), c""),
        // Gone since the launcher looked: nothing to hide.
        Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno),
    }
}

pub(super) fn protect_root(root: BorrowedFd<'_>) -> Result<(), Errno> {
    sys::set_mount_attributes(root, u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits()), None).map_err(errno)
}

pub(super) fn pivot(root: BorrowedFd<'_>) -> Result<(), Errno> {
    rustix::process::fchdir(root)?;
    // New and old root at the same place: the old one ends up on top, see pivot_root(2).
    rustix::process::pivot_root(".", ".")
}

pub(super) fn detach_host() -> Result<(), Errno> {
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")
}

fn clone_flags() -> OpenTreeFlags {
    OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC
}
