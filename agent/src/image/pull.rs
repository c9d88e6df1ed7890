//! Pulling: an image from a registry into the store.
//!
//! ```text
//! registry ─ HTTP ─ download ─▶ file that grows ─ follower ─ decompress ─ pipe ─▶ launcher's worker
//!                       │            │ digest of it all       │ diff id
//!                       └─ again from where it broke          └─ ends only when the digest is right
//! ```
//!
//! See ADR 0010.

mod archives;
mod choose;
mod growth;
mod layer;

use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, stream};
use porthole_protocol::image::{
    Credentials, Direction, LayerState, LayerTransfer, Transfer, TransferRequest,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::candidate::Candidate;
use super::digest::Digest;
use super::manifest::Platform;
use super::reference::Reference;
use super::registry::Registry;
use super::store::Store;
use super::transfers::{Arrived, Flight, Key, Transfers, Waiting};
use super::{ImageError, Images, Shared, add};
use choose::Chosen;

/// What the registry may be shown: nothing, when this agent's configuration and not the name says which one it is. Whoever
/// sent the credentials took them for Docker's.
pub(super) fn meant_for(request: &TransferRequest, by_default: bool) -> Option<&Credentials> {
    request.credentials.as_ref().filter(|_| !by_default)
}

/// Layers of one image that are fetched at a time.
const DOWNLOADS: usize = 4;

impl Images {
    /// Begins to pull an image, or waits with others for the same.
    ///
    /// # Errors
    /// [`ImageError::BadReference`], [`ImageError::BadPlatform`], [`ImageError::NotAllowed`] and
    /// [`ImageError::TooManyTransfers`]; all others come at its end.
    pub fn pull(&self, request: &TransferRequest) -> Result<Waiting, ImageError> {
        let settings = &self.transfers.settings;
        let name = settings.expand(&request.name);
        let reference: Reference = name.as_ref().unwrap_or(&request.name).parse()?;
        settings.check(reference.domain())?;
        let credentials = meant_for(request, name.is_some());
        let platform = request.platform.as_ref().map(|text| text.parse::<Platform>()).transpose()?;
        let key = Key {
            direction: Direction::Pull,
            name: reference.to_string(),
            platform: platform.as_ref().map(Platform::to_string).unwrap_or_default(),
            credentials: credentials.cloned(),
        };
        let http = self.transfers.http()?;
        let registries = Registry::to_pull(http, settings, &reference, credentials)?;
        let (waiting, departure) = self.transfers.join(key)?;
        if let Some(departure) = departure {
            let pull = Pull {
                shared: Arc::clone(&self.shared),
                transfers: Arc::clone(&self.transfers),
                flight: Arc::clone(&departure.flight),
                reference,
                platform,
            };
            self.shared.tasks.spawn(async move { departure.land(pull.run(&registries).await) });
        }
        Ok(waiting)
    }

    /// Every image on its way, in the order in which they began.
    #[must_use]
    pub fn transfers(&self) -> Vec<Transfer> {
        self.transfers.list()
    }

    /// A number that grows with every change of [`Images::transfers`].
    #[must_use]
    pub fn subscribe_transfers(&self) -> watch::Receiver<u64> {
        self.transfers.subscribe()
    }
}

/// A pull under way.
struct Pull {
    shared: Arc<Shared>,
    transfers: Arc<Transfers>,
    flight: Arc<Flight>,
    reference: Reference,
    /// This machine's when missing.
    platform: Option<Platform>,
}

impl Pull {
    /// Tries one place after the other.
    async fn run(self, registries: &[Registry]) -> Result<Arrived, ImageError> {
        let mut outcome = Err(ImageError::Interrupted("it was not begun".into()));
        for registry in registries {
            outcome = self.from(registry).await;
            match &outcome {
                Ok(_) => break,
                Err(_) if self.flight.cancel.is_cancelled() => break,
                Err(error) => tracing::info!(image = %self.reference, %error, "a pull failed"),
            }
        }
        if outcome.is_err()
            && let Err(error) = self.shared.remove_leftovers().await
        {
            tracing::warn!(%error, "layers of a failed pull are left until the next start");
        }
        outcome
    }

    async fn from(&self, registry: &Registry) -> Result<Arrived, ImageError> {
        let cancel = &self.flight.cancel;
        let chosen =
            choose::choose(&self.shared, registry, &self.reference, self.platform.as_ref(), cancel).await?;
        let Chosen { digest, manifest_digest, manifest, manifest_bytes, config, config_bytes } = chosen;
        let waiting = |layer: &super::manifest::Descriptor| LayerTransfer {
            digest: layer.digest.to_string(),
            state: LayerState::Waiting,
            done_bytes: 0,
            total_bytes: layer.size,
        };
        self.flight.layers(manifest.layers.iter().map(waiting).collect());
        let blobs = manifest.layers.iter().map(|layer| layer.digest.clone());
        let documents = [manifest_digest.clone(), manifest.config.digest.clone()];
        let relied_on = config.rootfs.diff_ids.iter().cloned().chain(blobs).chain(documents);
        let _pinned = self.shared.pins.pin(relied_on);

        self.layers(registry, &manifest, &config.rootfs.diff_ids, cancel).await?;

        let (catalog, diff_ids) = (self.shared.catalog(), config.rootfs.diff_ids.clone());
        let here = move |store: &Store| {
            archives::that_are_here(store, &catalog, manifest, manifest_bytes, &diff_ids)
        };
        let (manifest, manifest_bytes) = self.shared.blocking(here).await?;
        let manifest_digest = Digest::of(&manifest_bytes);
        let _pinned_too = self.shared.pins.pin(manifest.layers.iter().map(|layer| layer.digest.clone()));
        let layers: Vec<Digest> = manifest.layers.iter().map(|layer| layer.digest.clone()).collect();
        let gather = move |store: &Store| {
            let mut partial = store.partial()?;
            let documents = [partial.write(&manifest_bytes)?, partial.write(&config_bytes)?];
            let downloads = layers.into_iter().map(|layer| (layer.clone(), store.whole_download(&layer)));
            // The others are blobs already.
            let downloads = downloads.filter(|(_, file)| file.exists());
            Ok((partial, downloads.chain(documents).collect::<Vec<_>>()))
        };
        let (partial, files) = self.shared.blocking(gather).await?;
        let names = vec![self.reference.to_string()];
        let candidate = Candidate { manifest_digest, manifest, config, names, layers: Vec::new(), files };
        let added = add::complete(&self.shared, vec![candidate], cancel).await;
        // Deleting files blocks.
        let dropped = self.shared.blocking(|_| {
            drop(partial);
            Ok(())
        });
        dropped.await?;
        let image = added?.pop().expect("one candidate becomes one image");
        Ok(Arrived { image, digest })
    }

    /// Has every layer, several at a time. When one fails the others are broken off, and this waits until they are.
    async fn layers(
        &self,
        registry: &Registry,
        manifest: &super::manifest::Manifest,
        diff_ids: &[Digest],
        cancel: &CancellationToken,
    ) -> Result<(), ImageError> {
        let stop = cancel.child_token();
        let each = manifest.layers.iter().zip(diff_ids).enumerate().map(|(index, (archive, diff_id))| {
            let layer = layer::Layer {
                shared: &self.shared,
                transfers: &self.transfers,
                flight: &self.flight,
                registry,
                archive,
                diff_id,
                index,
            };
            let stop = &stop;
            async move {
                let had = if stop.is_cancelled() { Err(add::cancelled()) } else { layer.have(stop).await };
                if had.is_err() {
                    stop.cancel();
                }
                had
            }
            .boxed()
        });
        let mut all = stream::iter(each.collect::<Vec<_>>()).buffer_unordered(DOWNLOADS);
        let mut outcome = Ok(());
        while let Some(had) = all.next().await {
            // The first failure is the cause of those that follow.
            outcome = outcome.and(had);
        }
        outcome
    }
}
