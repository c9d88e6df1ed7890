//! Images: named, content-addressed stacks of read-only layers, and the store that holds them.
//!
//! ```text
//! upload ─ stream ─ archive ─ load ──┐  blobs, digests checked
//!                                    ▼
//!                  add ─ pipe ─▶ launcher's worker: unpack ─ tree   one directory a layer
//!                   │
//!                   ▼
//!                 store: index.json names what is complete
//! ```
//!
//! Everything that arrives is hostile: it is counted, bounded and hashed before it is believed, and unpacked by a worker
//! that can reach nothing but the layer's own directory.

mod archive;
mod config;
mod digest;
mod error;
mod layers;
mod path;
mod pax;
mod reference;
mod sparse;
mod tree;
pub mod unpack;
mod users;

pub use config::{Empty, ImageConfig};
pub use digest::{Digest, InvalidDigest};
pub use error::ImageError;
pub use layers::LayerStore;
pub use reference::Reference;
pub use users::User;

use std::path::Path;
use std::sync::Arc;

use porthole_protocol::http::{ImageSummary, Removed};
use tokio::io::AsyncRead;
use tokio::sync::watch;

use users::Users;

/// An image that is complete: a launch needs nothing else.
#[derive(Clone, Debug)]
pub struct Image {
    /// `sha256:…` of its configuration, Docker's image id.
    pub id: Digest,
    /// Digest of its manifest.
    pub manifest: Digest,
    /// Its names, each `repository:tag`, sorted; none when newer images took them.
    pub names: Vec<String>,
    /// Creation time, in milliseconds since 1970-01-01 UTC; 0 when the image does not say.
    pub created_ms: u64,
    /// Its layers, topmost first.
    pub layers: Vec<ImageLayer>,
    /// What its containers run unless told otherwise.
    pub config: ImageConfig,
    users: Users,
}

/// A layer of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageLayer {
    /// Digest of its uncompressed archive; its hexadecimal digits are the launcher's name for it.
    pub diff_id: Digest,
    /// Unpacked bytes.
    pub bytes: u64,
    /// The instruction that made it, when the image says so.
    pub created_by: String,
}

impl Image {
    /// The launcher's names of its layers, topmost first.
    #[must_use]
    pub fn layer_names(&self) -> Vec<String> {
        self.layers.iter().map(|layer| layer.diff_id.hex().to_owned()).collect()
    }

    /// Looks `USER[:GROUP]` up, each a name or a decimal number.
    ///
    /// # Errors
    /// [`ImageError::BadUser`] for anything else, unknown names, and ids outside a container's range.
    pub fn user(&self, text: &str) -> Result<User, ImageError> {
        self.users.find(text)
    }

    /// Its line in `porthole images`.
    #[must_use]
    pub fn summary(&self, containers: u32) -> ImageSummary {
        ImageSummary {
            id: self.id.to_string(),
            names: self.names.clone(),
            created_ms: self.created_ms,
            bytes: self.layers.iter().map(|layer| layer.bytes).sum(),
            layers: self.layers.iter().map(|layer| layer.diff_id.to_string()).collect(),
            command: self.config.command(&[]),
            containers,
        }
    }
}

/// The images of one agent. Clones share the store.
#[derive(Clone)]
pub struct Images {}

impl Images {
    /// Opens the store in `dir`, making it when there is none, and removes what a crash left half-finished.
    ///
    /// # Errors
    /// [`ImageError::Store`] when the directory cannot be used or another agent uses it.
    pub async fn open(dir: &Path, layers: Arc<dyn LayerStore>) -> Result<Self, ImageError> {
        let _ = (dir, layers);
        todo!()
    }

    /// The image by that name, or by (the first digits of) its id.
    ///
    /// # Errors
    /// [`ImageError::NoSuchImage`], [`ImageError::Ambiguous`].
    pub fn resolve(&self, reference: &str) -> Result<Arc<Image>, ImageError> {
        let _ = reference;
        todo!()
    }

    /// All images, the newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Image>> {
        todo!()
    }

    /// A number that grows with every change of [`Images::list`].
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        todo!()
    }

    /// Adds an image of one layer: a root file system as a tar archive, plain or compressed with gzip or zstd.
    ///
    /// # Errors
    /// Any but those of lookup and removal. Nothing is left behind then, nor when the future is dropped.
    pub async fn import(
        &self,
        name: &str,
        body: impl AsyncRead + Send + Unpin,
    ) -> Result<Arc<Image>, ImageError> {
        let _ = (name, body);
        todo!()
    }

    /// Adds the images of an archive made by `docker save`, or of an OCI image layout in a tar archive.
    ///
    /// # Errors
    /// As [`Images::import`].
    pub async fn load(&self, body: impl AsyncRead + Send + Unpin) -> Result<Vec<Arc<Image>>, ImageError> {
        let _ = body;
        todo!()
    }

    /// Adds the image that came inside the program, unless there is one by that name.
    ///
    /// # Errors
    /// As [`Images::import`].
    pub async fn ensure_embedded(
        &self,
        name: &str,
        archive: &'static [u8],
    ) -> Result<Arc<Image>, ImageError> {
        match self.resolve(name) {
            Err(ImageError::NoSuchImage(_)) => self.import(name, archive).await,
            found_or_failed => found_or_failed,
        }
    }

    /// Takes a name off an image, and deletes the image when it was the last one and no container is made from it;
    /// `in_use` tells how many are. By id, or with `force`, all names are taken off.
    ///
    /// # Errors
    /// Those of lookup; [`ImageError::InUse`] when the last name of an image in use would go and `force` is not set (with
    /// it, the names go and the image stays until its containers are removed); [`ImageError::SeveralNames`] by id
    /// without `force`.
    pub async fn remove(
        &self,
        reference: &str,
        force: bool,
        in_use: impl Fn(&Image) -> u32,
    ) -> Result<Removed, ImageError> {
        let _ = (reference, force, in_use(&*self.resolve(reference)?));
        todo!()
    }

    /// Waits until nothing is being added or removed any more; whatever is asked for later is refused.
    pub async fn close(&self) {}
}
