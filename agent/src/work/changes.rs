//! What a container changed, as `docker diff` tells it: its writable layer held against the layers below.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::AsFd;

use porthole_protocol::files::{Change, ChangeKind, Changes};
use porthole_protocol::limits::MAX_CHANGES;
use rustix::fs::{FileType, OFlags};

use super::below::{Below, is_given};
use super::meta::{join, xattrs};
use super::refusal::Result;
use super::stack::{Found, Stack};
use super::walk::{Entry, Visitor, walk};

/// Bytes of all paths of one answer.
const MAX_PATHS_BYTES: usize = 4 * 1024 * 1024;

/// Compares the stack's topmost layer with those below it.
pub(super) fn changes(stack: Stack<'_>) -> Result<Changes> {
    let mut comparison =
        Comparison { stack, found: BTreeMap::new(), path_bytes: 0, disk: Disk::default(), truncated: false };
    walk(stack.top()?.as_fd(), b"", Below::root(stack), &mut comparison)?;
    comparison.name_parents();
    let change = |(path, kind): (Vec<u8>, ChangeKind)| Change {
        kind,
        path: format!("/{}", String::from_utf8_lossy(&path)),
    };
    Ok(Changes {
        changes: comparison.found.into_iter().map(change).collect(),
        bytes: comparison.disk.bytes,
        truncated: comparison.truncated,
    })
}

/// Bytes on disk of the stack's topmost layer.
pub(super) fn disk_bytes(stack: Stack<'_>) -> Result<u64> {
    let mut disk = Disk::default();
    walk(stack.top()?.as_fd(), b"", (), &mut disk)?;
    Ok(disk.bytes)
}

/// Adds up bytes on disk; a file with several names counts once.
#[derive(Default)]
struct Disk {
    bytes: u64,
    linked: BTreeSet<(u32, u32, u64)>,
}

impl Visitor for Disk {
    type Above = ();

    fn directory(&mut self, _path: &[u8], _names: &[Vec<u8>], (): &()) -> Result<()> {
        Ok(())
    }

    fn entry(&mut self, Entry { meta, .. }: &Entry<'_>, (): &()) -> Result<Option<()>> {
        if meta.is_directory() || meta.links < 2 || self.linked.insert(meta.identity) {
            self.bytes = self.bytes.saturating_add(meta.disk_bytes);
        }
        Ok(meta.is_directory().then_some(()))
    }

    fn too_deep(&mut self, _path: &[u8]) -> Result<()> {
        Ok(())
    }
}

struct Comparison<'a> {
    stack: Stack<'a>,
    found: BTreeMap<Vec<u8>, ChangeKind>,
    path_bytes: usize,
    disk: Disk,
    truncated: bool,
}

impl Comparison<'_> {
    fn note(&mut self, path: Vec<u8>, kind: ChangeKind) {
        self.path_bytes += path.len();
        if self.found.len() >= MAX_CHANGES || self.path_bytes > MAX_PATHS_BYTES {
            self.truncated = true;
        } else {
            self.found.insert(path, kind);
        }
    }

    /// A directory is changed when something in it is.
    fn name_parents(&mut self) {
        let paths: Vec<Vec<u8>> = self.found.keys().cloned().collect();
        for path in paths {
            let ends = path.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/').map(|(end, _)| end);
            for end in ends {
                if self.found.contains_key(&path[..end]) {
                    break;
                }
                self.note(path[..end].to_vec(), ChangeKind::Changed);
            }
        }
    }
}

impl Visitor for Comparison<'_> {
    type Above = Below;

    fn directory(&mut self, path: &[u8], names: &[Vec<u8>], below: &Below) -> Result<()> {
        if !below.hidden {
            return Ok(());
        }
        for name in self.stack.names(&below.parts, path)? {
            let gone = join(path, &name);
            if names.binary_search(&name).is_err() && below.find(self.stack, &gone)?.is_some() {
                self.note(gone, ChangeKind::Deleted);
            }
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry<'_>, below: &Below) -> Result<Option<Below>> {
        self.disk.entry(entry, &())?;
        if is_given(&entry.path, &entry.meta) {
            return Ok(None);
        }
        let before = below.find(self.stack, &entry.path)?;
        let kind = match &before {
            Some(_) if entry.meta.is_whiteout() => Some(ChangeKind::Deleted),
            None if entry.meta.is_whiteout() => None,
            None => Some(ChangeKind::Added),
            Some(before) => is_changed(self.stack, entry, before)?.then_some(ChangeKind::Changed),
        };
        if let Some(kind) = kind {
            self.note(entry.path.clone(), kind);
        }
        below.of(entry, before)
    }

    fn too_deep(&mut self, _path: &[u8]) -> Result<()> {
        self.truncated = true;
        Ok(())
    }
}

