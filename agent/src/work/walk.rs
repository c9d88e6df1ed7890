//! Goes through a directory tree that somebody may be changing meanwhile: each directory is opened by name below the one
//! above, no link is followed, and what is gone when its turn comes is left out.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use porthole_launcher::wire::FailureKind;
use porthole_protocol::limits::{MAX_LAYER_ENTRIES, MAX_PATH_BYTES, MAX_PATH_DEPTH};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::meta::{Meta, join, names, open_name};
use super::refusal::{Result, refusal, unusable};
use crate::image::shown;

/// A name in a directory.
pub(super) struct Entry<'a> {
    pub(super) dir: BorrowedFd<'a>,
    pub(super) name: &'a [u8],
    /// Its path below where the walk began, without a leading slash.
    pub(super) path: Vec<u8>,
    pub(super) meta: Meta,
}

impl Entry<'_> {
    /// Opens it; none when it is gone, or no longer what it was.
    pub(super) fn open(&self, flags: OFlags) -> Result<Option<OwnedFd>> {
        match open_name(self.dir, self.name, flags) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NXIO | Errno::XDEV) => Ok(None),
            Err(errno) => Err(unusable(&self.path, errno)),
            Ok(fd) => {
                let now = Meta::of(fd.as_fd()).map_err(|errno| unusable(&self.path, errno))?;
                Ok((now.kind == self.meta.kind).then_some(fd))
            }
        }
    }
}

/// What is done with what is found.
pub(super) trait Visitor {
    /// What must be known of the directory above.
    type Above;

    /// A directory is about to be gone through.
    fn directory(&mut self, path: &[u8], names: &[Vec<u8>], above: &Self::Above) -> Result<()>;

    /// An entry; what must be known below it, when it is a directory to go through.
    fn entry(&mut self, entry: &Entry<'_>, above: &Self::Above) -> Result<Option<Self::Above>>;

    /// A directory is too deep, or its path too long, to be gone through.
    fn too_deep(&mut self, path: &[u8]) -> Result<()> {
        Err(refusal(FailureKind::TooLarge, format!("{} lies too deep.", shown(path))))
    }
}

/// Goes through the directory `dir`, in the order of names, each directory before what is in it.
///
/// # Errors
/// Those of the visitor; `TooLarge` for more than [`MAX_LAYER_ENTRIES`] entries.
pub(super) fn walk<V: Visitor>(
    dir: BorrowedFd<'_>,
    path: &[u8],
    above: V::Above,
    visitor: &mut V,
) -> Result<()> {
    Walk { visitor, entries: 0 }.directory(dir, path, &above, 0)
}

struct Walk<'a, V> {
    visitor: &'a mut V,
    entries: u64,
}

impl<V: Visitor> Walk<'_, V> {
    fn directory(&mut self, dir: BorrowedFd<'_>, path: &[u8], above: &V::Above, depth: usize) -> Result<()> {
        let names = names(dir).map_err(|errno| unusable(path, errno))?;
        self.entries += names.len() as u64;
        if self.entries > MAX_LAYER_ENTRIES {
            return Err(refusal(
                FailureKind::TooLarge,
                format!("There are more than {MAX_LAYER_ENTRIES} files."),
            ));
        }
        self.visitor.directory(path, &names, above)?;
        for name in &names {
            let meta = match Meta::at(dir, name) {
                Err(Errno::NOENT) => continue,
                read => read.map_err(|errno| unusable(path, errno))?,
            };
            let entry = Entry { dir, name, path: join(path, name), meta };
            if entry.path.len() >= MAX_PATH_BYTES {
                self.visitor.too_deep(&entry.path)?;
                continue;
            }
            let Some(above) = self.visitor.entry(&entry, above)? else { continue };
            if depth + 1 >= MAX_PATH_DEPTH {
                self.visitor.too_deep(&entry.path)?;
            } else if let Some(inner) = entry.open(OFlags::RDONLY | OFlags::DIRECTORY)? {
                self.directory(inner.as_fd(), &entry.path, &above, depth + 1)?;
            }
        }
        Ok(())
    }
}
