//! Layers seen as overlayfs stacks them, without mounting anything.
//!
//! A path is looked up from the topmost layer down: a whiteout or anything but a directory ends the search, an opaque
//! directory does after itself. Source: `Documentation/filesystems/overlayfs.rst`, "whiteouts and opaque directories".

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use super::meta::{Meta, is_opaque, join, names, open_beneath, target};
use super::refusal::{Result, unusable};

/// Links that are followed for one path, as the kernel does (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// What one layer has by a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    Nothing,
    Whiteout,
    Directory { opaque: bool },
    Other,
}

/// What the stack has by a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// The topmost layer that has it.
    pub(super) layer: usize,
    /// The layers whose directories by that name are merged, topmost first; none when it is no directory.
    pub(super) parts: Vec<usize>,
}

/// What is seen of these sights, the topmost first.
pub(super) fn merge(sights: impl IntoIterator<Item = (usize, Sight)>) -> Option<Seen> {
    let mut parts = Vec::new();
    for (layer, sight) in sights {
        match sight {
            Sight::Nothing => {}
            Sight::Whiteout => break,
            Sight::Other if parts.is_empty() => return Some(Seen { layer, parts }),
            Sight::Other => break,
            Sight::Directory { opaque } => {
                parts.push(layer);
                if opaque {
                    break;
                }
            }
        }
    }
    parts.first().map(|&layer| Seen { layer, parts: parts.clone() })
}

/// A file of the stack.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) seen: Seen,
    pub(super) meta: Meta,
    /// Open with `O_PATH`.
    pub(super) fd: OwnedFd,
}

/// Directories of layers, topmost first. Paths in it have no leading slash; the empty one is the root.
#[derive(Clone, Copy)]
pub(super) struct Stack<'a>(pub(super) &'a [OwnedFd]);

impl Stack<'_> {
    /// All layers from `from` on.
    pub(super) fn parts(self, from: usize) -> Vec<usize> {
        (from..self.0.len()).collect()
    }

    /// The root of the topmost layer, to be gone through.
    pub(super) fn top(self) -> Result<OwnedFd> {
        self.open(0, b"", OFlags::RDONLY | OFlags::DIRECTORY).map_err(|errno| unusable(b"/", errno))
    }

    /// Opens a path in one layer.
    pub(super) fn open(
        self,
        layer: usize,
        path: &[u8],
        flags: OFlags,
    ) -> std::result::Result<OwnedFd, Errno> {
        open_beneath(self.0[layer].as_fd(), path, flags)
    }

    /// What the `parts` of the directory above have at `path`.
    pub(super) fn find(self, parts: &[usize], path: &[u8]) -> Result<Option<Found>> {
        let mut top = None;
        let mut failed = None;
        let sights = parts.iter().map_while(|&layer| match self.look(layer, path) {
            Ok((sight, found)) => {
                top = top.take().or(found);
                Some((layer, sight))
            }
            Err(errno) => {
                failed = Some(errno);
                None
            }
        });
        let seen = merge(sights);
        if let Some(errno) = failed {
            return Err(unusable(path, errno));
        }
        Ok(seen.zip(top).map(|(seen, (meta, fd))| Found { seen, meta, fd }))
    }

    fn look(self, layer: usize, path: &[u8]) -> std::result::Result<(Sight, Option<(Meta, OwnedFd)>), Errno> {
        let fd = match self.open(layer, path, OFlags::PATH | OFlags::NOFOLLOW) {
            // A link or a file in the place of the directory above: this layer was changed since that was found.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok((Sight::Nothing, None)),
            opened => opened?,
        };
        let meta = Meta::of(fd.as_fd())?;
        let sight = match meta.kind {
            _ if meta.is_whiteout() => return Ok((Sight::Whiteout, None)),
            FileType::Directory => Sight::Directory {
                opaque: is_opaque(self.open(layer, path, OFlags::RDONLY | OFlags::DIRECTORY)?.as_fd()),
            },
            _ => Sight::Other,
        };
        Ok((sight, Some((meta, fd))))
    }

    /// The names that these parts of a directory have, whiteouts included.
    pub(super) fn names(self, parts: &[usize], path: &[u8]) -> Result<BTreeSet<Vec<u8>>> {
        let mut all = BTreeSet::new();
        for &layer in parts {
            let read = || names(self.open(layer, path, OFlags::RDONLY | OFlags::DIRECTORY)?.as_fd());
            all.extend(read().map_err(|errno| unusable(path, errno))?);
        }
        Ok(all)
    }

    /// Looks a path up as a process in a container of the layers from `from` on would, links followed inside only;
    /// answers the path without links, and what is there.
    ///
    /// # Errors
    /// `NoSuchFile`.
    pub(super) fn resolve(self, from: usize, path: &[u8]) -> Result<(Vec<u8>, Found)> {
        let missing = |errno| unusable(path, errno);
        let mut left: Vec<Vec<u8>> = split(path);
        let mut links = 0;
        // The way from the root on; each directory with its path.
        let mut way = vec![(Vec::new(), self.root(from)?)];
        while let Some(name) = left.pop() {
            if name == b".." {
                way.truncate((way.len() - 1).max(1));
                continue;
            }
            let (above, directory) = way.last().expect("the root stays");
            if !directory.meta.is_directory() {
                return Err(missing(Errno::NOTDIR));
            }
            let at = join(above, &name);
            let found = self.find(&directory.seen.parts, &at)?.ok_or_else(|| missing(Errno::NOENT))?;
            if found.meta.kind != FileType::Symlink {
                way.push((at, found));
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(missing(Errno::LOOP));
            }
            let target = target(found.fd.as_fd()).map_err(missing)?;
            if target.starts_with(b"/") {
                way.truncate(1);
            }
            left.extend(split(&target));
        }
        Ok(way.pop().expect("the root stays"))
    }

    fn root(self, from: usize) -> Result<Found> {
        self.find(&self.parts(from), b"")?.ok_or_else(|| unusable(b"/", Errno::NOENT))
    }
}

