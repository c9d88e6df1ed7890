//! Images on their way out: one tar archive that is an OCI image layout and a `docker save` archive at once, as Docker writes
//! since 25. Sources: OCI image spec, `image-layout.md` and `annotations.md`; Docker image specification v1.2.
//!
//! The same images give the same bytes: nothing in it tells a time, and every blob is there once, in the order of its digest.

use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, stream};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::digest::Digest;
use super::load::MAX_IMAGES;
use super::manifest::{self, FULL_NAME, INDEX, MANIFEST, Manifest, REF_NAME};
use super::store::{Partial, Store};
use super::{Image, ImageError, Images, Reference};

/// What is read at a time, in bytes.
const CHUNK_BYTES: usize = 256 * 1024;

/// Unit of a tar archive, in bytes.
const BLOCK: u64 = 512;

/// Ends a tar archive.
const END_MARK: [u8; 1024] = [0; 1024];

/// An image to save, and the names it is to have in the archive.
struct Picked {
    image: Arc<Image>,
    names: Vec<Reference>,
}

/// An archive to be read from its begin to its end. Its blobs stay readable, whatever becomes of the images.
pub struct Saved {
    parts: VecDeque<Part>,
    bytes: u64,
    /// Where the blobs have second names; gone with the archive.
    _held: Partial,
}

/// A piece of the archive.
enum Part {
    Bytes(Cursor<Vec<u8>>),
    /// A file that has not been opened yet, and its length.
    File(PathBuf, u64),
    /// What is left of a file.
    Open(io::Take<File>),
}

impl Images {
    /// The images by those names, or (without a name in the archive) by their ids.
    ///
    /// # Errors
    /// Those of lookup, [`ImageError::TooLarge`] for too many at once, and [`ImageError::Store`].
    pub async fn save(&self, references: &[String]) -> Result<Saved, ImageError> {
        let picked = self.pick(references)?;
        match self.shared.blocking(move |store| arrange(store, &picked)).await {
            Ok(saved) => Ok(saved),
            // One of them may have been removed meanwhile.
            Err(error) => Err(self.pick(references).err().unwrap_or(error)),
        }
    }

    fn pick(&self, references: &[String]) -> Result<Vec<Picked>, ImageError> {
        if references.len() > MAX_IMAGES {
            return Err(ImageError::TooLarge(format!("it would hold more than {MAX_IMAGES} images")));
        }
        let catalog = self.shared.catalog();
        let mut picked: Vec<Picked> = Vec::new();
        for text in references {
            let (image, name) = self.find(&catalog, text)?;
            let name = name.map(|name| Reference::parse_name(&name)).transpose()?;
            let at = picked.iter().position(|known| known.image.id == image.id).unwrap_or_else(|| {
                picked.push(Picked { image, names: Vec::new() });
                picked.len() - 1
            });
            let names = &mut picked[at].names;
            names.extend(name.filter(|name| !names.contains(name)));
        }
        Ok(picked)
    }
}

impl Saved {
    /// Its length.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.bytes
    }

    /// Its bytes, read on threads that may block, as fast as they are asked for.
    pub fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        stream::try_unfold(self, |mut saved| async move {
            let read = move || {
                let mut chunk = Vec::with_capacity(CHUNK_BYTES);
                saved.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
                Ok((!chunk.is_empty()).then(|| (Bytes::from(chunk), saved)))
            };
            spawn_blocking(read).await.map_err(io::Error::other).flatten()
        })
    }
}

impl Read for Saved {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(part) = self.parts.front_mut() {
            let n = part.read(buffer)?;
            if n > 0 {
                return Ok(n);
            }
            self.parts.pop_front();
        }
        Ok(0)
    }
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Bytes(bytes) => bytes.read(buffer),
            Self::File(path, bytes) => {
                *self = Self::Open(File::open(path)?.take(*bytes));
                self.read(buffer)
            }
            Self::Open(file) => match file.read(buffer)? {
                0 if file.limit() > 0 => Err(io::Error::other("a file of the store is shorter than it was")),
                n => Ok(n),
            },
        }
    }
}

