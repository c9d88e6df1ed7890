//! The store on disk.
//!
//! ```text
//! images/
//!   lock                 held by the one agent that uses the store
//!   index.json           what outlives a power cut: complete images, their names and layers
//!   index.boot.json      what is so as long as this boot lasts, with layers that are being unpacked
//!   blobs/sha256/<hex>   manifests, configurations and layers as they came
//!   partial/<random>/    one directory for each image on its way in
//!   downloads/<hex>      layers that came from a registry and belong to no image yet; `.partial` when not whole
//! ```
//!
//! A file comes into `blobs` by rename; both indexes are replaced by rename, `index.json` only after everything it names is
//! on disk, and before anything it named is removed. So at every moment the index tells the truth, and what it does not name
//! is left over and swept at the start.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rustix::fs::{FlockOperation, flock, syncfs};
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::error::ImageError;
use super::manifest::MAX_DOCUMENT_BYTES;

const INDEX: &str = "index.json";
const BOOT_INDEX: &str = "index.boot.json";
const BLOBS: &str = "blobs/sha256";
const PARTIAL: &str = "partial";
const DOWNLOADS: &str = "downloads";

/// Version of `index.json`.
const VERSION: u32 = 1;

/// What `index.json` holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Index {
    version: u32,
    /// Complete images.
    pub(super) images: Vec<Record>,
    /// Every layer that the launcher may hold; without facts while it is being unpacked.
    pub(super) layers: BTreeMap<Digest, Option<LayerFacts>>,
}

/// What `index.boot.json` holds.
#[derive(Debug, Serialize, Deserialize)]
struct BootIndex {
    /// The boot in which it was written: it went through the page cache and may be anything after another.
    boot: String,
    index: Index,
}

/// An image, by the digest of its manifest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) manifest: Digest,
    pub(super) names: Vec<String>,
}

/// What is known of an unpacked layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LayerFacts {
    /// Bytes of its files.
    pub(super) bytes: u64,
}

/// The store's directory, locked.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    boot: String,
    /// What `index.json` says.
    settled: Mutex<Index>,
    /// Released by the kernel when the agent ends, however it ends.
    _lock: File,
}

impl Index {
    pub(super) fn new(images: Vec<Record>, layers: BTreeMap<Digest, Option<LayerFacts>>) -> Self {
        Self { version: VERSION, images, layers }
    }

    /// What both of them have.
    fn intersection(&self, other: &Self) -> Self {
        let has_image = |record: &&Record| other.images.iter().any(|other| other.manifest == record.manifest);
        let has_layer = |(layer, _): &(&Digest, &Option<LayerFacts>)| other.layers.contains_key(*layer);
        Self {
            version: VERSION,
            images: self.images.iter().filter(has_image).cloned().collect(),
            layers: self
                .layers
                .iter()
                .filter(has_layer)
                .map(|(layer, facts)| (layer.clone(), *facts))
                .collect(),
        }
    }
}

impl Store {
    /// Opens the store, making it when there is none, and removes partial files.
    pub(super) fn open(dir: &Path) -> Result<(Self, Index), ImageError> {
        let failed = ImageError::store("opening it");
        Self::try_open(dir).map_err(failed)
    }

    fn try_open(dir: &Path) -> io::Result<(Self, Index)> {
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700).create(dir.join(BLOBS))?;
        builder.create(dir.join(DOWNLOADS))?;
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(dir.join("lock"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| io::Error::new(io::ErrorKind::ResourceBusy, "another agent uses this directory"))?;
        match fs::remove_dir_all(dir.join(PARTIAL)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => builder.create(dir.join(PARTIAL))?,
        }
        let settled = match fs::read(dir.join(INDEX)) {
            Ok(bytes) => serde_json::from_slice::<Index>(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Index::new(Vec::new(), BTreeMap::new()),
            Err(error) => return Err(error),
        };
        if settled.version != VERSION {
            return Err(io::Error::other(format!(
                "index.json has version {}, this program knows {VERSION}",
                settled.version
            )));
        }
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        let index = since_boot(dir, &boot, &settled);
        Ok((Self { dir: dir.to_owned(), boot, settled: Mutex::new(settled), _lock: lock }, index))
    }

    /// Replaces the index of this boot. It need not be on disk when this returns.
    pub(super) fn write_index(&self, index: &Index) -> Result<(), ImageError> {
        let index = BootIndex { boot: self.boot.clone(), index: index.clone() };
        self.replace(BOOT_INDEX, &index, false).map_err(ImageError::store("writing the index"))
    }

    /// Makes all that these images consist of durable, the launcher's layers beside this directory as well, then the index
    /// that names them.
    pub(super) fn settle(&self, index: Index) -> Result<(), ImageError> {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        if *settled == index {
            return Ok(());
        }
        let write = || {
            syncfs(File::open(&self.dir)?)?;
            self.replace(INDEX, &index, true)
        };
        write().map_err(ImageError::store("making images durable"))?;
        *settled = index;
        Ok(())
    }

    /// Has the durable index forget what is not in this one, so that it can be removed.
    pub(super) fn forget_all_but(&self, index: &Index) -> Result<(), ImageError> {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = settled.intersection(index);
        if kept != *settled {
            self.replace(INDEX, &kept, true).map_err(ImageError::store("writing the index"))?;
            *settled = kept;
        }
        Ok(())
    }

    fn replace(&self, name: &str, index: &impl Serialize, is_durable: bool) -> io::Result<()> {
        let new = self.dir.join(PARTIAL).join(name);
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec_pretty(index)?)?;
        if is_durable {
            file.sync_all()?;
        }
        fs::rename(&new, self.dir.join(name))?;
        if is_durable {
            File::open(&self.dir)?.sync_all()?;
        }
        Ok(())
    }

