//! Images: named, content-addressed stacks of read-only layers, and the store that holds them.
//!
//! ```text
//! registry ─ pull ───────────────────┐  a layer is unpacked while it still comes
//! upload ─ stream ─ archive ─ load ──┤  blobs, digests checked
//!                                    ▼
//!                  add ─ pipe ─▶ launcher's worker: unpack ─ tree   one directory a layer
//!                   │
//!                   ▼
//!                 store: the index names what is complete; settle makes it durable
//! ```
//!
//! Everything that arrives is hostile: it is counted, bounded and hashed before it is believed, and unpacked by a worker
//! that can reach nothing but the layer's own directory.

mod add;
pub(crate) mod archive;
mod bundle;
mod candidate;
mod catalog;
mod claims;
mod commit;
mod config;
mod detail;
mod digest;
mod download;
mod error;
pub(crate) mod fuzzing;
mod instruction;
mod layers;
mod load;
mod manifest;
mod path;
mod pax;
mod prune;
mod pull;
mod push;
mod reference;
mod registry;
mod removal;
mod save;
mod settle;
pub(crate) mod sparse;
mod store;
mod stream;
mod tag;
mod text;
mod transfers;
mod tree;
pub mod unpack;
mod usage;
mod users;
mod zstd;

pub use config::{Empty, ImageConfig};
pub use digest::{Digest, InvalidDigest};
pub use error::ImageError;
pub use layers::LayerStore;
pub(crate) use path::{components, shown};
pub use reference::Reference;
pub use registry::{Patience, RegistrySettings};
pub use save::Saved;
pub use transfers::{Arrived, Step, Waiting};
pub use users::User;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::io::AsyncRead;
use tokio::sync::{Mutex, Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use candidate::Candidate;
use catalog::Catalog;
use claims::{Claims, Pins};
use manifest::Platform;
use settle::Settling;
use store::{Partial, Record, Store};
use transfers::Transfers;
use users::Users;

/// Layers that are unpacked at a time: as many as the launcher has workers.
const UNPACKERS: usize = 4;

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
    /// What it is for, as `os/architecture`, when that is not this machine.
    pub foreign: Option<String>,
    users: Users,
    /// Everything in the store that it consists of.
    blobs: Vec<Digest>,
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
    /// The launcher's names of its layers, topmost first. One that comes twice is named where it is topmost: it hides
    /// itself below, and overlayfs takes no directory twice.
    #[must_use]
    pub fn layer_names(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let names = self.layers.iter().map(|layer| layer.diff_id.hex());
        names.filter(|name| seen.insert(*name)).map(str::to_owned).collect()
    }

    /// Checks that it is for this machine. Images for others can be kept, saved and pushed.
    ///
    /// # Errors
    /// [`ImageError::OtherPlatform`].
    pub fn check_platform(&self) -> Result<(), ImageError> {
        let Some(found) = &self.foreign else { return Ok(()) };
        let name = self.names.first().map_or_else(|| self.id.to_string(), Clone::clone);
        Err(ImageError::OtherPlatform { name, wanted: Platform::here().to_string(), found: found.clone() })
    }

    /// Looks `USER[:GROUP]` up, each a name or a decimal number.
    ///
    /// # Errors
    /// [`ImageError::BadUser`] for anything else, unknown names, and ids outside a container's range.
    pub fn user(&self, text: &str) -> Result<User, ImageError> {
        self.users.find(text)
    }
}

/// The images of one agent. Clones share the store.
#[derive(Clone)]
pub struct Images {
    shared: Arc<Shared>,
    transfers: Arc<Transfers>,
}

struct Shared {
    store: Arc<Store>,
    layers: Arc<dyn LayerStore>,
    /// Readers take the whole value and never wait for a writer's disk.
    catalog: RwLock<Arc<Catalog>>,
    /// Held, shortly, by whoever changes the catalog: one at a time, so that each sees what the last one left.
    writer: Mutex<()>,
    /// Who makes or removes which layer.
    claims: Claims,
    /// Who fetches which blob. Claimed only by whoever holds a layer's claim.
    downloads: Claims,
    /// What must not be removed meanwhile.
    pins: Arc<Pins>,
    /// The launcher's workers.
    unpackers: Semaphore,
    settling: Arc<Settling>,
    version: watch::Sender<u64>,
    /// Additions that have left their callers' hands.
    tasks: TaskTracker,
}

