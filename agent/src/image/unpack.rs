//! Writes a layer: applies an uncompressed tar archive to an empty directory.
//!
//! This runs in the launcher's jailed worker, as root of a user namespace in which the layer's directory is all there is;
//! it is safe without the jail as well. Each member is created as one new name in a directory opened by descriptor
//! ([`Tree`]); nothing is ever written through a name that existed before. Whiteouts become what overlayfs reads when
//! mounted with `userxattr`. Sources: OCI image spec, `layer.md`; `Documentation/filesystems/overlayfs.rst`.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};

use porthole_launcher::wire::Unpacked;
use porthole_protocol::limits::{MAX_LAYER_BYTES, MAX_LAYER_ENTRIES};
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags, chmodat, chownat, fchmod,
    fchown, fsetxattr, futimens, linkat, mknodat, openat, symlinkat, utimensat,
};
use rustix::io::Errno;
use rustix::pipe::fcntl_setpipe_size;

use super::archive::{Archive, ArchiveError, Kind, Member};
use super::path::{components, shown};
use super::sparse::Segment;
use super::tree::{Found, Tree, failed, find, set_opaque};

/// Ids that exist in a container's range.
const IDS: u64 = 65_536;

/// What is read from the archive at a time, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// Room in the pipe that the archive comes through, in bytes: the most that anybody may ask for unless told otherwise, see
/// `pipe(7)`. With the usual 64 KiB, feeder and unpacker wait for each other far more often.
const PIPE_BYTES: usize = 1024 * 1024;

/// Paths of directories kept until the end, in bytes: their times change with what is written into them. A Debian desktop
/// needs 5 MiB.
const MAX_DIRECTORY_PATHS_BYTES: usize = 64 * 1024 * 1024;

/// Names that begin so mean something about the layers below.
const WHITEOUT: &[u8] = b".wh.";

/// The name that hides all of a directory in the layers below.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Applies the archive to the empty directory `root`.
///
/// Device nodes are left out and counted; of extended attributes, `user.*` (but overlayfs's own) and file capabilities
/// are kept. Modes, setuid included, owners and times are set as written.
///
/// # Errors
/// A sentence, when the archive is broken, hostile or over a limit, or the disk is full. What was written stays, for the
/// caller to remove.
pub fn apply(tar: File, root: BorrowedFd<'_>) -> Result<Unpacked, String> {
    apply_within(tar, root, Limits { bytes: MAX_LAYER_BYTES, entries: MAX_LAYER_ENTRIES })
}

/// What a layer may hold.
#[derive(Clone, Copy)]
struct Limits {
    /// Bytes of its files, holes included.
    bytes: u64,
    /// Members, and directories that are only implied.
    entries: u64,
}

fn apply_within(tar: File, root: BorrowedFd<'_>, limits: Limits) -> Result<Unpacked, String> {
    // A file has no such room, and a pipe with less of it does as well.
    let _ = fcntl_setpipe_size(&tar, PIPE_BYTES);
    let archive = Archive::new(BufReader::with_capacity(BUFFER_BYTES, tar));
    let layer = Layer {
        archive,
        tree: Tree::new(root),
        root,
        limits,
        done: Unpacked::default(),
        directories: Vec::new(),
        path_bytes: 0,
    };
    layer.write().map_err(|error| error.to_string())
}

/// A layer being written.
struct Layer<'a> {
    archive: Archive<BufReader<File>>,
    tree: Tree<'a>,
    root: BorrowedFd<'a>,
    limits: Limits,
    done: Unpacked,
    /// Directories and their times, set when everything else is written.
    directories: Vec<(Vec<u8>, Timestamps)>,
    path_bytes: usize,
}

type Result<T, E = ArchiveError> = std::result::Result<T, E>;