    /// A document, checked against its digest.
    pub(super) fn read(&self, digest: &Digest) -> Result<Vec<u8>, ImageError> {
        let read = || {
            let mut bytes = Vec::new();
            self.blob(digest)?.take(MAX_DOCUMENT_BYTES).read_to_end(&mut bytes)?;
            if Digest::of(&bytes) == *digest {
                Ok(bytes)
            } else {
                Err(io::Error::other(format!("{digest} is damaged")))
            }
        };
        read().map_err(ImageError::store("reading a document"))
    }

    /// Opens a blob for reading.
    pub(super) fn blob(&self, digest: &Digest) -> io::Result<File> {
        File::open(self.blob_path(digest))
    }

    /// Makes a directory for an image on its way in.
    pub(super) fn partial(&self) -> Result<Partial, ImageError> {
        let dir = tempfile::Builder::new().prefix("").tempdir_in(self.dir.join(PARTIAL));
        Ok(Partial { dir: dir.map_err(ImageError::store("making a partial directory"))?, files: 0 })
    }

    /// Moves files into the blobs.
    pub(super) fn adopt(&self, files: &[(Digest, PathBuf)]) -> Result<(), ImageError> {
        let adopt = || {
            for (digest, file) in files {
                let target = self.blob_path(digest);
                match fs::rename(file, &target) {
                    // Two images may have brought it.
                    Err(error) if error.kind() == io::ErrorKind::NotFound && target.exists() => {}
                    moved => moved?,
                }
            }
            Ok(())
        };
        adopt().map_err(ImageError::store("moving files into it"))
    }

    /// Gives a blob a second name in a partial directory, under which it stays when the image is removed; answers the name
    /// and the blob's length.
    pub(super) fn hold(&self, digest: &Digest, partial: &mut Partial) -> Result<(PathBuf, u64), ImageError> {
        let path = partial.dir.path().join(digest.hex());
        let hold = || {
            fs::hard_link(self.blob_path(digest), &path)?;
            Ok(fs::metadata(&path)?.len())
        };
        let bytes = hold().map_err(ImageError::store("holding a blob"))?;
        Ok((path, bytes))
    }

    /// The length of a blob; 0 when it is not here.
    pub(super) fn blob_bytes(&self, digest: &Digest) -> u64 {
        fs::metadata(self.blob_path(digest)).map_or(0, |facts| facts.len())
    }

    /// The bytes of all blobs.
    pub(super) fn blobs_bytes(&self) -> Result<u64, ImageError> {
        let lengths = || {
            let entries = fs::read_dir(self.dir.join(BLOBS))?;
            // One that is removed meanwhile does not count.
            entries.map(|entry| Ok(entry?.metadata().map_or(0, |facts| facts.len()))).sum::<io::Result<u64>>()
        };
        lengths().map_err(ImageError::store("measuring it"))
    }

    /// Deletes all blobs but these; answers the bytes given back.
    pub(super) fn sweep(&self, kept: &BTreeSet<Digest>) -> Result<u64, ImageError> {
        let sweep = || {
            let mut freed = 0;
            for entry in fs::read_dir(self.dir.join(BLOBS))? {
                let entry = entry?;
                let name = entry.file_name();
                let digest = name.to_str().and_then(|hex| format!("sha256:{hex}").parse::<Digest>().ok());
                if !digest.is_some_and(|digest| kept.contains(&digest)) {
                    freed += entry.metadata()?.len();
                    fs::remove_file(entry.path())?;
                }
            }
            Ok(freed)
        };
        sweep().map_err(ImageError::store("sweeping it"))
    }

    /// Where downloads are kept; only this module's names are in it.
    pub(super) fn downloads(&self) -> PathBuf {
        self.dir.join(DOWNLOADS)
    }

    pub(super) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(BLOBS).join(digest.hex())
    }
}

