//! An image that has arrived and is checked, but not unpacked yet.

use std::io::{Read, Write};
use std::path::PathBuf;

use porthole_protocol::limits::{MAX_LAYER_BYTES, MAX_LAYERS};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::archive::Archive;
use super::config::{ConfigFile, History, ImageConfig, RootFs};
use super::digest::{Digest, Hashing};
use super::error::ImageError;
use super::manifest::{CONFIG, Descriptor, Manifest, Platform, layer_media_type, parse};
use super::reference::Reference;
use super::store::Partial;
use super::stream::{Upload, decompress};

/// What a container of an imported root file system runs: a file system has no command of its own.
const IMPORTED_COMMAND: &str = "/bin/sh";

/// Everything of one image: documents, names, and layers as they came.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) manifest_digest: Digest,
    pub(super) manifest: Manifest,
    pub(super) config: ConfigFile,
    pub(super) names: Vec<String>,
    /// Base first.
    pub(super) layers: Vec<Source>,
    /// Every file of it, by content.
    pub(super) files: Vec<(Digest, PathBuf)>,
}

/// A layer as it came.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// What its uncompressed archive must turn out to be.
    pub(super) diff_id: Digest,
    /// The archive, compressed or not.
    pub(super) file: PathBuf,
}

/// A file of a partial directory.
#[derive(Clone, Debug)]
pub(super) struct Spooled {
    pub(super) digest: Digest,
    pub(super) bytes: u64,
    pub(super) file: PathBuf,
}

impl Candidate {
    /// Checks that the documents fit each other, this machine and the limits. `layers` are the files of the manifest's
    /// layers, in its order.
    pub(super) fn new(
        manifest: &[u8],
        config: &[u8],
        names: Vec<String>,
        layers: &[Spooled],
        partial: &mut Partial,
    ) -> Result<Self, ImageError> {
        let refuse = |why: String| Err(ImageError::BadArchive(why));
        let read_manifest: Manifest = parse(manifest, "a manifest")?;
        let read_config: ConfigFile = parse(config, "an image's configuration")?;
        let here = Platform::here();
        let says = |given: &str, wanted: &str| given.is_empty() || given == wanted;
        if !says(&read_config.os, &here.os) || !says(&read_config.architecture, &here.architecture) {
            let Platform { os, architecture, .. } = here;
            let (image_os, image_architecture) = (&read_config.os, &read_config.architecture);
            return refuse(format!(
                "the image is for {image_os}/{image_architecture}, this machine is {os}/{architecture}"
            ));
        }
        let diff_ids = &read_config.rootfs.diff_ids;
        if diff_ids.is_empty() || diff_ids.len() > MAX_LAYERS {
            return refuse(format!("the image has {} layers; 1 to {MAX_LAYERS} can be used", diff_ids.len()));
        }
        if read_manifest.layers.len() != diff_ids.len() || layers.len() != diff_ids.len() {
            return refuse("manifest and configuration differ in the number of layers".into());
        }
        let fits = |(described, file): (&Descriptor, &Spooled)| {
            described.digest == file.digest && described.size == file.bytes
        };
        if !read_manifest.layers.iter().zip(layers).all(fits) {
            return refuse("a layer has another length than its manifest says".into());
        }
        let sources = diff_ids.iter().zip(layers);
        let sources =
            sources.map(|(diff_id, spooled)| Source { diff_id: diff_id.clone(), file: spooled.file.clone() });
        let (manifest_file, config_file) = (partial.write(manifest)?, partial.write(config)?);
        if config_file.0 != read_manifest.config.digest {
            return refuse("the configuration is not the one of the manifest".into());
        }
        let blobs = layers.iter().map(|spooled| (spooled.digest.clone(), spooled.file.clone()));
        Ok(Self {
            manifest_digest: manifest_file.0.clone(),
            layers: sources.collect(),
            files: blobs.chain([config_file, manifest_file]).collect(),
            manifest: read_manifest,
            config: read_config,
            names,
        })
    }
}

impl Candidate {
    /// Everything it relies on: layers by diff id, files by content.
    pub(super) fn digests(&self) -> impl Iterator<Item = Digest> {
        let layers = self.layers.iter().map(|layer| layer.diff_id.clone());
        layers.chain(self.files.iter().map(|(digest, _)| digest.clone()))
    }
}

/// Reads a root file system's archive from an upload and makes it an image of one layer.
pub(super) fn import(
    upload: Upload,
    name: &Reference,
    mut partial: Partial,
) -> Result<(Candidate, Partial), ImageError> {
    let (path, file) = partial.create()?;
    let mut tee = Tee { source: upload, sink: Hashing::new(file) };
    let (compression, plain) = decompress(&mut tee, MAX_LAYER_BYTES).map_err(ImageError::from_read)?;
    let mut plain = Hashing::new(plain);
    let mut archive = Archive::new(&mut plain);
    if archive.next()?.is_none() {
        return Err(ImageError::BadArchive("it is empty".into()));
    }
    while archive.next()?.is_some() {}
    archive.drain().map_err(ImageError::from_read)?;
    let (diff_id, _) = plain.finish();
    std::io::copy(&mut tee, &mut std::io::sink()).map_err(ImageError::from_read)?;
    let (digest, bytes) = tee.sink.finish();
    let now = OffsetDateTime::now_utc();
    let now = now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).ok();
    let here = Platform::here();
    let config = ConfigFile {
        created: now.clone(),
        architecture: here.architecture,
        os: here.os,
        config: ImageConfig { cmd: vec![IMPORTED_COMMAND.into()], ..ImageConfig::default() },
        rootfs: RootFs { kind: "layers".into(), diff_ids: vec![diff_id] },
        history: vec![History {
            created: now,
            created_by: format!("porthole import {name}"),
            ..History::default()
        }],
    };
    let config = to_json(&config);
    let layer = Spooled { digest, bytes, file: path };
    let manifest = synthesize(&config, &[(layer.clone(), layer_media_type(compression))]);
    let candidate = Candidate::new(&manifest, &config, vec![name.to_string()], &[layer], &mut partial)?;
    Ok((candidate, partial))
}

/// The manifest of an image that came without one.
pub(super) fn synthesize(config: &[u8], layers: &[(Spooled, &str)]) -> Vec<u8> {
    let layers =
        layers.iter().map(|(layer, kind)| Descriptor::new(kind, layer.digest.clone(), layer.bytes)).collect();
    to_json(&Manifest::new(Descriptor::new(CONFIG, Digest::of(config), config.len() as u64), layers))
}

/// A document's bytes.
pub(super) fn to_json(document: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("documents consist of texts, numbers, lists and maps with text keys")
}

/// Passes a stream on and keeps a copy.
struct Tee<R, W> {
    source: R,
    sink: W,
}

impl<R: Read, W: Write> Read for Tee<R, W> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n = self.source.read(buffer)?;
        self.sink
            .write_all(&buffer[..n])
            .map_err(|error| std::io::Error::other(ImageError::store("writing a partial file")(error)))?;
        Ok(n)
    }
}
