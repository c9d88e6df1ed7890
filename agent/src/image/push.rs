//! Pushing: an image from the store to a registry, each blob as it is stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use porthole_protocol::image::{Direction, LayerState, LayerTransfer, TransferRequest};
use reqwest::Body;
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;

use super::digest::Digest;
use super::manifest::{self, Descriptor, MANIFEST, Manifest};
use super::pull::meant_for;
use super::reference::Reference;
use super::registry::{Attempts, Registry};
use super::transfers::{Arrived, Flight, Key, Waiting};
use super::{Image, ImageError, Images, Shared, add};

/// Layers that are sent at a time.
const UPLOADS: usize = 4;

/// Bytes that are read of a blob at a time.
const CHUNK_BYTES: usize = 256 * 1024;

impl Images {
    /// Begins to push the image by that name to the registry that the name tells.
    ///
    /// # Errors
    /// Those of lookup; [`ImageError::NotAllowed`] and [`ImageError::TooManyTransfers`]; all others come at its end.
    pub fn push(&self, request: &TransferRequest) -> Result<Waiting, ImageError> {
        let settings = &self.transfers.settings;
        let name = settings.expand(&request.name);
        let reference = Reference::parse_name(name.as_ref().unwrap_or(&request.name))?;
        settings.check(reference.domain())?;
        let credentials = meant_for(request, name.is_some());
        let image = self.resolve(&request.name)?;
        let key = Key {
            direction: Direction::Push,
            name: reference.to_string(),
            platform: String::new(),
            credentials: credentials.cloned(),
        };
        let http = self.transfers.http()?;
        let registry = Registry::to_push(http, settings, &reference, credentials)?;
        let (waiting, departure) = self.transfers.join(key)?;
        if let Some(departure) = departure {
            let push = Push {
                shared: Arc::clone(&self.shared),
                flight: Arc::clone(&departure.flight),
                registry,
                reference,
                image,
            };
            self.shared.tasks.spawn(async move { departure.land(push.run().await) });
        }
        Ok(waiting)
    }
}

/// A push under way.
struct Push {
    shared: Arc<Shared>,
    flight: Arc<Flight>,
    registry: Registry,
    reference: Reference,
    image: Arc<Image>,
}

impl Push {
    async fn run(self) -> Result<Arrived, ImageError> {
        let _pinned = self.shared.pins.pin(self.image.blobs.iter().cloned());
        let cancel = &self.flight.cancel;
        let digest = self.image.manifest.clone();
        let bytes = self.shared.blocking(move |store| store.read(&digest)).await?;
        let manifest: Manifest = manifest::parse(&bytes, "a manifest")?;
        let waiting = |layer: &Descriptor| LayerTransfer {
            digest: layer.digest.to_string(),
            state: LayerState::Waiting,
            done_bytes: 0,
            total_bytes: layer.size,
        };
        self.flight.layers(manifest.layers.iter().map(waiting).collect());
        let stop = cancel.child_token();
        let (push, stopped) = (&self, &stop);
        let each = manifest.layers.iter().enumerate().map(|(index, layer)| {
            let sent = push.blob(layer, Some(index), stopped);
            async move {
                tokio::select! { sent = sent => sent, () = stopped.cancelled() => Err(add::cancelled()) }
            }
            .boxed()
        });
        // The first failure drops the others.
        let all = stream::iter(each.collect::<Vec<_>>()).buffer_unordered(UPLOADS);
        all.try_collect::<()>().await?;
        self.blob(&manifest.config, None, cancel).await?;
        let media_type = if manifest.media_type.is_empty() { MANIFEST } else { &manifest.media_type };
        let tag = self.reference.tag().unwrap_or_default();
        self.registry.put_manifest(tag, media_type, &bytes, cancel).await?;
        Ok(Arrived { digest: self.image.manifest.clone(), image: Arc::clone(&self.image) })
    }

    /// Has a blob in the repository: there already, taken over from another one, or sent.
    async fn blob(
        &self,
        blob: &Descriptor,
        index: Option<usize>,
        cancel: &CancellationToken,
    ) -> Result<(), ImageError> {
        let state = |state| index.into_iter().for_each(|index| self.flight.state(index, state));
        let is_there =
            self.registry.has_blob(&blob.digest, cancel).await? || self.mounted(&blob.digest).await;
        let end = if is_there {
            LayerState::Present
        } else {
            let mut attempts = Attempts::new(self.registry.patience());
            loop {
                state(LayerState::Transferring);
                match self.send(blob, index).await? {
                    Ok(()) => break LayerState::Complete,
                    Err(trouble) => {
                        state(LayerState::Retrying);
                        attempts.pause(trouble, cancel).await?;
                    }
                }
            }
        };
        index.into_iter().for_each(|index| {
            self.flight.layer(index, |layer| {
                layer.state = end;
                layer.done_bytes = layer.total_bytes;
            });
        });
        Ok(())
    }

    /// Tries the image's other names in this registry: it has the blob there, when it was pulled from there.
    async fn mounted(&self, digest: &Digest) -> bool {
        let names = self.image.names.iter().filter_map(|name| name.parse::<Reference>().ok());
        let here = names.filter(|name| name.domain() == self.reference.domain()).map(|name| name.path());
        let other =
            here.filter(|path| *path != self.reference.path()).collect::<std::collections::BTreeSet<_>>();
        for path in other {
            if self.registry.mount(digest, &path).await {
                return true;
            }
        }
        false
    }

    async fn send(
        &self,
        blob: &Descriptor,
        index: Option<usize>,
    ) -> Result<Result<(), super::registry::Trouble>, ImageError> {
        let digest = blob.digest.clone();
        let open = move |store: &super::store::Store| {
            store.blob(&digest).map_err(ImageError::store("reading a layer"))
        };
        let file = tokio::fs::File::from_std(self.shared.blocking(open).await?);
        let (flight, sent) = (Arc::clone(&self.flight), Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&sent);
        let chunks = ReaderStream::with_capacity(file, CHUNK_BYTES).inspect_ok(move |chunk| {
            let bytes = counted.fetch_add(chunk.len() as u64, Ordering::Relaxed) + chunk.len() as u64;
            index.into_iter().for_each(|index| flight.layer(index, |layer| layer.done_bytes = bytes));
        });
        Ok(self.registry.upload(&blob.digest, blob.size, || Body::wrap_stream(chunks), &sent).await)
    }
}