/// The index to begin with: that of this boot, or what outlived the last one. Layers that only the last boot knew are
/// listed without facts, for whoever opens the store to remove.
fn since_boot(dir: &Path, boot: &str, settled: &Index) -> Index {
    let recent = fs::read(dir.join(BOOT_INDEX)).ok();
    let recent = recent.and_then(|bytes| serde_json::from_slice::<BootIndex>(&bytes).ok());
    let Some(recent) = recent.filter(|recent| recent.index.version == VERSION) else {
        return settled.clone();
    };
    if recent.boot == boot {
        return recent.index;
    }
    let mut index = settled.clone();
    for record in recent.index.images {
        if !settled.images.iter().any(|known| known.manifest == record.manifest) {
            tracing::warn!(names = ?record.names, "an image was not yet on disk when the machine went down");
        }
    }
    for layer in recent.index.layers.into_keys() {
        index.layers.entry(layer).or_insert(None);
    }
    index
}

/// Files of an image on its way in; they go when this does, but for those that were adopted.
#[derive(Debug)]
pub(super) struct Partial {
    dir: tempfile::TempDir,
    files: u32,
}

impl Partial {
    /// Makes a new file.
    pub(super) fn create(&mut self) -> Result<(PathBuf, File), ImageError> {
        let path = self.dir.path().join(self.files.to_string());
        self.files += 1;
        let file = File::create_new(&path).map_err(ImageError::store("making a partial file"))?;
        Ok((path, file))
    }

    /// Writes a small new file.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(Digest, PathBuf), ImageError> {
        let (path, mut file) = self.create()?;
        file.write_all(bytes).map_err(ImageError::store("writing a partial file"))?;
        Ok((Digest::of(bytes), path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_used_by_one_agent_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let (first, _) = Store::open(dir.path()).unwrap();
        let second = Store::open(dir.path()).unwrap_err();
        assert!(second.to_string().contains("another agent"), "{second}");
        drop(first);
        Store::open(dir.path()).unwrap();
    }

    #[test]
    fn the_index_is_what_was_written_last_and_leftovers_are_swept() {
        let dir = tempfile::tempdir().unwrap();
        let (store, empty) = Store::open(dir.path()).unwrap();
        assert_eq!(empty.images, []);
        let mut partial = store.partial().unwrap();
        let kept = partial.write(b"manifest").unwrap();
        let left_over = partial.write(b"nobody names this").unwrap();
        store.adopt(&[kept.clone(), left_over]).unwrap();
        let record = Record { manifest: kept.0.clone(), names: vec!["a:1".into()] };
        let layers = [(Digest::of(b"l"), Some(LayerFacts { bytes: 7 })), (Digest::of(b"m"), None)].into();
        let index = Index::new(vec![record], layers);
        store.write_index(&index).unwrap();
        // A crash here leaves a partial directory and half an index beside the whole one.
        std::mem::forget(partial);
        fs::write(dir.path().join(PARTIAL).join(INDEX), "{").unwrap();
        drop(store);

        let (store, found) = Store::open(dir.path()).unwrap();
        assert_eq!(found, index, "what this boot wrote is known");
        assert_eq!(fs::read_dir(dir.path().join(PARTIAL)).unwrap().count(), 0);
        assert_eq!(store.sweep(&[kept.0.clone()].into()).unwrap(), 17);
        assert_eq!(store.read(&kept.0).unwrap(), b"manifest");
    }

    #[test]
    fn after_another_boot_only_what_was_settled_is_believed() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path()).unwrap();
        let record = |name: &str| Record { manifest: Digest::of(name.as_bytes()), names: vec![name.into()] };
        let layer = |name: &str| (Digest::of(name.as_bytes()), Some(LayerFacts { bytes: 1 }));
        let old = Index::new(vec![record("old:1"), record("gone:1")], [layer("a"), layer("g")].into());
        store.settle(old).unwrap();
        let new = Index::new(vec![record("old:1"), record("new:1")], [layer("a"), layer("b")].into());
        store.write_index(&new).unwrap();
        store.forget_all_but(&new).unwrap();
        drop(store);
        assert_eq!(Store::open(dir.path()).unwrap().1, new, "a crash of the agent loses nothing");

        let boot_index = dir.path().join(BOOT_INDEX);
        let text = fs::read_to_string(&boot_index).unwrap();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        fs::write(&boot_index, text.replace(boot.trim(), "another")).unwrap();
        let (store, found) = Store::open(dir.path()).unwrap();
        assert_eq!(found.images, [record("old:1")]);
        let b = (Digest::of(b"b"), None);
        assert_eq!(found.layers, [layer("a"), b].into(), "the layer that was not settled is to be removed");
        drop(store);
        fs::write(&boot_index, "{").unwrap();
        assert_eq!(Store::open(dir.path()).unwrap().1.images, [record("old:1")]);
    }

    #[test]
    fn damaged_documents_are_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path()).unwrap();
        let written = store.partial().unwrap().write(b"config").unwrap();
        assert!(store.read(&written.0).is_err(), "the partial file went with its directory");
        let mut partial = store.partial().unwrap();
        let (digest, path) = partial.write(b"config").unwrap();
        store.adopt(&[(digest.clone(), path)]).unwrap();
        fs::write(dir.path().join(BLOBS).join(digest.hex()), b"confiG").unwrap();
        assert!(store.read(&digest).unwrap_err().to_string().contains("damaged"));
    }
}