impl Layer<'_> {
    fn write(mut self) -> Result<Unpacked> {
        while let Some(member) = self.archive.next()? {
            self.done.entries += 1;
            let path = member.path.clone();
            let parts = components(&path)?;
            match parts.split_last() {
                None => self.root_member(&member)?,
                Some((name, parent)) => self.member(&member, parent, name)?,
            }
            // Each member may imply a hundred directories.
            if self.done.entries + self.tree.implied() > self.limits.entries {
                return Err(format!("it holds more than {} entries", self.limits.entries).into());
            }
        }
        self.set_directory_times()?;
        self.archive.drain()?;
        Ok(self.done)
    }

    /// The archive's `./`.
    fn root_member(&mut self, member: &Member) -> Result<()> {
        if member.kind != Kind::Directory {
            return Err("the root is no directory".into());
        }
        let root = self.root;
        describe_directory(member, b"", root)?;
        self.remember_times(member, b"")
    }

    fn member(&mut self, member: &Member, parent: &[&[u8]], name: &[u8]) -> Result<()> {
        if parent.iter().any(|part| part.starts_with(WHITEOUT)) {
            return Err(format!("{} lies below a whiteout", shown(&member.path)).into());
        }
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            return self.whiteout(member, parent, name, hidden);
        }
        if member.kind == Kind::Directory {
            let path = [parent, &[name]].concat().join(&b'/');
            describe_directory(member, &path, self.tree.member_directory(parent, name)?)?;
            return self.remember_times(member, &path);
        }
        if let Kind::HardLink(target) = &member.kind {
            return self.hard_link(target, parent, name);
        }
        if member.kind == Kind::Device {
            self.done.devices += 1;
            return Ok(());
        }
        match &member.kind {
            Kind::File { size, segments } => self.file(member, parent, name, *size, segments.as_deref())?,
            Kind::Symlink(target) => {
                self.tree.make(parent, name, |dir| symlinkat(target.as_slice(), dir, name))?;
                describe_name(member, self.tree.directory(parent)?, name)?;
            }
            Kind::Fifo => {
                self.tree.make(parent, name, |dir| mknodat(dir, name, FileType::Fifo, Mode::empty(), 0))?;
                let dir = self.tree.directory(parent)?;
                describe_name(member, dir, name)?;
                // A new name that is no link: nothing can be followed.
                chmodat(dir, name, mode(member), AtFlags::empty())
                    .map_err(|errno| failed("setting the mode of", name, errno))?;
            }
            Kind::Directory | Kind::HardLink(_) | Kind::Device => unreachable!("handled above"),
        }
        Ok(())
    }

    fn whiteout(&mut self, member: &Member, parent: &[&[u8]], name: &[u8], hidden: &[u8]) -> Result<()> {
        if !matches!(member.kind, Kind::File { size: 0, .. }) {
            return Err(format!("the whiteout {} is no empty file", shown(&member.path)).into());
        }
        if name == OPAQUE {
            return Ok(set_opaque(self.tree.directory(parent)?)?);
        }
        if matches!(hidden, b"" | b"." | b"..") || hidden.starts_with(WHITEOUT) {
            return Err(format!("the whiteout {} hides no possible name", shown(&member.path)).into());
        }
        Ok(self.tree.whiteout(parent, hidden)?)
    }

    fn file(
        &mut self,
        member: &Member,
        parent: &[&[u8]],
        name: &[u8],
        size: u64,
        segments: Option<&[Segment]>,
    ) -> Result<()> {
        self.done.bytes = self.done.bytes.saturating_add(size);
        if self.done.bytes > self.limits.bytes {
            return Err(format!("it unpacks to more than {} bytes", self.limits.bytes).into());
        }
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let private = Mode::RUSR | Mode::WUSR;
        let mut file = File::from(self.tree.make(parent, name, |dir| openat(dir, name, flags, private))?);
        let written =
            |error: io::Error| ArchiveError::Malformed(format!("writing {} failed: {error}", shown(name)));
        match segments {
            None => self.copy(&mut file, size, written)?,
            Some(segments) => {
                file.set_len(size).map_err(written)?;
                for segment in segments {
                    file.seek(SeekFrom::Start(segment.offset)).map_err(written)?;
                    self.copy(&mut file, segment.length, written)?;
                }
            }
        }
        // In this order: a change of owner takes setuid bits and capabilities away.
        owned(fchown(&file, Some(uid(member)?), Some(gid(member)?)), name)?;
        set_xattrs(member, file.as_fd())?;
        fchmod(&file, mode(member)).map_err(|errno| failed("setting the mode of", name, errno))?;
        Ok(futimens(&file, &times(member)).map_err(|errno| failed("setting the time of", name, errno))?)
    }

    /// Copies stored bytes of the current member.
    fn copy(
        &mut self,
        to: &mut File,
        length: u64,
        written: impl Fn(io::Error) -> ArchiveError,
    ) -> Result<()> {
        let mut left = length;
        while left > 0 {
            let stored = self.archive.fill_buf()?;
            let n = usize::try_from(left).map_or(stored.len(), |left| left.min(stored.len()));
            if n == 0 {
                return Err("a file is shorter than its map".into());
            }
            to.write_all(&stored[..n]).map_err(&written)?;
            self.archive.consume(n);
            left -= n as u64;
        }
        Ok(())
    }

    /// Links to what this archive made before; a link itself may be linked to, and is not followed.
    fn hard_link(&mut self, target: &[u8], parent: &[&[u8]], name: &[u8]) -> Result<()> {
        let parts = components(target)?;
        let Some((target_name, target_parent)) = parts.split_last() else {
            return Err("a hard link leads to the root".into());
        };
        let from = self.tree.existing_directory(target_parent)?.try_clone_to_owned()?;
        if find(from.as_fd(), target_name)? != Found::Other {
            return Err(
                format!("a hard link leads to {}, which is no file of this layer", shown(target)).into()
            );
        }
        if (target_parent, *target_name) == (parent, name) {
            return Err(format!("{} is a hard link to itself", shown(target)).into());
        }
        let link = |to: BorrowedFd<'_>| linkat(&from, *target_name, to, name, AtFlags::empty());
        Ok(self.tree.make(parent, name, link)?)
    }

    /// A directory's times change with what is written into it.
    fn remember_times(&mut self, member: &Member, path: &[u8]) -> Result<()> {
        self.path_bytes += path.len();
        if self.path_bytes > MAX_DIRECTORY_PATHS_BYTES {
            return Err("its directories have too long paths".into());
        }
        self.directories.push((path.to_vec(), times(member)));
        Ok(())
    }

    fn set_directory_times(&mut self) -> Result<()> {
        for (path, times) in &self.directories {
            // One that a later member replaced has no time to set.
            if let Ok(directory) = self.tree.existing_directory(&components(path)?) {
                futimens(directory, times).map_err(|errno| failed("setting the time of", path, errno))?;
            }
        }
        Ok(())
    }
}