impl Images {
    /// Opens the store in `dir`, making it when there is none, and removes what a crash left half-finished.
    ///
    /// # Errors
    /// [`ImageError::Store`] when the directory cannot be used or another agent uses it.
    pub async fn open(dir: &Path, layers: Arc<dyn LayerStore>) -> Result<Self, ImageError> {
        let dir = dir.to_owned();
        let opened = spawn_blocking(move || Store::open(&dir)).await.map_err(io::Error::other);
        let (store, index) = opened.map_err(ImageError::store("opening it"))??;
        let catalog = Catalog::of_layers(index.layers);
        let shared = Arc::new(Shared {
            store: Arc::new(store),
            layers,
            catalog: RwLock::new(Arc::new(catalog)),
            writer: Mutex::new(()),
            claims: Claims::default(),
            downloads: Claims::default(),
            pins: Arc::default(),
            unpackers: Semaphore::new(UNPACKERS),
            settling: Arc::default(),
            version: watch::Sender::new(0),
            tasks: TaskTracker::new(),
        });
        let mut catalog = Catalog::clone(&shared.catalog());
        for record in index.images {
            match shared.read_image(&catalog, &record).await {
                Ok(image) => drop(catalog.put(image)),
                Err(error) => {
                    tracing::warn!(manifest = %record.manifest, %error, "an image is damaged and left out")
                }
            }
        }
        shared.commit(catalog).await?;
        shared.remove_leftovers().await?;
        let settle = settle::run(Arc::downgrade(&shared), Arc::clone(&shared.settling));
        shared.tasks.spawn(settle);
        Ok(Self { shared, transfers: Arc::new(Transfers::new(RegistrySettings::default())) })
    }

    /// The same images, exchanged with registries as the operator wants it.
    #[must_use]
    pub fn with_registries(self, settings: RegistrySettings) -> Self {
        Self { transfers: Arc::new(Transfers::new(settings)), ..self }
    }

    /// The image by that name, or by (the first digits of) its id. A name without a registry is tried with the default
    /// registry as well.
    ///
    /// # Errors
    /// [`ImageError::NoSuchImage`], [`ImageError::Ambiguous`], [`ImageError::BadReference`].
    pub fn resolve(&self, reference: &str) -> Result<Arc<Image>, ImageError> {
        self.find(&self.shared.catalog(), reference).map(|(image, _)| image)
    }

    /// [`Images::resolve`] in `catalog`, with the name that `reference` is; none when it is an id or a digest.
    fn find(&self, catalog: &Catalog, reference: &str) -> Result<(Arc<Image>, Option<String>), ImageError> {
        let named = |text: &str| {
            catalog.resolve(text).map(|image| (Arc::clone(&image), Catalog::name_in(&image, text)))
        };
        match (named(reference), self.transfers.settings.expand(reference)) {
            (Err(ImageError::NoSuchImage(name)), Some(expanded)) => {
                named(&expanded).map_err(|_| ImageError::NoSuchImage(name))
            }
            (found, _) => found,
        }
    }

