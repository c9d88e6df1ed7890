//! Writes into a container's root file system while the container runs: an archive's members, or one file.
//!
//! Each member is made complete by a temporary name and renamed; each directory is opened by name below the one above. So
//! nothing is ever written through a link, whatever the container does meanwhile.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use porthole_launcher::wire::{Failure, FailureKind};
use porthole_protocol::limits::{MAX_LAYER_ENTRIES, MAX_UPLOAD_BYTES};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, chmodat, fchmod, fchown, futimens, linkat, mkdirat, mknodat, openat,
    renameat, symlinkat, unlinkat,
};
use rustix::io::Errno;

use super::meta::open_name;
use super::refusal::{Result, refusal, unusable};
use super::root::Root;
use crate::image::archive::{Archive, ArchiveError, Kind as MemberKind, Member};
use crate::image::sparse::Segment;
use crate::image::unpack::{describe_name, gid, mode, owned, set_xattrs, times, uid};
use crate::image::{components, shown};
use crate::random;

/// What is copied at a time, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// Directories kept open to have their times set at the end.
const MAX_OPEN_DIRECTORIES: usize = 64;

/// Writes an archive's members below the directory `path`. What is replaced is replaced whole; a directory stays, and is
/// given the member's attributes. Devices are left out.
///
/// # Errors
/// `BadArchive` for a broken or hostile archive and for a member that would replace a directory by something else or the
/// reverse; what came before it stays.
pub(super) fn extract(root: Root<'_>, path: &[u8], input: File) -> Result<()> {
    let into = root.open(path, OFlags::RDONLY | OFlags::DIRECTORY).map_err(|errno| unusable(path, errno))?;
    let archive = Archive::new(BufReader::with_capacity(BUFFER_BYTES, input));
    let mut extraction = Extraction { into, archive, directories: Vec::new(), entries: 0, bytes: 0 };
    extraction.members()?;
    extraction.archive.drain().map_err(|error| bad(error.to_string()))
}

/// Writes `size` bytes of `input` to the file `path`, which is replaced when it exists.
///
/// # Errors
/// `BadRequest` when the input is shorter, or `path` a directory.
pub(super) fn write(root: Root<'_>, path: &[u8], permissions: u32, size: u64, input: File) -> Result<()> {
    let place = root.place(path)?;
    if place.name == b"." {
        return Err(refusal(FailureKind::BadRequest, format!("{} is a directory.", shown(path))));
    }
    let dir = place.dir.as_fd();
    let part = Part::new(dir);
    let mut file = part.create()?;
    let copied = io::copy(&mut input.take(size), &mut file).map_err(|error| unwritten(path, &error))?;
    if copied < size {
        return Err(refusal(FailureKind::BadRequest, "The upload broke off."));
    }
    fchmod(&file, Mode::from_raw_mode(permissions & 0o7777)).map_err(|errno| unusable(path, errno))?;
    part.rename(&place.name)
}

struct Extraction {
    into: OwnedFd,
    archive: Archive<BufReader<File>>,
    /// Directories and their members, to set their times when nothing is written into them any more.
    directories: Vec<(OwnedFd, Member)>,
    entries: u64,
    bytes: u64,
}

impl Extraction {
    fn members(&mut self) -> Result<()> {
        while let Some(member) = self.archive.next().map_err(unread)? {
            self.entries += 1;
            if self.entries > MAX_LAYER_ENTRIES {
                let sentence = format!("The archive holds more than {MAX_LAYER_ENTRIES} entries.");
                return Err(refusal(FailureKind::TooLarge, sentence));
            }
            let path = member.path.clone();
            let parts = components(&path).map_err(bad)?;
            // The archive's `./` is the directory that is written into, which keeps its attributes.
            if let Some((name, parent)) = parts.split_last() {
                self.member(member, parent, name)?;
            }
        }
        for (directory, member) in self.directories.drain(..) {
            futimens(&directory, &times(&member)).map_err(|errno| unusable(&member.path, errno))?;
        }
        Ok(())
    }

    fn member(&mut self, member: Member, parent: &[&[u8]], name: &[u8]) -> Result<()> {
        let dir = directory(&self.into, parent, &member.path, true)?;
        let part = Part::new(dir.as_fd());
        match &member.kind {
            MemberKind::Directory => {
                let made = make_directory(dir.as_fd(), name, &member.path)?;
                describe(&member, made.as_fd())?;
                // Few are kept open; the times of the others are those of the writing.
                if self.directories.len() < MAX_OPEN_DIRECTORIES {
                    self.directories.push((made, member));
                }
                return Ok(());
            }
            MemberKind::Device => return Ok(()),
            MemberKind::File { size, segments } => {
                let whole = [Segment { offset: 0, length: *size }];
                self.file(&member, &part, *size, segments.as_deref().unwrap_or(&whole))?;
            }
            MemberKind::Symlink(target) => {
                symlinkat(target.as_slice(), dir.as_fd(), &part.name).map_err(at(&member))?;
                describe_name(&member, dir.as_fd(), part.name.as_bytes()).map_err(unread)?;
            }
            MemberKind::Fifo => {
                let permissions = mode(&member);
                mknodat(&dir, &part.name, FileType::Fifo, Mode::empty(), 0).map_err(at(&member))?;
                describe_name(&member, dir.as_fd(), part.name.as_bytes()).map_err(unread)?;
                chmodat(&dir, &part.name, permissions, AtFlags::empty()).map_err(at(&member))?;
            }
            MemberKind::HardLink(target) => {
                let parts = components(target).map_err(bad)?;
                let (old, above) =
                    parts.split_last().ok_or_else(|| bad("a hard link leads to the root".into()))?;
                let from = directory(&self.into, above, target, false)?;
                linkat(&from, *old, &dir, &part.name, AtFlags::empty()).map_err(at(&member))?;
            }
        }
        part.rename(name)
    }

