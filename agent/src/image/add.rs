//! Makes candidates images: layers unpacked by the launcher's worker, files moved into the store, the index written last.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use porthole_launcher::wire::{Failure, FailureKind};
use porthole_protocol::limits::MAX_LAYER_BYTES;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::candidate::{Candidate, Source};
use super::catalog::Catalog;
use super::digest::{Digest, Hashing};
use super::error::ImageError;
use super::layers::LayerStore;
use super::store::LayerFacts;
use super::stream::decompress;
use super::users::Users;
use super::{Image, ImageLayer, Shared};

/// What is fed to the unpacker at a time, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// Most that is read of an image's user and group files, in bytes: some ten thousand lines.
const MAX_USERS_BYTES: u64 = 1024 * 1024;

/// Adds all of these or none.
pub(super) async fn add(
    shared: &Arc<Shared>,
    candidates: Vec<Candidate>,
    cancel: &CancellationToken,
) -> Result<Vec<Arc<Image>>, ImageError> {
    let _pinned = shared.pins.pin(candidates.iter().flat_map(Candidate::digests));
    for source in candidates.iter().flat_map(|candidate| &candidate.layers) {
        shared.have_layer(&source.diff_id, cancel, || unpack_file(shared, source, cancel)).await?;
    }
    complete(shared, candidates, cancel).await
}

/// Makes images of candidates whose layers are all there and pinned: files moved into the store, the index written last.
pub(super) async fn complete(
    shared: &Arc<Shared>,
    candidates: Vec<Candidate>,
    cancel: &CancellationToken,
) -> Result<Vec<Arc<Image>>, ImageError> {
    let catalog = shared.catalog();
    let mut images = Vec::new();
    for candidate in &candidates {
        let config = candidate.config.clone();
        let names = candidate.names.clone();
        let mut image =
            assemble(&catalog, candidate.manifest_digest.clone(), &candidate.manifest, config, names)
                .ok_or_else(|| ImageError::BadArchive("its configuration is malformed".into()))?;
        image.users = read_users(shared.layers.as_ref(), &image).await?;
        images.push(image);
    }
    if cancel.is_cancelled() {
        return Err(cancelled());
    }
    let files: Vec<_> = candidates.into_iter().flat_map(|candidate| candidate.files).collect();
    let _writing = shared.writer.lock().await;
    shared.blocking(move |store| store.adopt(&files)).await?;
    let mut catalog = Catalog::clone(&shared.catalog());
    let added = images.into_iter().map(|image| catalog.put(image).id.clone()).collect::<Vec<_>>();
    let added = added.iter().filter_map(|id| catalog.resolve(id.as_str()).ok()).collect();
    shared.commit(catalog).await?;
    Ok(added)
}

impl Shared {
    /// Has a layer made unless it is there; waits for whoever makes it already. The caller has pinned it. Answers whether
    /// it had to be made.
    pub(super) async fn have_layer<F>(
        &self,
        layer: &Digest,
        cancel: &CancellationToken,
        make: impl FnOnce() -> F,
    ) -> Result<bool, ImageError>
    where
        F: Future<Output = Result<LayerFacts, ImageError>>,
    {
        let _claim = tokio::select! {
            claim = self.claims.claim(layer) => claim,
            () = cancel.cancelled() => return Err(cancelled()),
        };
        if self.catalog().layers.get(layer).is_some_and(Option::is_some) {
            return Ok(false);
        }
        // From here on a crash leaves a layer that the index tells of, and the next start removes it.
        self.note_layer(layer, Some(None)).await?;
        match make().await {
            Ok(facts) => {
                self.note_layer(layer, Some(Some(facts))).await?;
                Ok(true)
            }
            Err(error) => {
                match self.layers.remove_layer(layer.hex().to_owned()).await {
                    Ok(()) | Err(Failure { kind: FailureKind::NoSuchLayer, .. }) => {
                        self.note_layer(layer, None).await?;
                    }
                    Err(failure) => {
                        tracing::warn!(%layer, reason = failure.message, "part of a layer is left");
                    }
                }
                Err(error)
            }
        }
    }

    /// Notes what is known of a layer, or that it is gone.
    pub(super) async fn note_layer(
        &self,
        layer: &Digest,
        facts: Option<Option<LayerFacts>>,
    ) -> Result<(), ImageError> {
        let note = |catalog: &mut Catalog| {
            match facts {
                Some(facts) => drop(catalog.layers.insert(layer.clone(), facts)),
                None => drop(catalog.layers.remove(layer)),
            }
            Ok(())
        };
        self.update(note).await
    }
}