    /// All images, the newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Image>> {
        self.shared.catalog().list()
    }

    /// Who holds the unpacked layers.
    pub(crate) fn layer_store(&self) -> Arc<dyn LayerStore> {
        Arc::clone(&self.shared.layers)
    }

    /// A number that grows with every change of [`Images::list`].
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.version.subscribe()
    }

    /// Adds an image of one layer: a root file system as a tar archive, plain or compressed with gzip or zstd. Its
    /// containers run `/bin/sh` unless told otherwise.
    ///
    /// # Errors
    /// Any but those of lookup and removal. Nothing is left behind then, nor when the future is dropped.
    pub async fn import(
        &self,
        name: &str,
        body: impl AsyncRead + Send + Unpin,
    ) -> Result<Arc<Image>, ImageError> {
        let name = Reference::parse_name(name)?;
        let partial = self.shared.blocking(Store::partial).await?;
        let import = move |upload| candidate::import(upload, &name, partial);
        let (candidate, partial) = stream::consume(body, import).await?;
        let mut added = self.add(vec![candidate], partial).await?;
        Ok(added.pop().expect("one candidate becomes one image"))
    }

    /// Adds the images of an archive made by `docker save`, or of an OCI image layout in a tar archive: all or none.
    ///
    /// # Errors
    /// As [`Images::import`].
    pub async fn load(&self, body: impl AsyncRead + Send + Unpin) -> Result<Vec<Arc<Image>>, ImageError> {
        let partial = self.shared.blocking(Store::partial).await?;
        let (candidates, partial) = stream::consume(body, move |upload| load::load(upload, partial)).await?;
        self.add(candidates, partial).await
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

    /// Adds what has arrived in a task of its own, which cleans up after itself when the caller goes away.
    async fn add(&self, candidates: Vec<Candidate>, partial: Partial) -> Result<Vec<Arc<Image>>, ImageError> {
        let (shared, cancel) = (Arc::clone(&self.shared), CancellationToken::new());
        let _cancel_when_dropped = cancel.clone().drop_guard();
        let task = self.shared.tasks.spawn(async move {
            let added = add::add(&shared, candidates, &cancel).await;
            if added.is_err()
                && let Err(error) = shared.remove_leftovers().await
            {
                tracing::warn!(%error, "parts of a refused image are left until the next start");
            }
            // Deleting large files blocks.
            let dropped = shared.blocking(|_| {
                drop(partial);
                Ok(())
            });
            dropped.await?;
            added
        });
        task.await.map_err(io::Error::other).map_err(ImageError::store("adding an image"))?
    }

    /// Waits until nothing is being added any more and everything that was is durable.
    pub async fn close(&self) {
        self.transfers.cancel();
        self.shared.settling.close();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }
}

impl Shared {
    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the catalog, or leaves it as it is when the change fails. It must not take long.
    async fn update<T>(
        &self,
        change: impl FnOnce(&mut Catalog) -> Result<T, ImageError>,
    ) -> Result<T, ImageError> {
        let _writing = self.writer.lock().await;
        let mut catalog = Catalog::clone(&self.catalog());
        let changed = change(&mut catalog)?;
        self.commit(catalog).await?;
        Ok(changed)
    }

    /// Writes a new catalog, then shows it to readers. The caller holds the writer's lock.
    async fn commit(&self, catalog: Catalog) -> Result<(), ImageError> {
        let index = catalog.index();
        self.blocking(move |store| store.write_index(&index)).await?;
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalog);
        self.settling.notify();
        self.version.send_modify(|version| *version += 1);
        Ok(())
    }

    /// Runs the store's work on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, ImageError> + Send + 'static,
    ) -> Result<T, ImageError> {
        let store = Arc::clone(&self.store);
        let done = spawn_blocking(move || work(&store)).await;
        done.map_err(io::Error::other).map_err(ImageError::store("working"))?
    }

    /// Reads an image that the index names.
    async fn read_image(&self, catalog: &Catalog, record: &Record) -> Result<Image, ImageError> {
        let digest = record.manifest.clone();
        let read = move |store: &Store| {
            let manifest: manifest::Manifest = manifest::parse(&store.read(&digest)?, "a manifest")?;
            let config = manifest::parse(&store.read(&manifest.config.digest)?, "an image's configuration")?;
            Ok((manifest, config))
        };
        let (manifest, config) = self.blocking(read).await?;
        let image = add::assemble(catalog, record.manifest.clone(), &manifest, config, record.names.clone());
        let mut image = image.ok_or_else(|| ImageError::BadArchive("a layer is missing".into()))?;
        image.users = add::read_users(self.layers.as_ref(), &image).await?;
        Ok(image)
    }
}
