//! The root file system as a container sees it. What is in it may change at any moment; no path leads out.

use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use porthole_launcher::wire::FailureKind;
use porthole_protocol::files::FileEntry;
use rustix::fs::{FileType, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

use super::meta::{Meta, join, open_name, patient, retried, target};
use super::packer::Packer;
use super::refusal::{Result, refusal, unusable};
use super::walk::{Entry, Visitor, walk};
use crate::image::shown;

/// The root directory.
#[derive(Clone, Copy)]
pub(super) struct Root<'a>(pub(super) BorrowedFd<'a>);

/// A name in a directory that was found by its path.
pub(super) struct Place {
    pub(super) dir: OwnedFd,
    /// `.` when the path names the directory itself.
    pub(super) name: Vec<u8>,
}

impl Root<'_> {
    /// Opens a path as a process of the container would, links followed inside. A mount on the way is an error, and so
    /// are the links of `/proc` that lead anywhere.
    pub(super) fn open(self, path: &[u8], flags: OFlags) -> std::result::Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_XDEV;
        let path = if path.is_empty() { b"/" } else { path };
        retried(|| openat2(self.0, path, patient(flags), Mode::empty(), resolve))
    }

    /// Finds the directory that a path's last name is in; a link by that name is not followed, unless a slash or `/.`
    /// comes after it, as in `docker cp`.
    pub(super) fn place(self, path: &[u8]) -> Result<Place> {
        let (parent, name) = match path.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => (&path[..=slash], &path[slash + 1..]),
            None => (&b"/"[..], path),
        };
        let (parent, name) = match name {
            b"" | b"." | b".." => (path, &b"."[..]),
            name => (parent, name),
        };
        let dir = self.open(parent, OFlags::RDONLY | OFlags::DIRECTORY);
        Ok(Place { dir: dir.map_err(|errno| unusable(path, errno))?, name: name.to_vec() })
    }

    /// What is at a path; a link there is told and not followed.
    pub(super) fn stat(self, path: &[u8]) -> Result<FileEntry> {
        let place = self.place(path)?;
        let read = || {
            let meta = Meta::at(place.dir.as_fd(), &place.name)?;
            let target = match meta.kind {
                FileType::Symlink => {
                    Some(target(open_name(place.dir.as_fd(), &place.name, OFlags::PATH)?.as_fd())?)
                }
                _ => None,
            };
            Ok(meta.entry(&place.name, target))
        };
        read().map_err(|errno| unusable(path, errno))
    }

    /// Opens a regular file for reading, links followed.
    pub(super) fn file(self, path: &[u8]) -> Result<(FileEntry, File)> {
        let fd = self.open(path, OFlags::RDONLY).map_err(|errno| unusable(path, errno))?;
        readable(path, fd)
    }
}

/// An open file, when it is a regular one.
pub(super) fn readable(path: &[u8], fd: OwnedFd) -> Result<(FileEntry, File)> {
    let meta = Meta::of(fd.as_fd()).map_err(|errno| unusable(path, errno))?;
    if meta.kind != FileType::RegularFile {
        return Err(refusal(FailureKind::NoSuchFile, format!("{} is no regular file.", shown(path))));
    }
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    Ok((meta.entry(name, None), File::from(fd)))
}

impl Place {
    /// Writes an archive of what is there, by the name `top`; with an empty `top`, of what is in the directory there.
    ///
    /// # Errors
    /// Those of [`Packer::add`].
    pub(super) fn archive(&self, top: &[u8], out: impl Write) -> Result<()> {
        let meta = Meta::at(self.dir.as_fd(), &self.name).map_err(|errno| unusable(&self.name, errno))?;
        let mut copy = Copy { packer: Packer::new(out), top };
        let entry = Entry { dir: self.dir.as_fd(), name: &self.name, path: Vec::new(), meta };
        if !top.is_empty() {
            copy.packer.add(&entry, top)?;
        }
        if entry.meta.is_directory()
            && let Some(directory) = entry.open(OFlags::RDONLY | OFlags::DIRECTORY)?
        {
            walk(directory.as_fd(), b"", (), &mut copy)?;
        }
        copy.packer.finish()
    }
}

struct Copy<'a, W: Write> {
    packer: Packer<W>,
    top: &'a [u8],
}

impl<W: Write> Visitor for Copy<'_, W> {
    type Above = ();

    fn directory(&mut self, _path: &[u8], _names: &[Vec<u8>], (): &()) -> Result<()> {
        Ok(())
    }

    fn entry(&mut self, entry: &Entry<'_>, (): &()) -> Result<Option<()>> {
        self.packer.add(entry, &join(self.top, &entry.path))?;
        Ok(entry.meta.is_directory().then_some(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::tests::layers::Layers;

    #[test]
    fn paths_stay_inside_and_the_last_link_is_told() {
        let layers =
            Layers::new(&[&["f etc/passwd inside", "l up ../../..", "l etc/abs /etc/passwd", "d dir/sub"]]);
        let roots = layers.open();
        let root = Root(roots[0].as_fd());
        let read =
            |path: &str| root.file(path.as_bytes()).map(|(_, file)| std::io::read_to_string(file).unwrap());
        assert_eq!(read("/up/etc/passwd").unwrap(), "inside");
        assert_eq!(read("/etc/abs").unwrap(), "inside");
        assert_eq!(read("/../../etc/passwd").unwrap(), "inside");
        assert_eq!(read("/dir").unwrap_err().kind, FailureKind::NoSuchFile);
        assert_eq!(root.stat(b"/etc/abs").unwrap().target.as_deref(), Some("/etc/passwd"));
        assert_eq!(root.stat(b"/up/").unwrap().kind, porthole_protocol::files::FileKind::Directory);
        assert_eq!(root.stat(b"/nothing").unwrap_err().kind, FailureKind::NoSuchFile);
    }

    #[test]
    fn an_archive_holds_what_is_asked_for_by_the_name_that_is_given() {
        let layers = Layers::new(&[&["f dir/sub/a x", "l dir/link sub", "f top y"]]);
        let roots = layers.open();
        let names = |path: &str, top: &str| {
            let mut bytes = Vec::new();
            Root(roots[0].as_fd())
                .place(path.as_bytes())
                .unwrap()
                .archive(top.as_bytes(), &mut bytes)
                .unwrap();
            let mut archive = tar::Archive::new(&bytes[..]);
            let entries =
                archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
            entries.collect::<Vec<_>>()
        };
        assert_eq!(names("/dir", "dir"), ["dir/", "dir/link", "dir/sub/", "dir/sub/a"]);
        assert_eq!(names("/dir/", ""), ["link", "sub/", "sub/a"]);
        assert_eq!(names("/dir/link", "other"), ["other"]);
        assert_eq!(names("/dir/link/", "other"), ["other/", "other/a"]);
        assert_eq!(names("/", "."), ["./", "./dir/", "./dir/link", "./dir/sub/", "./dir/sub/a", "./top"]);
    }
}
