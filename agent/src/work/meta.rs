//! What `statx(2)` says about a file, and what of its attributes goes into an archive.

use std::os::fd::{BorrowedFd, OwnedFd};

use porthole_protocol::files::{FileEntry, FileKind};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, StatxFlags, fgetxattr, flistxattr, openat2, statx,
};
use rustix::io::Errno;

/// Most bytes of attribute names, and of one attribute's value (`XATTR_LIST_MAX`, `XATTR_SIZE_MAX`).
const MAX_XATTR_BYTES: usize = 64 * 1024;

/// Most bytes of all attributes of one file that are kept; ext4 holds 4 KiB.
const MAX_XATTRS_BYTES: usize = 256 * 1024;

/// Begin of a `security.capability` value that means the same in every user namespace: `VFS_CAP_REVISION_2`. The kernel
/// shows others only when they were set by a root that is not this jail's.
const CAPABILITY_V2: u8 = 2;

/// A file, by number.
#[derive(Clone, Debug)]
pub(super) struct Meta {
    pub(super) kind: FileType,
    /// Permission, set-id and sticky bits.
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u64,
    /// Seconds and nanoseconds since 1970-01-01 UTC.
    pub(super) mtime: (i64, u32),
    /// What tells it from every other file: device and inode.
    pub(super) identity: (u32, u32, u64),
    pub(super) links: u32,
    /// Bytes on disk.
    pub(super) disk_bytes: u64,
    pub(super) device: (u32, u32),
}

impl Meta {
    /// Of a name; links are not followed.
    pub(super) fn at(dir: BorrowedFd<'_>, name: &[u8]) -> Result<Self, Errno> {
        Self::read(dir, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Of what is open.
    pub(super) fn of(fd: BorrowedFd<'_>) -> Result<Self, Errno> {
        Self::read(fd, b"", AtFlags::EMPTY_PATH)
    }

    fn read(dir: BorrowedFd<'_>, name: &[u8], flags: AtFlags) -> Result<Self, Errno> {
        let stat = statx(dir, name, flags, StatxFlags::BASIC_STATS)?;
        Ok(Self {
            kind: FileType::from_raw_mode(stat.stx_mode.into()),
            mode: u32::from(stat.stx_mode) & 0o7777,
            uid: stat.stx_uid,
            gid: stat.stx_gid,
            size: stat.stx_size,
            mtime: (stat.stx_mtime.tv_sec, stat.stx_mtime.tv_nsec),
            identity: (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino),
            links: stat.stx_nlink,
            disk_bytes: stat.stx_blocks.saturating_mul(512),
            device: (stat.stx_rdev_major, stat.stx_rdev_minor),
        })
    }

    /// Whether it stands for a name that is gone: a character device 0:0. Source:
    /// `Documentation/filesystems/overlayfs.rst`, "whiteouts and opaque directories".
    pub(super) fn is_whiteout(&self) -> bool {
        self.kind == FileType::CharacterDevice && self.device == (0, 0)
    }

    pub(super) fn is_directory(&self) -> bool {
        self.kind == FileType::Directory
    }

    /// Whether `docker diff` would call a file that was `before` changed: a directory's time and size change with what is
    /// in it and do not count.
    pub(super) fn differs_from(&self, before: &Self) -> bool {
        let own = |meta: &Self| (meta.kind, meta.mode, meta.uid, meta.gid, meta.device);
        let content = |meta: &Self| (meta.size, meta.mtime);
        own(self) != own(before) || (!self.is_directory() && content(self) != content(before))
    }

    /// As the API tells it; `target` for a symbolic link.
    pub(super) fn entry(&self, name: &[u8], target: Option<Vec<u8>>) -> FileEntry {
        let kind = match self.kind {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Directory,
            FileType::Symlink => FileKind::Symlink,
            _ => FileKind::Special,
        };
        let (seconds, nanoseconds) = self.mtime;
        FileEntry {
            name: String::from_utf8_lossy(name).into_owned(),
            kind,
            bytes: if kind == FileKind::File { self.size } else { 0 },
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            modified_ms: seconds.saturating_mul(1000).saturating_add((nanoseconds / 1_000_000).into()),
            target: target.map(|target| String::from_utf8_lossy(&target).into_owned()),
            layer: 0,
            change: None,
        }
    }
}

/// Opens one name in a directory, never through a link and never for longer than it takes.
pub(super) fn open_name(dir: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    open_beneath(dir, name, flags | OFlags::NOFOLLOW)
}

/// Opens a path of names below a directory; a link on the way, or a mount, is an error.
pub(super) fn open_beneath(dir: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV;
    let path = if path.is_empty() { b"." } else { path };
    retried(|| openat2(dir, path, patient(flags), Mode::empty(), resolve))
}

/// These flags, and that no fifo or terminal in the place of a file keeps an open waiting or is taken over.
pub(super) fn patient(flags: OFlags) -> OFlags {
    let opens =
        if flags.contains(OFlags::PATH) { OFlags::empty() } else { OFlags::NONBLOCK | OFlags::NOCTTY };
    flags | opens | OFlags::CLOEXEC
}

/// `openat2(2)` gives up with `EAGAIN` when a rename elsewhere might have led it out; that says nothing about the next
/// time.
pub(super) fn retried<T>(mut open: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    const TIMES: usize = 1000;
    for _ in 1..TIMES {
        match open() {
            Err(Errno::AGAIN | Errno::INTR) => {}
            done => return done,
        }
    }
    open()
}

/// Extended attributes that an archive keeps: `user.*` but overlayfs's own, and file capabilities.
pub(super) fn xattrs(fd: BorrowedFd<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut names = vec![0; MAX_XATTR_BYTES];
    // A file system without attributes has none, and a list that grows while it is read is read another time.
    let Ok(length) = flistxattr(fd, &mut names[..]) else { return Vec::new() };
    let mut kept: Vec<&[u8]> = names[..length]
        .split(|&byte| byte == 0)
        .filter(|name| {
            *name == b"security.capability"
                || (name.starts_with(b"user.") && !name.starts_with(b"user.overlay."))
        })
        .collect();
    kept.sort_unstable();
    let mut left = MAX_XATTRS_BYTES;
    let value = |name: &&[u8]| {
        let mut value = vec![0; MAX_XATTR_BYTES];
        let length = fgetxattr(fd, *name, &mut value[..]).ok()?;
        value.truncate(length);
        let is_foreign = *name == b"security.capability" && value.get(3) != Some(&CAPABILITY_V2);
        left = left.checked_sub(name.len() + length)?;
        (!is_foreign).then(|| (name.to_vec(), value))
    };
    kept.iter().filter_map(value).collect()
}

/// Whether a directory hides what the layers below have in it.
pub(super) fn is_opaque(directory: BorrowedFd<'_>) -> bool {
    let mut value = [0; 2];
    matches!(fgetxattr(directory, "user.overlay.opaque", &mut value[..]), Ok(1) if value[0] == b'y')
}

/// The names in a directory, sorted, without `.` and `..`.
pub(super) fn names(directory: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>, Errno> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if !matches!(name.as_slice(), b"." | b"..") {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Where a symbolic link that is open with `O_PATH` leads.
pub(super) fn target(link: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
    Ok(rustix::fs::readlinkat(link, "", Vec::new())?.into_bytes())
}

/// A path below a directory, without a leading slash.
pub(super) fn join(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() { name.to_vec() } else { [path, name].join(&b'/') }
}