/// The names of a path, the last one first.
fn split(path: &[u8]) -> Vec<Vec<u8>> {
    let names = path.split(|&byte| byte == b'/').filter(|name| !matches!(*name, b"" | b"."));
    let mut names: Vec<_> = names.map(<[u8]>::to_vec).collect();
    names.reverse();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::tests::layers::{Layers, is_root};

    #[test]
    fn what_is_seen_ends_at_a_whiteout_and_after_an_opaque_directory() {
        use Sight::{Directory, Nothing, Other, Whiteout};
        let (plain, opaque) = (Directory { opaque: false }, Directory { opaque: true });
        let seen = |sights: &[Sight]| {
            merge(sights.iter().copied().enumerate()).map(|Seen { layer, parts }| (layer, parts))
        };
        assert_eq!(seen(&[Nothing, Other, plain]), Some((1, vec![])));
        assert_eq!(seen(&[Nothing, Whiteout, Other]), None);
        assert_eq!(seen(&[plain, Nothing, plain]), Some((0, vec![0, 2])));
        assert_eq!(seen(&[plain, opaque, plain]), Some((0, vec![0, 1])));
        assert_eq!(seen(&[plain, Other, plain]), Some((0, vec![0])));
        assert_eq!(seen(&[plain, Whiteout, plain]), Some((0, vec![0])));
        assert_eq!(seen(&[]), None);
    }

    #[test]
    fn links_are_followed_through_the_layers_and_never_out() {
        if !is_root("links_are_followed_through_the_layers_and_never_out") {
            return;
        }
        let layers = Layers::new(&[
            &["l bin usr/bin", "l up ../../../etc", "l loop loop", "w etc/gone"],
            &["f usr/bin/sh #!", "f etc/passwd root", "f etc/gone x", "l usr/bin/abs /etc/passwd"],
        ]);
        let roots = layers.open();
        let stack = Stack(&roots);
        let at = |path: &str| {
            stack
                .resolve(0, path.as_bytes())
                .map(|(path, found)| (String::from_utf8(path).unwrap(), found.seen.layer))
        };
        assert_eq!(at("/bin/sh"), Ok(("usr/bin/sh".into(), 1)));
        assert_eq!(at("/bin/../bin/abs"), Ok(("etc/passwd".into(), 1)));
        assert_eq!(at("/up/passwd"), Ok(("etc/passwd".into(), 1)));
        assert_eq!(at("/"), Ok((String::new(), 0)));
        for missing in ["/etc/gone", "/loop", "/bin/sh/x", "/nowhere"] {
            assert!(at(missing).is_err(), "{missing}");
        }
        assert_eq!(stack.resolve(1, b"/etc/gone").unwrap().0, b"etc/gone");
    }
}