    fn file(&mut self, member: &Member, part: &Part<'_>, size: u64, segments: &[Segment]) -> Result<()> {
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > MAX_UPLOAD_BYTES {
            let sentence = format!("The archive's files hold more than {MAX_UPLOAD_BYTES} bytes.");
            return Err(refusal(FailureKind::TooLarge, sentence));
        }
        let mut file = part.create()?;
        let mut write = || {
            file.set_len(size)?;
            for segment in segments {
                file.seek(SeekFrom::Start(segment.offset))?;
                if io::copy(&mut (&mut self.archive).take(segment.length), &mut file)? < segment.length {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            Ok(())
        };
        write().map_err(|error| unwritten(&member.path, &error))?;
        describe(member, file.as_fd())?;
        futimens(&file, &times(member)).map_err(at(member))
    }
}

/// A member on its way, by a name that nothing else has; it goes when it is not renamed.
struct Part<'a> {
    dir: BorrowedFd<'a>,
    name: String,
}

impl<'a> Part<'a> {
    fn new(dir: BorrowedFd<'a>) -> Self {
        Self { dir, name: format!(".porthole-{:016x}", u64::from_ne_bytes(random::bytes())) }
    }

    fn create(&self) -> Result<File> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(self.dir, &self.name, flags, Mode::RUSR | Mode::WUSR);
        made.map(File::from).map_err(|errno| unusable(b"the file", errno))
    }

    fn rename(self, name: &[u8]) -> Result<()> {
        renameat(self.dir, &self.name, self.dir, name).map_err(|errno| match errno {
            Errno::ISDIR => refusal(
                FailureKind::BadRequest,
                format!("{} is a directory and is not replaced by a file.", shown(name)),
            ),
            errno => unusable(name, errno),
        })
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        // Mostly there is nothing: it was renamed. Two names of one file are not, see rename(2).
        let _ = unlinkat(self.dir, &self.name, AtFlags::empty());
    }
}

/// Opens a directory below `from`, name by name.
fn directory(from: &OwnedFd, parts: &[&[u8]], path: &[u8], make: bool) -> Result<OwnedFd> {
    let mut at = from.try_clone().map_err(|error| unwritten(path, &error))?;
    for part in parts {
        at = match open_name(at.as_fd(), part, OFlags::RDONLY | OFlags::DIRECTORY) {
            Err(Errno::NOENT) if make => make_directory(at.as_fd(), part, path)?,
            Err(Errno::NOTDIR | Errno::LOOP) => return Err(no_directory(part)),
            opened => opened.map_err(|errno| unusable(path, errno))?,
        };
    }
    Ok(at)
}

