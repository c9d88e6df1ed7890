//! One part of a log: a file, or memory when the disk has no room.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::fs::{MemfdFlags, memfd_create};

use super::folder::Folder;
use super::index::Header;

/// Ends of the names of its two files.
const OUTPUT: &str = "log";
const INDEX: &str = "index";

/// Where a stream's segments are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) folder: Folder,
    /// What their names begin with.
    pub(super) stem: String,
}

impl Place {
    fn path(&self, start: u64, end: &str) -> PathBuf {
        self.folder.path().join(format!("{}-{start:020}.{end}", self.stem))
    }

    /// The offsets of the segments there, sorted.
    pub(super) fn starts(&self) -> Vec<u64> {
        let names =
            fs::read_dir(self.folder.path()).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let start = |name: std::ffi::OsString| {
            let rest = name.to_str()?.strip_prefix(self.stem.as_str())?.strip_prefix('-')?;
            rest.strip_suffix(OUTPUT)?.strip_suffix('.')?.parse().ok()
        };
        let mut starts: Vec<u64> = names.filter_map(start).collect();
        starts.sort_unstable();
        starts
    }
}

/// A segment. Its file is open while somebody uses it: a thousand terminals may keep sixteen each.
#[derive(Debug)]
pub(super) struct Segment {
    /// Offset of its first byte.
    pub(super) start: u64,
    pub(super) header: Header,
    held: Held,
}

#[derive(Debug)]
enum Held {
    Disk { output: PathBuf, index: PathBuf, open: Mutex<Weak<File>> },
    Memory(Arc<File>),
}

impl Segment {
    /// A new one, empty; with the files of its output and its index to write. Nothing is left of one that cannot be made.
    pub(super) fn create(place: &Place, start: u64, header: Header) -> io::Result<(Self, Arc<File>, File)> {
        let segment = Self::at(place, start, header);
        let made = segment.make();
        if made.is_err() {
            segment.delete();
        }
        let (file, index) = made?;
        Ok((segment, file, index))
    }

    fn make(&self) -> io::Result<(Arc<File>, File)> {
        let Held::Disk { output, index, open } = &self.held else { unreachable!("it is on the disk") };
        let create =
            |path: &Path| File::options().read(true).write(true).create(true).truncate(true).open(path);
        let index = create(index)?;
        rustix::io::pwrite(&index, &self.header.encode(), 0)?;
        let file = Arc::new(create(output)?);
        *open.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&file);
        Ok((file, index))
    }

    /// A new one in memory.
    pub(super) fn in_memory(start: u64, header: Header) -> io::Result<(Self, Arc<File>)> {
        let file = Arc::new(File::from(memfd_create("porthole-log", MemfdFlags::CLOEXEC)?));
        Ok((Self { start, header, held: Held::Memory(Arc::clone(&file)) }, file))
    }

    /// One that is on the disk.
    pub(super) fn at(place: &Place, start: u64, header: Header) -> Self {
        let (output, index) = (place.path(start, OUTPUT), place.path(start, INDEX));
        Self { start, header, held: Held::Disk { output, index, open: Mutex::default() } }
    }

    pub(super) fn is_in_memory(&self) -> bool {
        matches!(self.held, Held::Memory(_))
    }

    /// Its output, to read. Fails with `NotFound` when it was dropped.
    pub(super) fn file(&self) -> io::Result<Arc<File>> {
        match &self.held {
            Held::Memory(file) => Ok(Arc::clone(file)),
            Held::Disk { output, open, .. } => {
                let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(file) = open.upgrade() {
                    return Ok(file);
                }
                let file = Arc::new(File::open(output)?);
                *open = Arc::downgrade(&file);
                Ok(file)
            }
        }
    }

    /// Both files, to go on writing.
    pub(super) fn reopen(&self) -> io::Result<(Arc<File>, File)> {
        let Held::Disk { output, index, open } = &self.held else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let write = |path: &Path| File::options().read(true).write(true).open(path);
        let file = Arc::new(write(output)?);
        *open.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&file);
        Ok((file, write(index)?))
    }

    /// Its index, header included; empty when there is none.
    pub(super) fn index(&self) -> Vec<u8> {
        match &self.held {
            Held::Disk { index, .. } => fs::read(index).unwrap_or_default(),
            Held::Memory(_) => Vec::new(),
        }
    }

    /// Deletes it. Who reads it reads on.
    pub(super) fn delete(&self) {
        if let Held::Disk { output, index, .. } = &self.held {
            let _ = fs::remove_file(output);
            let _ = fs::remove_file(index);
        }
    }
}
