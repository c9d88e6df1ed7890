//! One layer of a pull: fetched, checked and unpacked at the same time.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, future};
use porthole_protocol::image::LayerState;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::growth::{self, End, Follower, Growth};
use crate::image::add::{self, cancelled};
use crate::image::digest::Digest;
use crate::image::manifest::Descriptor;
use crate::image::registry::{Attempts, Registry, Trouble};
use crate::image::store::LayerFacts;
use crate::image::transfers::{Flight, Transfers};
use crate::image::{ImageError, Shared};

/// Chunks waiting for the disk, before the network waits with them.
const CHUNKS: usize = 16;

/// Bytes that count as progress between two failures.
const PROGRESS_BYTES: u64 = 64 * 1024;

/// A layer of an image that is pulled.
pub(super) struct Layer<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) transfers: &'a Transfers,
    pub(super) flight: &'a Flight,
    pub(super) registry: &'a Registry,
    /// As the registry has it.
    pub(super) archive: &'a Descriptor,
    pub(super) diff_id: &'a Digest,
    /// Its place in the manifest.
    pub(super) index: usize,
}

/// What the download of a layer came to, where it did not fail.
enum Downloaded {
    Whole,
    /// What was kept of an earlier download turned out to be no part of the layer.
    WrongBegin,
}