/// Reads the documents, takes hold of every blob, and lays everything out.
fn arrange(store: &Store, picked: &[Picked]) -> Result<Saved, ImageError> {
    let mut held = store.partial()?;
    let (mut entries, mut images, mut blobs) = (Vec::new(), Vec::new(), BTreeSet::new());
    for Picked { image, names } in picked {
        let bytes = store.read(&image.manifest)?;
        let manifest: Manifest = manifest::parse(&bytes, "a manifest")?;
        images.push(saved_image(&manifest, names));
        entries.extend(index_entries(image, &manifest, bytes.len(), names, picked));
        blobs.extend(image.blobs.iter().cloned());
    }
    let mut archive = Layout::default();
    archive.document("oci-layout", &json!({ "imageLayoutVersion": "1.0.0" }));
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries });
    archive.document("index.json", &index);
    archive.document("manifest.json", &Value::Array(images));
    archive.directory("blobs/");
    archive.directory("blobs/sha256/");
    for digest in blobs {
        let (path, bytes) = store.hold(&digest, &mut held)?;
        archive.member(&blob_path(&digest), Part::File(path, bytes), bytes);
    }
    archive.bytes(END_MARK.to_vec());
    Ok(Saved { parts: archive.parts, bytes: archive.bytes, _held: held })
}

/// The image in `manifest.json`.
fn saved_image(manifest: &Manifest, names: &[Reference]) -> Value {
    let layers: Vec<_> = manifest.layers.iter().map(|layer| blob_path(&layer.digest)).collect();
    let names: Vec<_> = names.iter().map(Reference::to_string).collect();
    json!({ "Config": blob_path(&manifest.config.digest), "RepoTags": names, "Layers": layers })
}

/// The image in `index.json`: once for each name, or once without.
fn index_entries(
    image: &Image,
    manifest: &Manifest,
    bytes: usize,
    names: &[Reference],
    all: &[Picked],
) -> Vec<Value> {
    let kind = if manifest.media_type.is_empty() { MANIFEST } else { &manifest.media_type };
    let plain = json!({ "mediaType": kind, "digest": image.manifest, "size": bytes });
    let named = |name: &Reference| {
        let mut entry = plain.clone();
        let tag = name.tag().unwrap_or_default();
        // A tag alone, as Docker and containerd write it, where it tells the images of this archive apart.
        let others = all.iter().flat_map(|picked| &picked.names).filter(|other| *other != name);
        let is_clear = others.clone().all(|other| other.tag() != Some(tag));
        let short = if is_clear { tag.to_owned() } else { name.to_string() };
        entry["annotations"] = json!({ FULL_NAME: name.canonical(), REF_NAME: short });
        entry
    };
    if names.is_empty() { vec![plain.clone()] } else { names.iter().map(named).collect() }
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

/// A tar archive being laid out, before a byte of its files is read.
#[derive(Default)]
struct Layout {
    parts: VecDeque<Part>,
    bytes: u64,
}

impl Layout {
    fn document(&mut self, path: &str, document: &Value) {
        let text = document.to_string().into_bytes();
        let bytes = text.len() as u64;
        self.member(path, Part::Bytes(Cursor::new(text)), bytes);
    }

    fn directory(&mut self, path: &str) {
        self.header(path, tar::EntryType::Directory, 0o755, 0);
    }

    fn member(&mut self, path: &str, body: Part, bytes: u64) {
        self.header(path, tar::EntryType::Regular, 0o644, bytes);
        self.parts.push_back(body);
        self.bytes += bytes;
        let padding = bytes.next_multiple_of(BLOCK) - bytes;
        self.bytes(vec![0; usize::try_from(padding).expect("less than a block")]);
    }

    fn header(&mut self, path: &str, kind: tar::EntryType, mode: u32, bytes: u64) {
        let mut header = tar::Header::new_ustar();
        header.set_path(path).expect("the paths of a layout are short and plain");
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(bytes);
        header.set_cksum();
        self.bytes(header.as_bytes().to_vec());
    }

    fn bytes(&mut self, bytes: Vec<u8>) {
        self.bytes += bytes.len() as u64;
        self.parts.push_back(Part::Bytes(Cursor::new(bytes)));
    }
}