/// A file that overlayfs copied up is the same until its content or an attribute differs.
fn is_changed(stack: Stack<'_>, entry: &Entry<'_>, before: &Found) -> Result<bool> {
    if entry.meta.differs_from(&before.meta) {
        return Ok(true);
    }
    if entry.meta.kind != FileType::RegularFile {
        return Ok(false);
    }
    let then = stack.open(before.seen.layer, &entry.path, OFlags::RDONLY);
    let (Some(now), Ok(then)) = (entry.open(OFlags::RDONLY)?, then) else { return Ok(false) };
    Ok(xattrs(now.as_fd()) != xattrs(then.as_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::tests::layers::{Layers, is_root};

    fn diff(layers: &[&[&str]]) -> Vec<String> {
        let layers = Layers::new(layers);
        let roots = layers.open();
        let found = changes(Stack(&roots)).unwrap();
        found.changes.iter().map(|change| format!("{} {}", change.kind.letter(), change.path)).collect()
    }

    #[test]
    fn what_was_added_changed_and_deleted_is_told_with_its_directories() {
        if !is_root("what_was_added_changed_and_deleted_is_told_with_its_directories") {
            return;
        }
        let base: &[&str] =
            &["f etc/passwd root", "f etc/motd hi", "f usr/lib/a x", "f usr/bin/b x", "d var"];
        assert_eq!(diff(&[&[], base]), [""; 0]);
        // Copied up and not changed; a directory that only leads somewhere; files that are given.
        assert_eq!(diff(&[&["f etc/passwd root", "d usr/lib", "f etc/hosts x"], base]), [""; 0]);
        assert_eq!(
            diff(&[
                &["f etc/passwd other", "w etc/motd", "f usr/lib/c new", "d var/new/deep", "f var-x y"],
                base
            ]),
            [
                "C /etc",
                "D /etc/motd",
                "C /etc/passwd",
                "C /usr",
                "C /usr/lib",
                "A /usr/lib/c",
                "C /var",
                "A /var-x",
                "A /var/new",
                "A /var/new/deep",
            ]
        );
    }

    #[test]
    fn a_directory_made_anew_hides_what_was_in_it() {
        if !is_root("a_directory_made_anew_hides_what_was_in_it") {
            return;
        }
        let base: &[&str] = &["f d/kept x", "f d/gone x", "f d/deep/gone x", "f d/deep/kept x"];
        let upper: &[&str] = &["o d", "f d/kept x", "f d/new x", "f d/deep/kept x"];
        assert_eq!(
            diff(&[upper, &["w d/gone"], base]),
            ["C /d", "C /d/deep", "D /d/deep/gone", "A /d/new"],
            "a file that was gone before is not deleted again"
        );
    }

    #[test]
    fn a_file_and_a_directory_may_take_each_others_place() {
        if !is_root("a_file_and_a_directory_may_take_each_others_place") {
            return;
        }
        let base: &[&str] = &["f was-directory/x 1", "f was-file 1"];
        assert_eq!(
            diff(&[&["f was-directory 1", "o was-file", "f was-file/y 1"], base]),
            ["C /was-directory", "C /was-file", "A /was-file/y"]
        );
    }

    #[test]
    fn a_file_with_several_names_takes_its_place_once() {
        if !is_root("a_file_with_several_names_takes_its_place_once") {
            return;
        }
        let text = format!("f a {}", "x".repeat(10_000));
        let layers = Layers::new(&[&[&text, "h b a", "h c a"]]);
        let roots = layers.open();
        let bytes = changes(Stack(&roots)).unwrap().bytes;
        assert!((10_000..20_000).contains(&bytes), "{bytes}");
        assert_eq!(disk_bytes(Stack(&roots)).unwrap(), bytes);
    }
}
