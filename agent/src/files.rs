//! Files of containers and images, for whoever asks by path: lists, contents, archives, both ways.

use std::collections::BTreeSet;
use std::sync::Arc;

use porthole_launcher::wire::{Failure, Place};
use porthole_protocol::files::{Changes, FileEntry, FileTree, StackLayer};
use porthole_protocol::image::CommitRequest;
use tokio::io::AsyncRead;

use crate::container::Container;
use crate::container::registry::Registry;
use crate::image::{Image, ImageError};
use crate::work::asking::{Desk, Stream};
use crate::work::{Job, Listing};

type Result<T> = std::result::Result<T, Failure>;

/// Whose files.
#[derive(Clone)]
pub(crate) enum Owner {
    /// A container's, running or ended.
    Container(Container),
    /// An image's.
    Image(Arc<Image>),
}

/// A way to ask for files.
#[derive(Clone)]
pub(crate) struct Files {
    desk: Desk,
    owner: Owner,
}

impl Registry {
    /// The files of a container or an image.
    pub(crate) fn files(&self, owner: Owner) -> Files {
        Files { desk: self.desk(), owner }
    }

    /// Makes an image of what a container wrote, and adds it.
    ///
    /// # Errors
    /// Those of [`Images::commit`](crate::image::Images); `NoSuchImage` when the container's own image is gone.
    pub(crate) async fn commit(
        &self,
        container: &Container,
        request: &CommitRequest,
    ) -> std::result::Result<Arc<Image>, ImageError> {
        let base = self.images().resolve(container.image_id())?;
        let stack = Owner::Container(container.clone()).stack();
        let packing = async { Ok(self.desk().start(stack, !request.no_pause, &Job::Pack)?) };
        self.images().commit(&base, &container.view().detail.spec.process, request, packing).await
    }

    /// Where jobs on files are asked for.
    pub(crate) fn desk(&self) -> Desk {
        Desk::new(self.images().layer_store(), self.tasks().clone())
    }
}

impl Files {
    /// What a container has changed.
    ///
    /// # Errors
    /// Those of the launcher.
    pub(crate) async fn changes(&self) -> Result<Changes> {
        self.desk.ask(self.owner.stack(), &Job::Changes).await
    }

    /// Bytes on disk that a container alone has: those of its writable layer.
    ///
    /// # Errors
    /// Those of the launcher.
    pub(crate) async fn private_bytes(&self) -> Result<u64> {
        self.desk.ask(self.owner.stack(), &Job::DiskBytes).await
    }

    /// A directory through the layers from `from` on.
    ///
    /// # Errors
    /// `NoSuchFile` when it is none; `BadRequest` for a layer that does not exist.
    pub(crate) async fn tree(&self, path: String, from: usize) -> Result<FileTree> {
        let job = Job::Tree { path, from };
        let listing = self.desk.ask::<Listing>(self.owner.stack(), &job);
        let written = async {
            match &self.owner {
                Owner::Container(_) => self.private_bytes().await.map(Some),
                Owner::Image(_) => Ok(None),
            }
        };
        let (Listing { path, entries, truncated }, written) = tokio::try_join!(listing, written)?;
        let writable = written.map(|bytes| StackLayer { diff_id: None, created_by: String::new(), bytes });
        let layers = writable.into_iter().chain(self.owner.layers()).collect();
        Ok(FileTree { path, layers, from, entries, truncated })
    }

    /// A regular file: as a container sees it now, or through the layers from `from` on.
    ///
    /// # Errors
    /// `NoSuchFile` when it is none.
    pub(crate) async fn read(&self, path: String, from: Option<usize>) -> Result<(FileEntry, Stream)> {
        match (&self.owner, from) {
            (Owner::Container(_), None) => self.desk.stream(self.owner.root(), &Job::Read { path }).await,
            (_, from) => {
                let job = Job::ReadLayers { path, from: from.unwrap_or(0) };
                self.desk.stream(self.owner.stack(), &job).await
            }
        }
    }

    /// What a container sees at a path; a link there is told and not followed, unless a slash comes after it.
    ///
    /// # Errors
    /// `NoSuchFile`.
    pub(crate) async fn stat(&self, path: String) -> Result<FileEntry> {
        self.desk.ask(self.owner.root(), &Job::Stat { path }).await
    }

    /// An archive of what a container sees at a path, by its last name; of a path that ends in a slash or `/.`, by `.`.
    ///
    /// # Errors
    /// `NoSuchFile`.
    pub(crate) async fn archive(&self, path: String) -> Result<(FileEntry, Stream)> {
        let top = match path.rsplit('/').next() {
            None | Some("" | "." | "..") => ".".to_owned(),
            Some(name) => name.to_owned(),
        };
        self.desk.stream(self.owner.root(), &Job::Archive { path, top }).await
    }

    /// An archive of all that a container sees, but what is mounted.
    ///
    /// # Errors
    /// Those of the launcher.
    pub(crate) async fn export(&self) -> Result<Stream> {
        let job = Job::Archive { path: "/".to_owned(), top: String::new() };
        Ok(self.desk.stream::<FileEntry>(self.owner.root(), &job).await?.1)
    }

    /// Writes an archive's members below a directory of a running container.
    ///
    /// # Errors
    /// `NoSuchFile`, `BadArchive`, `TooLarge`; what was written by then stays.
    pub(crate) async fn extract(&self, path: String, body: impl AsyncRead + Unpin) -> Result<()> {
        self.desk.feed(self.owner.root(), &Job::Extract { path }, body).await
    }

    /// Writes a file of a running container, whole or not at all.
    ///
    /// # Errors
    /// `NoSuchFile` when there is no directory for it, `BadRequest` when it is one.
    pub(crate) async fn write(
        &self,
        path: String,
        mode: u32,
        bytes: u64,
        body: impl AsyncRead + Unpin,
    ) -> Result<()> {
        self.desk.feed(self.owner.root(), &Job::Write { path, mode, bytes }, body).await
    }
}

impl Owner {
    fn stack(&self) -> Place {
        match self {
            Self::Container(container) => Place::Stack { container: container.id().to_string() },
            Self::Image(image) => Place::Layers(image.layer_names()),
        }
    }

    /// Of a container; an image has no root but its layers.
    fn root(&self) -> Place {
        match self {
            Self::Container(container) => Place::Root { container: container.id().to_string() },
            Self::Image(_) => self.stack(),
        }
    }

    /// The read-only layers, as [`Owner::stack`] has them: one that comes twice is there once.
    fn layers(&self) -> Vec<StackLayer> {
        let image = match self {
            Self::Container(container) => container.image(),
            Self::Image(image) => Some(image),
        };
        let layers: Vec<StackLayer> = match (image, self) {
            (Some(image), _) => image
                .layers
                .iter()
                .map(|layer| StackLayer {
                    diff_id: Some(layer.diff_id.to_string()),
                    created_by: layer.created_by.clone(),
                    bytes: layer.bytes,
                })
                .collect(),
            (None, Self::Container(container)) => container
                .view()
                .detail
                .layers
                .iter()
                .map(|diff_id| StackLayer {
                    diff_id: Some(diff_id.clone()),
                    created_by: String::new(),
                    bytes: 0,
                })
                .collect(),
            (None, Self::Image(_)) => unreachable!("an image is its own"),
        };
        let mut seen = BTreeSet::new();
        layers.into_iter().filter(|layer| seen.insert(layer.diff_id.clone())).collect()
    }
}
