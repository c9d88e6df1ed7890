//! Layers from whole root file systems: the first is the first archive, the next what another one has beyond it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tar::{Archive, Builder, Entry, EntryType, Header};

use crate::stamp::hex;

/// What stays out of an image: devices, which a container gets from the runtime; names and addresses of the machine it
/// was made on; and what package tools keep for themselves. Paths, or beginnings of paths that end with a slash.
pub(super) const LEFT_OUT: [&str; 11] = [
    "dev/",
    "etc/hostname",
    "etc/resolv.conf",
    "run/",
    "var/cache/apt/archives/lock",
    "var/cache/debconf/config.dat-old",
    "var/cache/debconf/templates.dat-old",
    "var/lib/apt/lists/lock",
    "var/lib/dpkg/status-old",
    "var/log/",
    "var/cache/ldconfig/",
];

/// A compressed layer in a file.
pub(super) struct Layer {
    pub(super) file: File,
    pub(super) bytes: u64,
    /// Digest of the compressed bytes, `sha256:…`.
    pub(super) digest: String,
    /// Digest of the archive within (OCI image spec, "Layer DiffID").
    pub(super) diff_id: String,
}

/// What an archive holds, each path with a fingerprint of all that a layer records of it.
#[derive(Default)]
pub(super) struct Listing(BTreeMap<PathBuf, String>);

impl Listing {
    /// Reads an archive through.
    pub(super) fn of(archive: impl Read) -> Result<Self> {
        let mut listing = BTreeMap::new();
        each_kept(archive, |path, mut entry| {
            listing.insert(path, fingerprint(&mut entry, &mut io::sink())?);
            Ok(())
        })?;
        Ok(Self(listing))
    }

    /// Says that the path is in the other archive as well; answers whether it is the same there.
    fn take(&mut self, path: &Path, fingerprint: &str) -> bool {
        self.0.remove(path).is_some_and(|below| below == fingerprint)
    }
}

/// Writes what the archive has beyond `below` into a file without a name, in the folder `dir`.
pub(super) fn write(archive: impl Read, mut below: Listing, dir: &Path) -> Result<Layer> {
    let compressed = Hashing::new(BufWriter::new(tempfile::tempfile_in(dir)?));
    let mut layer = Builder::new(Hashing::new(GzEncoder::new(compressed, Compression::default())));
    // Directories that are written when something in them is: a layer's directory brings its own mode and owner.
    let mut unchanged: BTreeMap<PathBuf, Header> = BTreeMap::new();
    each_kept(archive, |path, mut entry| {
        let mut content = tempfile::spooled_tempfile(CONTENT_IN_MEMORY);
        let fingerprint = fingerprint(&mut entry, &mut content)?;
        let same = below.take(&path, &fingerprint);
        if same && entry.header().entry_type() == EntryType::Directory {
            unchanged.insert(path, entry.header().clone());
        } else if !same {
            let parents: Vec<_> = path.ancestors().skip(1).collect();
            for parent in parents.into_iter().rev() {
                if let Some(mut header) = unchanged.remove(parent) {
                    layer.append_data(&mut header, parent, io::empty())?;
                }
            }
            append(&mut layer, &path, &entry, &mut content)?;
        }
        Ok(())
    })?;
    if let Some((gone, _)) = below.0.first_key_value() {
        bail!("{} is gone from the upper archive, and a layer of additions cannot say so", gone.display());
    }
    let (compressor, diff_id, _) = layer.into_inner()?.finish();
    let (file, digest, bytes) = compressor.finish()?.finish();
    Ok(Layer { file: file.into_inner()?, bytes, digest, diff_id })
}

/// Largest file that is held in memory while it is compared, in bytes.
const CONTENT_IN_MEMORY: usize = 1 << 20;

fn append<W: Write>(
    layer: &mut Builder<W>,
    path: &Path,
    entry: &Entry<impl Read>,
    content: &mut (impl Read + Seek),
) -> Result<()> {
    let mut header = entry.header().clone();
    match entry.link_name()? {
        Some(target) if header.entry_type() == EntryType::Link => {
            layer.append_link(&mut header, path, target.strip_prefix(".").unwrap_or(&target))?;
        }
        Some(target) => layer.append_link(&mut header, path, target)?,
        None => {
            content.seek(SeekFrom::Start(0))?;
            layer.append_data(&mut header, path, content)?;
        }
    }
    Ok(())
}