/// The image that these documents describe; none when they do not fit each other or a layer is missing.
pub(super) fn assemble(
    catalog: &Catalog,
    digest: Digest,
    manifest: &super::manifest::Manifest,
    config: super::config::ConfigFile,
    names: Vec<String>,
) -> Option<Image> {
    let layer = |(diff_id, created_by): (&Digest, String)| {
        let facts = (*catalog.layers.get(diff_id)?)?;
        Some(ImageLayer { diff_id: diff_id.clone(), bytes: facts.bytes, created_by })
    };
    let base_first = config.rootfs.diff_ids.iter().zip(config.instructions()).map(layer);
    let mut layers = base_first.collect::<Option<Vec<_>>>()?;
    layers.reverse();
    let mut blobs = vec![digest.clone(), manifest.config.digest.clone()];
    blobs.extend(manifest.layers.iter().map(|layer| layer.digest.clone()));
    Some(Image {
        id: manifest.config.digest.clone(),
        manifest: digest,
        names,
        created_ms: config.created_ms(),
        layers,
        foreign: config.foreign(),
        config: config.config,
        users: Users::default(),
        blobs,
    })
}

/// Reads an image's user and group files out of its layers.
pub(super) async fn read_users(layers: &dyn LayerStore, image: &Image) -> Result<Users, ImageError> {
    let passwd = read_text(layers, image.layer_names(), "/etc/passwd").await?;
    let group = read_text(layers, image.layer_names(), "/etc/group").await?;
    Ok(Users::parse(&passwd, &group))
}

async fn read_text(layers: &dyn LayerStore, names: Vec<String>, path: &str) -> Result<String, ImageError> {
    let fd = match layers.open_file(names, path.to_owned()).await {
        Ok(fd) => fd,
        Err(Failure { kind: FailureKind::NoSuchFile, .. }) => return Ok(String::new()),
        Err(failure) => return Err(failure.into()),
    };
    let read = move || {
        let mut bytes = Vec::new();
        File::from(fd).take(MAX_USERS_BYTES).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    spawn_blocking(read)
        .await
        .map_err(io::Error::other)
        .flatten()
        .map_err(ImageError::store("reading a layer's file"))
}

async fn unpack_file(
    shared: &Shared,
    source: &Source,
    cancel: &CancellationToken,
) -> Result<LayerFacts, ImageError> {
    let file = source.file.clone();
    let open = move || File::open(file).map_err(ImageError::store("reading a layer"));
    unpack(shared, &source.diff_id, open, cancel).await
}

/// Unpacks a layer from a compressed or plain archive, on a thread that may wait for its bytes. The caller holds its claim.
pub(super) async fn unpack<R: Read + Send + 'static>(
    shared: &Shared,
    diff_id: &Digest,
    open: impl FnOnce() -> Result<R, ImageError> + Send + 'static,
    cancel: &CancellationToken,
) -> Result<LayerFacts, ImageError> {
    let layer = || diff_id.hex().to_owned();
    let _permit = shared.unpackers.acquire().await.expect("the semaphore is never closed");
    // What the index does not know was left by an agent whose state is gone.
    match shared.layers.remove_layer(layer()).await {
        Ok(()) => tracing::warn!(%diff_id, "a layer of an unknown image was there"),
        Err(Failure { kind: FailureKind::NoSuchLayer, .. }) => {}
        Err(failure) => return Err(failure.into()),
    }
    let (reader, writer) =
        pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from).map_err(ImageError::store("making a pipe"))?;
    let cancelled = cancel.clone();
    let feeding = spawn_blocking(move || feed(open()?, writer, &cancelled));
    let unpacked = shared.layers.unpack(layer(), reader).await;
    let fed = feeding.await.map_err(io::Error::other).map_err(ImageError::store("unpacking"))?;
    match (unpacked, fed?) {
        (Err(Failure { kind: FailureKind::BadArchive, message }), _) => {
            Err(ImageError::BadArchive(message.trim_end_matches('.').to_owned()))
        }
        (Err(failure), _) => Err(failure.into()),
        (Ok(unpacked), Some(digest)) if digest == *diff_id => Ok(LayerFacts { bytes: unpacked.bytes }),
        (Ok(_), _) => Err(ImageError::BadArchive(format!("the layer {diff_id} has another content"))),
    }
}

/// Writes a layer's uncompressed archive into the pipe and answers its digest; none when the unpacker stopped reading.
fn feed(
    archive: impl Read + Send,
    pipe: OwnedFd,
    cancel: &CancellationToken,
) -> Result<Option<Digest>, ImageError> {
    let (_, plain) = decompress(archive, MAX_LAYER_BYTES).map_err(ImageError::from_read)?;
    let mut plain = Hashing::new(plain);
    let mut pipe = File::from(pipe);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        if cancel.is_cancelled() {
            return Err(cancelled());
        }
        let n = plain.read(&mut buffer).map_err(ImageError::from_read)?;
        if n == 0 {
            return Ok(Some(plain.finish().0));
        }
        match pipe.write_all(&buffer[..n]) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(None),
            written => written.map_err(ImageError::store("feeding the unpacker"))?,
        }
    }
}

pub(super) fn cancelled() -> ImageError {
    ImageError::Interrupted("it was cancelled".into())
}
