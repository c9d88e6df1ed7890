//! A file system of its own for a container: ext4 in a file without a name, behind a loop device.
//!
//! Nothing of it has a name, and the device lets go of the file by itself: so the kernel frees all of it with the last
//! descriptor, whatever becomes of the launcher.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{
    AtFlags, Gid, IFlags, Mode, OFlags, SeekFrom, Uid, chownat, copy_file_range, ioctl_getflags,
    ioctl_setflags, mkdirat, openat, seek,
};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string,
    fsmount, fsopen,
};

use super::loopback::{self, node};
use super::{Backing, Disk, Size, free};

/// Bytes of a block, of the device's and of the file system's.
const BLOCK: u32 = 4096;

/// Bytes of an inode on disk; those of overlayfs's marks are kept in it.
const INODE: u64 = 256;

/// What the file system needs for itself beside its inodes: block groups of 128 MiB with two blocks of bitmaps each, and the
/// blocks that ext4 keeps for its own growth (`reserved_clusters` of the kernel's `filesystems/ext4`): 2 %, at most 16 MiB.
const GROUP: u64 = 128 << 20;
const KEPT_SHARE: u64 = 50;
const KEPT_MOST: u64 = 16 << 20;
const MARGIN: u64 = 256 << 10;

/// Where `mkfs.ext4` is looked for.
const PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin";

/// Inodes that ext4 has for itself, those of `upper` and `work`, and what overlayfs makes.
const OWN_INODES: u64 = 11 + 2 + 3;

/// All that the file system can do. No journal: nothing of a container outlives a crash of the host. No checksums: what is
/// below has its own, or none. Said in full, so that no configuration of this host adds to it.
const FEATURES: &str = "none,dir_index,dir_nlink,ext_attr,extent,extra_isize,filetype,flex_bg,huge_file,large_file,\
    sparse_super,uninit_bg";

/// A file system that holds `size`, empty: what all images of that size begin as.
///
/// # Errors
/// When there is no `mkfs.ext4`, or no room.
pub(super) fn template(scratch: BorrowedFd<'_>, size: Size) -> io::Result<File> {
    let file = nameless(scratch)?;
    file.set_len(length(size))?;
    let output = Command::new("mkfs.ext4")
        .args(["-q", "-F", "-b", &BLOCK.to_string(), "-I", &INODE.to_string(), "-m", "0", "-O", FEATURES])
        .args(["-N", &(size.inodes + OWN_INODES).to_string(), "-E", "nodiscard,lazy_itable_init=1"])
        // By its descriptor, as it has no name.
        .arg("/proc/self/fd/0")
        .env_clear()
        .env("PATH", PATH)
        .env("MKE2FS_CONFIG", "/dev/null")
        .stdin(Stdio::from(file.try_clone()?))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .map_err(|error| io::Error::other(format!("mkfs.ext4: {error}")))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        let last = told.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given");
        return Err(io::Error::other(format!("mkfs.ext4: {last}")));
    }
    Ok(file)
}

/// Whether this host has the program that makes templates.
pub(super) fn has_program() -> bool {
    PATH.split(':').any(|directory| Path::new(directory).join("mkfs.ext4").exists())
}

/// Bytes of the image that holds `size`, in whole mebibytes.
fn length(size: Size) -> u64 {
    let inodes = (size.inodes + OWN_INODES) * INODE;
    let kept = KEPT_MOST.min(size.bytes / (KEPT_SHARE - 2));
    let groups = (size.bytes + inodes + kept) / GROUP + 1;
    // A block group takes two bitmaps, a descriptor in each of the copies of their table, and rounds its inodes up.
    let own = groups * 4 * u64::from(BLOCK) + MARGIN;
    (size.bytes + inodes + kept + own).next_multiple_of(1 << 20)
}

/// A new image like `template`, mounted.
///
/// # Errors
/// When the kernel refuses a step.
pub(super) fn make(scratch: BorrowedFd<'_>, template: &File, size: Size, owner: u32) -> io::Result<Disk> {
    let file = nameless(scratch)?;
    // Where this is possible at all, before there is anything in it: on btrfs, what is written in place is not copied first.
    if let Ok(flags) = ioctl_getflags(&file) {
        let _ = ioctl_setflags(&file, flags | IFlags::NOCOW);
    }
    copy(template, &file)?;
    let (device, open) = loopback::attach(file.as_fd(), BLOCK)?;
    let root = first_mount(device)?;
    drop(open);
    // The root directory of the container has the mode of `upper`.
    for (name, mode) in [("upper", 0o755), ("work", 0o700)] {
        mkdirat(&root, name, Mode::from_raw_mode(mode))?;
        let (user, group) = (Uid::from_raw(owner), Gid::from_raw(owner));
        chownat(&root, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
    }
    let empty = free(root.as_fd())?;
    Ok(Disk { root, backing: Backing::Image { device, size, empty } })
}

/// Copies what there is of `from`; holes stay holes.
fn copy(from: &File, to: &File) -> io::Result<()> {
    let length = from.metadata()?.len();
    to.set_len(length)?;
    let mut at = 0;
    loop {
        at = match seek(from, SeekFrom::Data(at)) {
            Ok(at) => at,
            Err(Errno::NXIO) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        };
        let end = seek(from, SeekFrom::Hole(at))?;
        let (mut source, mut target) = (at, at);
        while source < end {
            let rest = usize::try_from(end - source).map_err(io::Error::other)?;
            if copy_file_range(from, Some(&mut source), to, Some(&mut target), rest)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        at = end;
    }
}

fn nameless(directory: BorrowedFd<'_>) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(openat(directory, ".", flags, Mode::from_raw_mode(0o600))?.into())
}

/// Mounts the file system on the device for the first time.
fn first_mount(device: u32) -> io::Result<OwnedFd> {
    mount_with(device, &|context| {
        // What the image does not hold yet reads as zeros already. What is deleted goes back to the host at once. There is
        // nobody to wait for the host's disk: the overlay is volatile. An error is the container's own affair.
        for flag in ["noinit_itable", "discard", "nobarrier"] {
            fsconfig_set_flag(context, flag)?;
        }
        fsconfig_set_string(context, "errors", "remount-ro")
    })
    .map_err(io::Error::from)
}

/// Mounts it once more; it is the same file system with the same options.
pub(super) fn mount(device: u32) -> Result<OwnedFd, Errno> {
    match mount_with(device, &|_| Ok(())) {
        // After an error it is read-only, and cannot be mounted otherwise.
        Err(Errno::BUSY) => mount_with(device, &|context| fsconfig_set_flag(context, "ro")),
        other => other,
    }
}

fn mount_with(device: u32, options: &dyn Fn(BorrowedFd<'_>) -> Result<(), Errno>) -> Result<OwnedFd, Errno> {
    let node = node(device).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let context = fsopen("ext4", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(context.as_fd(), "source", node.name.as_str())?;
    options(context.as_fd())?;
    fsconfig_create(context.as_fd())?;
    let quiet = MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOSUID;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, quiet)
}
