//! The store on disk.
//!
//! ```text
//! images/
//!   lock                 held by the one agent that uses the store
//!   index.json           which images are complete, their names, and which layers the launcher holds or is unpacking
//!   blobs/sha256/<hex>   manifests, configurations and layers as they came
//!   partial/<random>/    one directory for each image on its way in
//! ```
//!
//! A file comes into `blobs` by rename; `index.json` is replaced by rename after everything it names is on disk. So at every
//! moment the index tells the truth, and what it does not name is left over and swept at the start.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock, syncfs};
use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::error::ImageError;
use super::manifest::MAX_DOCUMENT_BYTES;

const INDEX: &str = "index.json";
const BLOBS: &str = "blobs/sha256";
const PARTIAL: &str = "partial";

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
    /// Released by the kernel when the agent ends, however it ends.
    _lock: File,
}

impl Index {
    pub(super) fn new(images: Vec<Record>, layers: BTreeMap<Digest, Option<LayerFacts>>) -> Self {
        Self { version: VERSION, images, layers }
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
        let lock =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(dir.join("lock"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| io::Error::new(io::ErrorKind::ResourceBusy, "another agent uses this directory"))?;
        match fs::remove_dir_all(dir.join(PARTIAL)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => builder.create(dir.join(PARTIAL))?,
        }
        let index = match fs::read(dir.join(INDEX)) {
            Ok(bytes) => serde_json::from_slice::<Index>(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Index::new(Vec::new(), BTreeMap::new()),
            Err(error) => return Err(error),
        };
        if index.version != VERSION {
            return Err(io::Error::other(format!(
                "index.json has version {}, this program knows {VERSION}",
                index.version
            )));
        }
        Ok((Self { dir: dir.to_owned(), _lock: lock }, index))
    }

    /// Replaces the index. It is on disk when this returns.
    pub(super) fn write_index(&self, index: &Index) -> Result<(), ImageError> {
        let write = || {
            let bytes = serde_json::to_vec_pretty(index)?;
            let new = self.dir.join(PARTIAL).join(INDEX);
            let mut file = File::create(&new)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&new, self.dir.join(INDEX))?;
            File::open(&self.dir)?.sync_all()
        };
        write().map_err(ImageError::store("writing index.json"))
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

    /// Moves files of a partial directory into the blobs, and makes everything written so far durable: the launcher's layers
    /// beside this directory as well. What is there already was made durable before the index named it.
    pub(super) fn adopt(&self, files: &[(Digest, PathBuf)]) -> Result<(), ImageError> {
        let adopt = || {
            for (digest, file) in files {
                let target = self.blob_path(digest);
                if !target.exists() {
                    fs::rename(file, target)?;
                }
            }
            Ok(syncfs(File::open(&self.dir)?)?)
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

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.dir.join(BLOBS).join(digest.hex())
    }
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
        assert_eq!(found, index);
        assert_eq!(fs::read_dir(dir.path().join(PARTIAL)).unwrap().count(), 0);
        assert_eq!(store.sweep(&[kept.0.clone()].into()).unwrap(), 17);
        assert_eq!(store.read(&kept.0).unwrap(), b"manifest");
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