/// Opens a directory, which is made when there is nothing.
fn make_directory(dir: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<OwnedFd> {
    match mkdirat(dir, name, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(unusable(path, errno)),
    }
    open_name(dir, name, OFlags::RDONLY | OFlags::DIRECTORY).map_err(|errno| match errno {
        Errno::NOTDIR | Errno::LOOP => no_directory(name),
        errno => unusable(path, errno),
    })
}

fn no_directory(name: &[u8]) -> Failure {
    refusal(FailureKind::BadRequest, format!("{} is no directory and is not replaced by one.", shown(name)))
}

/// Sets owner, attributes and mode; in this order, since a change of owner takes set-id bits and capabilities away.
fn describe(member: &Member, fd: BorrowedFd<'_>) -> Result<()> {
    let owner = fchown(fd, Some(uid(member).map_err(unread)?), Some(gid(member).map_err(unread)?));
    owned(owner, &member.path).map_err(unread)?;
    set_xattrs(member, fd).map_err(unread)?;
    fchmod(fd, mode(member)).map_err(at(member))
}

fn at(member: &Member) -> impl Fn(Errno) -> Failure {
    let path = member.path.clone();
    move |errno| unusable(&path, errno)
}

fn bad(why: String) -> Failure {
    refusal(FailureKind::BadArchive, format!("The archive is refused: {why}."))
}

fn unread(error: ArchiveError) -> Failure {
    bad(error.to_string())
}

fn unwritten(path: &[u8], error: &io::Error) -> Failure {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(errno) => unusable(path, errno),
        None => bad(format!("{} breaks off", shown(path))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::tests::layers::Layers;
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    fn tar(make: impl FnOnce(&mut tar::Builder<File>)) -> File {
        let mut builder = tar::Builder::new(tempfile::tempfile().unwrap());
        make(&mut builder);
        let mut file = builder.into_inner().unwrap();
        file.rewind().unwrap();
        file
    }

    fn file(builder: &mut tar::Builder<File>, name: &str, text: &str) {
        let mut header = header(tar::EntryType::Regular);
        header.set_size(text.len() as u64);
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    }

    fn link(builder: &mut tar::Builder<File>, kind: tar::EntryType, name: &str, target: &str) {
        builder.append_link(&mut header(kind), name, target).unwrap();
    }

    fn header(kind: tar::EntryType) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o640);
        header.set_mtime(1_000_000_000);
        header.set_uid(rustix::process::getuid().as_raw().into());
        header.set_gid(rustix::process::getgid().as_raw().into());
        header.set_size(0);
        header
    }

    fn into(layers: &Layers, path: &str, archive: File) -> Result<()> {
        extract(Root(layers.open()[0].as_fd()), path.as_bytes(), archive)
    }

    fn leftovers(dir: &Path) -> usize {
        let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with(".porthole-")).count()
    }

    #[test]
    fn files_are_replaced_and_directories_are_kept() {
        let layers = Layers::new(&[&["f srv/d/old x", "f srv/f old", "l srv/l f"]]);
        let archive = tar(|b| {
            b.append_data(&mut header(tar::EntryType::Directory), "d/", io::empty()).unwrap();
            file(b, "d/new", "1");
            file(b, "f", "new");
            file(b, "l", "no link any more");
            link(b, tar::EntryType::Symlink, "s", "/etc/passwd");
            link(b, tar::EntryType::Link, "h", "f");
            link(b, tar::EntryType::Link, "h", "f");
            file(b, ".wh.f", "a name like any other");
        });
        into(&layers, "/srv", archive).unwrap();
        let at = |name: &str| layers.path(0).join("srv").join(name);
        assert_eq!(fs::read_to_string(at("f")).unwrap(), "new");
        assert_eq!(fs::read_to_string(at("h")).unwrap(), "new");
        assert_eq!(fs::read_to_string(at("l")).unwrap(), "no link any more");
        assert!(at("d/old").exists() && at("d/new").exists() && at(".wh.f").exists());
        assert_eq!(fs::read_link(at("s")).unwrap().to_str(), Some("/etc/passwd"));
        assert_eq!(leftovers(&at("")), 0);
    }

    #[test]
    fn nothing_is_written_through_a_link_or_over_a_directory() {
        let outside = tempfile::tempdir().unwrap();
        let lines = [format!("l srv/out {}", outside.path().display()), "d srv/d".into()];
        let layers = Layers::new(&[&[&lines[0], &lines[1]]]);
        for (path, archive, kind) in [
            ("/srv", tar(|b| file(b, "out/x", "1")), FailureKind::BadRequest),
            ("/srv", tar(|b| file(b, "d", "1")), FailureKind::BadRequest),
            ("/srv/out", tar(|b| file(b, "x", "1")), FailureKind::NoSuchFile),
            ("/nowhere", tar(|b| file(b, "x", "1")), FailureKind::NoSuchFile),
            ("/srv", tar(|b| link(b, tar::EntryType::Link, "h", "out/x")), FailureKind::BadRequest),
        ] {
            assert_eq!(into(&layers, path, archive).unwrap_err().kind, kind, "{path}");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        assert_eq!(leftovers(&layers.path(0).join("srv")), 0);
        assert!(layers.path(0).join("srv/d").is_dir());
    }

    #[test]
    fn an_upload_is_there_whole_or_not_at_all() {
        let layers = Layers::new(&[&["f srv/f old", "d srv/d"]]);
        let roots = layers.open();
        let upload = |path: &str, size: u64| {
            let mut input = tempfile::tempfile().unwrap();
            input.write_all(b"uploaded").unwrap();
            input.rewind().unwrap();
            write(Root(roots[0].as_fd()), path.as_bytes(), 0o755, size, input)
        };
        let at = |name: &str| layers.path(0).join("srv").join(name);
        assert_eq!(upload("/srv/f", 9).unwrap_err().kind, FailureKind::BadRequest);
        assert_eq!(fs::read_to_string(at("f")).unwrap(), "old");
        upload("/srv/f", 8).unwrap();
        assert_eq!(fs::read_to_string(at("f")).unwrap(), "uploaded");
        for bad in ["/srv/d", "/srv/d/", "/", "/srv/f/x", "/no/x"] {
            assert!(upload(bad, 8).is_err(), "{bad}");
        }
        assert_eq!(leftovers(&at("")), 0);
    }
}