/// Sets owner, attributes and mode of a directory.
fn describe_directory(member: &Member, path: &[u8], directory: BorrowedFd<'_>) -> Result<()> {
    owned(fchown(directory, Some(uid(member)?), Some(gid(member)?)), path)?;
    set_xattrs(member, directory)?;
    Ok(fchmod(directory, mode(member)).map_err(|errno| failed("setting the mode of", path, errno))?)
}

/// Sets owner and times of a link or a fifo.
pub(crate) fn describe_name(member: &Member, dir: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
    owned(chownat(dir, name, Some(uid(member)?), Some(gid(member)?), AtFlags::SYMLINK_NOFOLLOW), name)?;
    utimensat(dir, name, &times(member), AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|errno| failed("setting the time of", name, errno).into())
}

pub(crate) fn uid(member: &Member) -> Result<Uid> {
    id(member, member.uid).map(Uid::from_raw)
}

pub(crate) fn gid(member: &Member) -> Result<Gid> {
    id(member, member.gid).map(Gid::from_raw)
}

fn id(member: &Member, id: u64) -> Result<u32> {
    let inside = u32::try_from(id).ok().filter(|_| id < IDS);
    inside.ok_or_else(|| {
        format!("{} belongs to {id}; a container's ids end at 65535", shown(&member.path)).into()
    })
}

/// `EINVAL` says that the id is not mapped here: started without root and without a range of ids, everything belongs to
/// the one there is, which `porthole doctor` tells.
pub(crate) fn owned(changed: rustix::io::Result<()>, name: &[u8]) -> Result<()> {
    match changed {
        Ok(()) | Err(Errno::INVAL) => Ok(()),
        Err(errno) => Err(failed("setting the owner of", name, errno).into()),
    }
}

pub(crate) fn mode(member: &Member) -> Mode {
    Mode::from_raw_mode(member.mode)
}

pub(crate) fn times(member: &Member) -> Timestamps {
    let (seconds, nanoseconds) = member.mtime;
    let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds.into() };
    Timestamps { last_access: time, last_modification: time }
}

/// Keeps what a container's root could have set itself and overlayfs does not interpret.
pub(crate) fn set_xattrs(member: &Member, fd: BorrowedFd<'_>) -> Result<()> {
    for (name, value) in &member.xattrs {
        let of_user = name.starts_with(b"user.") && !name.starts_with(b"user.overlay.");
        if !(of_user || name == b"security.capability") || name.contains(&0) {
            continue;
        }
        match fsetxattr(fd, name.as_slice(), value, XattrFlags::empty()) {
            // File systems without them, and kernels that reserve them, are no reason to refuse an image.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM) => {}
            Err(errno) => {
                return Err(failed("setting the attribute", name, errno).into());
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of an archive of empty files by these names, under this many entries and ten bytes.
    fn unpacked(entries: u64, files: &[(&str, &[u8])]) -> Result<Unpacked, String> {
        let (mut tar, dir) = (tempfile::tempfile().unwrap(), tempfile::tempdir().unwrap());
        let mut builder = tar::Builder::new(&mut tar);
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            header.set_uid(rustix::process::getuid().as_raw().into());
            header.set_gid(rustix::process::getgid().as_raw().into());
            builder.append_data(&mut header, name, *bytes).unwrap();
        }
        builder.finish().unwrap();
        drop(builder);
        tar.rewind().unwrap();
        apply_within(tar, File::open(dir.path()).unwrap().as_fd(), Limits { bytes: 10, entries })
    }

    #[test]
    fn entries_and_bytes_are_counted_with_what_is_implied() {
        let done = unpacked(4, &[("a", b"12345"), ("d/e/f", b"67890")]).unwrap();
        assert_eq!(done, Unpacked { bytes: 10, entries: 2, devices: 0 });
        let error = unpacked(3, &[("a", b""), ("d/e/f", b"")]).unwrap_err();
        assert_eq!(error, "it holds more than 3 entries");
        let error = unpacked(9, &[("a", b"12345"), ("b", b"678901")]).unwrap_err();
        assert_eq!(error, "it unpacks to more than 10 bytes");
    }
}