/// Calls `with` for each entry that belongs into an image, its path without a leading `./`; the root, which every
/// container brings itself, is none of them.
fn each_kept<R: Read>(
    archive: R,
    mut with: impl FnMut(PathBuf, Entry<BufReader<R>>) -> Result<()>,
) -> Result<()> {
    for entry in Archive::new(BufReader::new(archive)).entries()? {
        let entry = entry?;
        let path = entry.path()?.strip_prefix(".").map(Path::to_path_buf).context("a path without ./")?;
        let text = path.to_str().context("a path that is not UTF-8")?.trim_end_matches('/');
        let left_out = |out: &&str| text == *out || out.ends_with('/') && text.starts_with(*out);
        if !text.is_empty() && !LEFT_OUT.iter().any(left_out) {
            with(path, entry)?;
        }
    }
    Ok(())
}

/// Type, mode, owner, link and content, the latter copied as well. Times of directories say nothing: unpacking one
/// archive over another changes them.
fn fingerprint(entry: &mut Entry<impl Read>, copy: &mut impl Write) -> Result<String> {
    let header = entry.header();
    let time = if header.entry_type() == EntryType::Directory { 0 } else { header.mtime()? };
    let facts = (header.entry_type(), header.mode()?, header.uid()?, header.gid()?, time, entry.link_name()?);
    let facts = format!("{facts:?}");
    let mut content = Hashing::new(copy);
    io::copy(entry, &mut content)?;
    Ok(facts + &content.finish().1)
}

/// Counts and hashes what is written through it.
pub(super) struct Hashing<W> {
    inner: W,
    hash: Sha256,
    bytes: u64,
}

impl<W: Write> Hashing<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    /// The writer, the digest and the count.
    pub(super) fn finish(self) -> (W, String, u64) {
        (self.inner, format!("sha256:{}", hex(&self.hash.finalize())), self.bytes)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use flate2::read::GzDecoder;

    use super::*;

    /// An archive as mmdebstrap writes them, of directories and files with their content.
    fn archive(entries: &[(&str, Option<&str>)]) -> Vec<u8> {
        let mut archive = Builder::new(Vec::new());
        for (path, content) in entries {
            let mut header = Header::new_gnu();
            header.set_entry_type(if content.is_some() { EntryType::Regular } else { EntryType::Directory });
            header.set_mode(0o755);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_size(content.map_or(0, str::len) as u64);
            // `append_data` would take the leading ./ away.
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            archive.append(&header, content.unwrap_or_default().as_bytes()).unwrap();
        }
        archive.into_inner().unwrap()
    }

    fn written(archive: &[u8], below: Listing) -> Result<Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        let mut layer = write(archive, below, dir.path())?;
        layer.file.seek(SeekFrom::Start(0)).unwrap();
        let mut archive = Archive::new(GzDecoder::new(layer.file));
        let entries = archive.entries().unwrap();
        Ok(entries.map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect())
    }

    const BASE: [(&str, Option<&str>); 6] = [
        ("./", None),
        ("./dev/", None),
        ("./dev/null", Some("")),
        ("./etc/", None),
        ("./etc/hostname", Some("builder")),
        ("./etc/motd", Some("hello")),
    ];

    #[test]
    fn the_first_layer_is_all_but_what_belongs_to_the_machine() {
        let names = written(&archive(&BASE), Listing::default()).unwrap();
        assert_eq!(names, ["dev", "etc", "etc/motd"]);
    }

    #[test]
    fn the_next_layer_is_what_is_new_or_changed_below_its_directories() {
        let below = || Listing::of(&archive(&BASE)[..]).unwrap();
        let full = [&BASE[..5], &[("./etc/motd", Some("HELLO")), ("./usr/", None), ("./usr/vim", Some("v"))]]
            .concat();
        assert_eq!(written(&archive(&full), below()).unwrap(), ["etc", "etc/motd", "usr", "usr/vim"]);
        assert_eq!(written(&archive(&BASE), below()).unwrap(), [""; 0]);
    }

    #[test]
    fn a_file_that_is_gone_is_not_passed_over_in_silence() {
        let below = Listing::of(&archive(&BASE)[..]).unwrap();
        let error = written(&archive(&BASE[..5]), below).unwrap_err();
        assert!(error.to_string().starts_with("etc/motd is gone"), "{error}");
    }
}