impl Layer<'_> {
    /// Has the layer, fetching it only when it is not here and nobody else fetches it.
    pub(super) async fn have(&self, cancel: &CancellationToken) -> Result<(), ImageError> {
        let made = self.shared.have_layer(self.diff_id, cancel, || self.make(cancel)).await?;
        let state = if made { LayerState::Complete } else { LayerState::Present };
        self.flight.layer(self.index, |layer| {
            layer.state = state;
            layer.done_bytes = layer.total_bytes;
        });
        Ok(())
    }

    async fn make(&self, cancel: &CancellationToken) -> Result<LayerFacts, ImageError> {
        let _claim = self.shared.downloads.claim(&self.archive.digest).await;
        match self.make_once(cancel).await? {
            Some(facts) => Ok(facts),
            None => self.make_once(cancel).await?.ok_or_else(|| self.lied()),
        }
    }

    /// Fetches and unpacks at the same time. None when it must be begun anew.
    async fn make_once(&self, cancel: &CancellationToken) -> Result<Option<LayerFacts>, ImageError> {
        let (digest, size) = (self.archive.digest.clone(), self.archive.size);
        let (file, have) = self.shared.blocking(move |store| store.open_download(&digest, size)).await?;
        let growth = Arc::new(Growth::default());
        let copy = file.try_clone().map_err(ImageError::store("opening a download"))?;
        let follower = Follower::new(copy, Arc::clone(&growth));
        let stop = cancel.child_token();
        let download = async {
            let downloaded = self.download(file, have, &growth, &stop).await;
            growth.end(if matches!(downloaded, Ok(Downloaded::Whole)) { End::Whole } else { End::Broken });
            if matches!(downloaded, Ok(Downloaded::Whole)) {
                self.flight.state(self.index, LayerState::Unpacking);
            }
            downloaded
        };
        let unpack = async {
            let unpacked = self.unpack(follower, &stop).await;
            if unpacked.is_err() {
                stop.cancel();
            }
            unpacked
        };
        let (downloaded, unpacked) = future::join(download, unpack).await;
        if matches!(unpacked, Err(ImageError::BadArchive(_) | ImageError::TooLarge(_))) {
            // It would be no better the next time.
            let digest = self.archive.digest.clone();
            self.shared.blocking(move |store| store.remove_download(&digest)).await?;
        }
        match (downloaded, unpacked) {
            (Ok(Downloaded::Whole), unpacked) => unpacked.map(Some),
            (Ok(Downloaded::WrongBegin), _) => Ok(None),
            // Broken off because it could not be unpacked.
            (Err(ImageError::Interrupted(_)), Err(error)) if !cancel.is_cancelled() => Err(error),
            (Err(error), _) => Err(error),
        }
    }

    async fn unpack(&self, follower: Follower, stop: &CancellationToken) -> Result<LayerFacts, ImageError> {
        let _permit = tokio::select! {
            permit = self.transfers.unpackers.acquire() => permit.expect("the semaphore is never closed"),
            () = stop.cancelled() => return Err(cancelled()),
        };
        add::unpack(self.shared, self.diff_id, move || Ok(follower), stop).await
    }

    /// Fetches what is missing, and checks all of it.
    async fn download(
        &self,
        file: std::fs::File,
        have: u64,
        growth: &Arc<Growth>,
        stop: &CancellationToken,
    ) -> Result<Downloaded, ImageError> {
        let (chunks, received) = mpsc::channel(CHUNKS);
        let writing = Arc::clone(growth);
        let writer = spawn_blocking(move || growth::write(file, have, received, &writing));
        let fetched = self.fetch(have, chunks, stop).await;
        // Whatever came is written first, so that it can be gone on with.
        let written = writer.await.map_err(std::io::Error::other).flatten();
        let digest = written.map_err(ImageError::store("writing a download"))?;
        let name = self.archive.digest.clone();
        match fetched {
            Ok(()) if digest == self.archive.digest => {
                self.shared.blocking(move |store| store.finish_download(&name)).await?;
                Ok(Downloaded::Whole)
            }
            Ok(()) => {
                self.shared.blocking(move |store| store.discard_download(&name)).await?;
                if have > 0 { Ok(Downloaded::WrongBegin) } else { Err(self.lied()) }
            }
            Err(error) => Err(error),
        }
    }

    /// Gets every byte from `have` on, over as many connections as it takes.
    async fn fetch(
        &self,
        have: u64,
        chunks: mpsc::Sender<Bytes>,
        stop: &CancellationToken,
    ) -> Result<(), ImageError> {
        let mut attempts = Attempts::new(self.registry.patience());
        let mut at = have;
        self.flight.layer(self.index, |layer| layer.done_bytes = have);
        while at < self.archive.size {
            let before = at;
            let fetched = tokio::select! {
                fetched = self.fetch_once(&mut at, &chunks) => fetched,
                () = stop.cancelled() => return Err(cancelled()),
            };
            if at - before >= PROGRESS_BYTES {
                attempts.progress();
            }
            if let Err(trouble) = fetched {
                self.flight.state(self.index, LayerState::Retrying);
                attempts.pause(trouble, stop).await?;
            }
        }
        Ok(())
    }

    /// Gets bytes until the end or until the connection breaks.
    async fn fetch_once(&self, at: &mut u64, chunks: &mpsc::Sender<Bytes>) -> Result<(), Trouble> {
        let patience = *self.registry.patience();
        let (response, from) = self.registry.blob(&self.archive.digest, *at, self.archive.size).await?;
        self.flight.state(self.index, LayerState::Transferring);
        // A registry that begins anew sends again what is here.
        let mut skip = *at - from;
        let mut body = response.bytes_stream();
        let (mut waited, mut got) = (std::time::Duration::ZERO, 0);
        while *at < self.archive.size {
            let asked = Instant::now();
            let chunk = timeout(patience.answer, body.next());
            let chunk = chunk.await.map_err(|_| self.registry.passing("it sends nothing more"))?;
            waited += asked.elapsed();
            let Some(chunk) = chunk else { return Err(self.registry.passing("a layer ended too early")) };
            let mut chunk = chunk.map_err(|error| self.registry.unreachable(&error))?;
            got += chunk.len() as u64;
            if waited >= patience.window {
                if got < patience.least_bytes {
                    return Err(self.registry.passing("it is too slow"));
                }
                (waited, got) = (std::time::Duration::ZERO, 0);
            }
            let skipped = usize::try_from(skip).unwrap_or(usize::MAX).min(chunk.len());
            drop(chunk.split_to(skipped));
            skip -= skipped as u64;
            if chunk.is_empty() {
                continue;
            }
            let bytes = chunk.len() as u64;
            if *at + bytes > self.archive.size {
                return Err(self.registry.failed("a layer is longer than its manifest says".into()).into());
            }
            if chunks.send(chunk).await.is_err() {
                return Err(Trouble::Final(ImageError::Interrupted("the disk refuses more".into())));
            }
            *at += bytes;
            self.flight.layer(self.index, |layer| layer.done_bytes = *at);
        }
        Ok(())
    }

    fn lied(&self) -> ImageError {
        self.registry.failed("it sends another layer than its manifest names".into())
    }
}
