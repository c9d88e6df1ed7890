//! Puts entries of a tree into an archive, one after the other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use porthole_launcher::wire::{Failure, FailureKind};
use porthole_protocol::limits::MAX_LAYER_BYTES;
use rustix::fs::{FileType, OFlags};

use super::meta::{Meta, target, xattrs};
use super::refusal::{Result, refusal, unusable};
use super::tarball::{Content, Tarball};
use super::walk::Entry;

/// An archive, and what is in it already.
pub(super) struct Packer<W: Write> {
    tarball: Tarball<W>,
    /// Files with several names, by identity, with the name they are in the archive by.
    linked: BTreeMap<(u32, u32, u64), Vec<u8>>,
    bytes: u64,
}

impl<W: Write> Packer<W> {
    pub(super) fn new(out: W) -> Self {
        Self { tarball: Tarball::new(out), linked: BTreeMap::new(), bytes: 0 }
    }

    /// Adds an entry by the name `path`. Sockets and devices are left out, and what is gone meanwhile is as well.
    ///
    /// # Errors
    /// `TooLarge` beyond what a layer may hold; `Failed` when a file cannot be read or the archive not be written.
    pub(super) fn add(&mut self, entry: &Entry<'_>, path: &[u8]) -> Result<()> {
        match entry.meta.kind {
            FileType::RegularFile => self.file(entry, path),
            FileType::Directory => {
                let Some(fd) = entry.open(OFlags::RDONLY | OFlags::DIRECTORY)? else { return Ok(()) };
                self.member(path, &entry.meta, Content::Directory, &xattrs(fd.as_fd()))
            }
            FileType::Symlink => {
                let Some(fd) = entry.open(OFlags::PATH)? else { return Ok(()) };
                let target = target(fd.as_fd()).map_err(|errno| unusable(path, errno))?;
                self.member(path, &entry.meta, Content::Symlink(&target), &[])
            }
            FileType::Fifo => self.member(path, &entry.meta, Content::Fifo, &[]),
            _ => Ok(()),
        }
    }

    /// Adds an empty file that stands for something.
    pub(super) fn mark(&mut self, path: &[u8], like: &Meta) -> Result<()> {
        let empty = Meta { size: 0, mode: 0, ..like.clone() };
        self.tarball.file(path, &empty, io::empty(), &[]).map_err(unwritten)
    }

    /// Writes the end.
    pub(super) fn finish(self) -> Result<()> {
        self.tarball.finish().map_err(unwritten)
    }

    fn file(&mut self, entry: &Entry<'_>, path: &[u8]) -> Result<()> {
        let Some(fd) = entry.open(OFlags::RDONLY)? else { return Ok(()) };
        // As it is now: the name may be another file's meanwhile.
        let meta = Meta::of(fd.as_fd()).map_err(|errno| unusable(path, errno))?;
        if meta.links > 1 {
            if let Some(first) = self.linked.get(&meta.identity) {
                let first = first.clone();
                return self.member(path, &meta, Content::HardLink(&first), &[]);
            }
            self.linked.insert(meta.identity, path.to_vec());
        }
        self.bytes = self.bytes.saturating_add(meta.size);
        if self.bytes > MAX_LAYER_BYTES {
            let sentence = format!("Its files hold more than {MAX_LAYER_BYTES} bytes.");
            return Err(refusal(FailureKind::TooLarge, sentence));
        }
        let xattrs = xattrs(fd.as_fd());
        self.tarball.file(path, &meta, File::from(fd), &xattrs).map_err(unwritten)
    }

    fn member(
        &mut self,
        path: &[u8],
        meta: &Meta,
        content: Content<'_>,
        xattrs: &[(Vec<u8>, Vec<u8>)],
    ) -> Result<()> {
        self.tarball.member(path, meta, content, xattrs).map_err(unwritten)
    }
}

fn unwritten(error: io::Error) -> Failure {
    refusal(FailureKind::Internal, format!("The archive cannot be written: {error}."))
}
