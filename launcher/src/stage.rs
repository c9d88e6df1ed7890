//! The launcher's own surroundings: a private mount namespace, and in it the staging directory that plans are executed in.
//!
//! The staging directory is the launcher's working directory. A child finds its own copy of it by relative paths; mounts
//! it makes there are in its own mount namespace and so in nobody's way.

use std::io;
use std::path::Path;

use nix::sched::CloneFlags;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, makedev, mkdirat, openat, statat};
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, mount, mount_change, move_mount,
    open_tree,
};
use rustix::process::chdir;

use crate::child::layer_name;
use crate::plan::DEVICE_NODES;
use crate::validate::MAX_LAYERS;

/// Device numbers of [`DEVICE_NODES`], see the kernel's `admin-guide/devices.txt`.
const DEVICE_NUMBERS: [(u32, u32); 6] = [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0)];

/// Enters a private mount namespace and makes the staging directory below `state` the working directory.
///
/// # Errors
/// When the kernel refuses a step, or a device of the host is not what its name says.
pub(crate) fn enter(state: &Path) -> io::Result<()> {
    nix::sched::unshare(CloneFlags::CLONE_NEWNS)?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    let stage = state.join("stage");
    match std::fs::create_dir(&stage) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    mount("stage", &stage, "tmpfs", MountFlags::NOSUID | MountFlags::NOEXEC, c"mode=755,size=1m")?;
    chdir(&stage)?;
    for name in [c"root", c"base", c"dev", c"w"] {
        mkdirat(CWD, name, Mode::from_raw_mode(0o755))?;
    }
    mkdirat(CWD, "empty", Mode::from_raw_mode(0o555))?;
    for n in 0..MAX_LAYERS {
        mkdirat(CWD, layer_name(n, &mut [0; 4]), Mode::from_raw_mode(0o755))?;
    }
    DEVICE_NODES.iter().zip(DEVICE_NUMBERS).try_for_each(|(name, number)| bind_device(name, number))
}

/// Binds a node of the host's /dev; what it is is checked here, once, and never looked up by a name again.
fn bind_device(name: &str, (major, minor): (u32, u32)) -> io::Result<()> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let node = open_tree(CWD, format!("/dev/{name}"), flags)?;
    let stat = statat(&node, "", AtFlags::EMPTY_PATH)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::CharacterDevice
        || stat.st_rdev != makedev(major, minor)
    {
        return Err(io::Error::other(format!("/dev/{name} is not the device {major}:{minor}")));
    }
    let place = format!("dev/{name}");
    let create = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    openat(CWD, &place, create, Mode::from_raw_mode(0o644))?;
    move_mount(&node, "", CWD, &place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    Ok(())
}
