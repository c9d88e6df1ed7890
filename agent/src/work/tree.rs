//! One directory of a stack of layers, with the layer that each entry comes from.

use std::collections::BTreeSet;
use std::os::fd::AsFd;

use porthole_launcher::wire::FailureKind;
use porthole_protocol::files::{ChangeKind, FileEntry, FileKind};
use porthole_protocol::limits::MAX_TREE_ENTRIES;
use rustix::fs::FileType;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::meta::{join, target};
use super::refusal::{Result, refusal, unusable};
use super::stack::{Found, Stack};

/// What is in a directory.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listing {
    /// Its path without links, absolute.
    pub(crate) path: String,
    /// Directories first, then by name.
    pub(crate) entries: Vec<FileEntry>,
    /// Whether there are more than [`MAX_TREE_ENTRIES`].
    pub(crate) truncated: bool,
}

/// Lists the directory `path` of the layers from `from` on, marked with what layer `from` did.
///
/// # Errors
/// `NoSuchFile` when there is no such directory.
pub(super) fn list(stack: Stack<'_>, path: &[u8], from: usize) -> Result<Listing> {
    if from >= stack.0.len() {
        return Err(refusal(FailureKind::BadRequest, format!("There is no layer {from}.")));
    }
    let (path, directory) = stack.resolve(from, path)?;
    if !directory.meta.is_directory() {
        return Err(unusable(&path, Errno::NOTDIR));
    }
    let view = View::new(stack, &path, from, &directory)?;
    let mut names: BTreeSet<Vec<u8>> = stack.names(&directory.seen.parts, &path)?;
    names.extend(stack.names(&view.below, &path)?);
    let mut entries = Vec::new();
    for name in names {
        entries.extend(view.entry(&name)?);
    }
    entries.sort_by(|a, b| {
        let place = |entry: &FileEntry| entry.kind != FileKind::Directory;
        (place(a), &a.name).cmp(&(place(b), &b.name))
    });
    let truncated = entries.len() > MAX_TREE_ENTRIES;
    entries.truncate(MAX_TREE_ENTRIES);
    Ok(Listing { path: format!("/{}", String::from_utf8_lossy(&path)), entries, truncated })
}

/// A directory as it is, and as it was below the layer `from`.
struct View<'a> {
    stack: Stack<'a>,
    path: &'a [u8],
    from: usize,
    /// Its parts now.
    parts: &'a [usize],
    /// Its parts in the layers below `from`; none when it was not there.
    below: Vec<usize>,
}

impl<'a> View<'a> {
    fn new(stack: Stack<'a>, path: &'a [u8], from: usize, directory: &'a Found) -> Result<Self> {
        let mut below = stack.parts(from + 1);
        let mut above = Vec::new();
        for name in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
            above = join(&above, name);
            below = stack.find(&below, &above)?.map(|found| found.seen.parts).unwrap_or_default();
        }
        Ok(Self { stack, path, from, parts: &directory.seen.parts, below })
    }

    /// An entry, or what is left of one that the layer `from` deleted.
    fn entry(&self, name: &[u8]) -> Result<Option<FileEntry>> {
        let path = join(self.path, name);
        let now = self.stack.find(self.parts, &path)?;
        let is_own = now.as_ref().is_some_and(|found| found.seen.layer == self.from);
        if now.is_some() && !is_own {
            return self.tell(name, now, None);
        }
        let before = self.stack.find(&self.below, &path)?;
        match (now, before) {
            (None, before) => self.tell(name, before, Some(ChangeKind::Deleted)),
            (now, None) => self.tell(name, now, Some(ChangeKind::Added)),
            (now, Some(_)) => self.tell(name, now, Some(ChangeKind::Changed)),
        }
    }

    fn tell(
        &self,
        name: &[u8],
        found: Option<Found>,
        change: Option<ChangeKind>,
    ) -> Result<Option<FileEntry>> {
        let Some(found) = found else { return Ok(None) };
        let target = (found.meta.kind == FileType::Symlink)
            .then(|| target(found.fd.as_fd()))
            .transpose()
            .map_err(|errno| unusable(name, errno))?;
        let entry = found.meta.entry(name, target);
        Ok(Some(FileEntry { layer: found.seen.layer, change, ..entry }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::tests::layers::{Layers, is_root};

    /// Lines of name, layer and mark.
    fn tree(layers: &Layers, path: &str, from: usize) -> Vec<String> {
        let roots = layers.open();
        let listing = list(Stack(&roots), path.as_bytes(), from).unwrap();
        let line = |entry: &FileEntry| {
            let mark = entry.change.map_or(' ', ChangeKind::letter);
            format!("{mark} {} {}", entry.name, entry.layer)
        };
        listing.entries.iter().map(line).collect()
    }

    #[test]
    fn each_entry_comes_from_the_topmost_layer_that_has_it() {
        if !is_root("each_entry_comes_from_the_topmost_layer_that_has_it") {
            return;
        }
        let layers = Layers::new(&[
            &["f etc/new 1", "f etc/passwd 1", "w etc/gone", "o made/again", "f made/again/x 1"],
            &["f etc/passwd 2", "w etc/older"],
            &[
                "f etc/older 3",
                "f etc/gone 3",
                "f etc/passwd 3",
                "f etc/same 3",
                "f made/again/y 3",
                "l link etc",
            ],
        ]);
        assert_eq!(tree(&layers, "/", 0), ["C etc 0", "C made 0", "  link 2"]);
        assert_eq!(tree(&layers, "/link", 0), ["D gone 2", "A new 0", "C passwd 0", "  same 2"]);
        assert_eq!(tree(&layers, "/etc", 1), ["  gone 2", "D older 2", "C passwd 1", "  same 2"]);
        assert_eq!(tree(&layers, "/etc", 2), ["A gone 2", "A older 2", "A passwd 2", "A same 2"]);
        assert_eq!(tree(&layers, "/made/again", 0), ["A x 0", "D y 2"]);
        let roots = layers.open();
        assert_eq!(list(Stack(&roots), b"/etc/same", 0).unwrap_err().kind, FailureKind::NoSuchFile);
        assert_eq!(list(Stack(&roots), b"/", 3).unwrap_err().kind, FailureKind::BadRequest);
    }
}
