//! The archive that holds whole images: its files on disk, by name.

use std::collections::BTreeMap;
use std::io::{self, Read};

use porthole_protocol::limits::MAX_IMAGE_ARCHIVE_BYTES;

use super::archive::{Archive, Kind};
use super::candidate::Spooled;
use super::digest::{Digest, Hashing};
use super::error::ImageError;
use super::manifest::MAX_DOCUMENT_BYTES;
use super::path::{components, shown};
use super::store::Partial;
use super::stream::{Upload, decompress};

/// Most members of an archive of images. An image has at most a few hundred.
const MAX_MEMBERS: usize = 20_000;

/// Links followed from one name. `docker save` once wrote a link for a layer that came before; no more than one in a row.
const MAX_LINKS: usize = 8;

/// Files and links by normalised name.
#[derive(Debug, Default)]
pub(super) struct Bundle {
    items: BTreeMap<String, Item>,
}

#[derive(Debug)]
enum Item {
    File(Spooled),
    /// The name it leads to.
    Link(String),
}

impl Bundle {
    /// Reads an upload to its end. Nothing of it is unpacked: contents go to numbered files, names only into the map.
    pub(super) fn read(mut upload: Upload, partial: &mut Partial) -> Result<Self, ImageError> {
        let mut bundle = Self::default();
        let (_, plain) = decompress(&mut upload, MAX_IMAGE_ARCHIVE_BYTES).map_err(ImageError::from_read)?;
        let mut archive = Archive::new(plain);
        while let Some(member) = archive.next()? {
            let name = name_of(&member.path)?;
            let item = match member.kind {
                Kind::Directory => continue,
                Kind::File { segments: None, .. } => Item::File(spool(&name, &mut archive, partial)?),
                Kind::Symlink(target) => Item::Link(link_target(&name, &target)?),
                Kind::HardLink(target) => Item::Link(name_of(&target)?),
                _ => return refuse(format!("{} is neither file nor link", shown(&member.path))),
            };
            if bundle.items.len() == MAX_MEMBERS {
                return refuse(format!("it has more than {MAX_MEMBERS} members"));
            }
            if bundle.items.insert(name, item).is_some() {
                return refuse(format!("{} comes twice", shown(&member.path)));
            }
        }
        archive.drain().map_err(ImageError::from_read)?;
        io::copy(&mut upload, &mut io::sink()).map_err(ImageError::from_read)?;
        Ok(bundle)
    }

    /// Whether there is a member by that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.items.contains_key(name)
    }

    /// The file by that name, links followed.
    pub(super) fn file(&self, name: &str) -> Result<&Spooled, ImageError> {
        let mut name = name;
        for _ in 0..=MAX_LINKS {
            match self.items.get(name) {
                Some(Item::File(spooled)) => return Ok(spooled),
                Some(Item::Link(target)) => name = target,
                None => return refuse(format!("{} is missing", shown(name.as_bytes()))),
            }
        }
        refuse(format!("the links from {} have no end", shown(name.as_bytes())))
    }

    /// The blob of an OCI layout.
    pub(super) fn blob(&self, digest: &Digest) -> Result<&Spooled, ImageError> {
        self.file(&format!("{BLOBS}{}", digest.hex()))
    }

    /// The contents of a small file.
    pub(super) fn document(spooled: &Spooled) -> Result<Vec<u8>, ImageError> {
        if spooled.bytes > MAX_DOCUMENT_BYTES {
            return Err(ImageError::TooLarge(format!(
                "a document is larger than {MAX_DOCUMENT_BYTES} bytes"
            )));
        }
        std::fs::read(&spooled.file).map_err(ImageError::store("reading a partial file"))
    }
}

/// Where an OCI layout has its blobs.
const BLOBS: &str = "blobs/sha256/";

/// Writes a member's contents to a file; one that is named by its digest must have it.
fn spool(name: &str, archive: &mut Archive<impl Read>, partial: &mut Partial) -> Result<Spooled, ImageError> {
    let (file, to) = partial.create()?;
    let mut to = Hashing::new(to);
    io::copy(archive, &mut to).map_err(ImageError::from_read)?;
    let (digest, bytes) = to.finish();
    if name.strip_prefix(BLOBS).is_some_and(|hex| hex != digest.hex()) {
        return refuse(format!("{} does not have the digest it is named by", shown(name.as_bytes())));
    }
    Ok(Spooled { digest, bytes, file })
}

fn name_of(path: &[u8]) -> Result<String, ImageError> {
    let name = components(path).map_err(ImageError::BadArchive)?.join(&b'/');
    String::from_utf8(name).or_else(|_| refuse(format!("the name {} is not text", shown(path))))
}

/// Where a symbolic link leads, within the archive.
fn link_target(from: &str, target: &[u8]) -> Result<String, ImageError> {
    let escapes =
        || ImageError::BadArchive(format!("the link {} leads out of the archive", shown(from.as_bytes())));
    let target =
        std::str::from_utf8(target).ok().filter(|target| !target.starts_with('/')).ok_or_else(escapes)?;
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop().ok_or_else(escapes)?),
            name => parts.push(name),
        }
    }
    Ok(parts.join("/"))
}

fn refuse<T>(why: String) -> Result<T, ImageError> {
    Err(ImageError::BadArchive(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_within_the_archive() {
        assert_eq!(link_target("new/layer.tar", b"../old/layer.tar").unwrap(), "old/layer.tar");
        assert_eq!(link_target("a", b"./b//c").unwrap(), "b/c");
        for bad in [&b"../../x"[..], b"/etc/passwd", b"../../../../etc/passwd", b"\xff"] {
            assert!(link_target("new/layer.tar", bad).is_err(), "{}", bad.escape_ascii());
        }
    }
}
