//! Finds the images of an archive: the `manifest.json` of `docker save`, an OCI image layout, or both in one as Docker
//! writes since 25. Sources: Docker image specification v1.2; OCI image spec, `image-layout.md`.

use std::fs::File;

use porthole_protocol::limits::MAX_LAYER_BYTES;

use super::bundle::Bundle;
use super::candidate::{Candidate, Spooled, synthesize};
use super::digest::Digest;
use super::error::ImageError;
use super::manifest::{Descriptor, Index, Manifest, Platform, SavedImage, layer_media_type, parse};
use super::reference::Reference;
use super::store::Partial;
use super::stream::{Upload, decompress};

/// Most images of one archive.
pub(super) const MAX_IMAGES: usize = 256;

/// Indexes within indexes. An archive's own index may name one for each image.
const MAX_INDEX_DEPTH: usize = 3;

/// A manifest of an OCI layout, and the name its index gives it.
struct Found {
    bytes: Vec<u8>,
    manifest: Manifest,
    name: Option<String>,
}

/// Reads an upload and answers its images, checked.
pub(super) fn load(upload: Upload, mut partial: Partial) -> Result<(Vec<Candidate>, Partial), ImageError> {
    let bundle = Bundle::read(upload, &mut partial)?;
    let mut found = Vec::new();
    if bundle.has("index.json") {
        let index: Index = parse(&Bundle::document(bundle.file("index.json")?)?, "index.json")?;
        walk(&bundle, index, None, MAX_INDEX_DEPTH, &mut found)?;
    }
    let candidates = if bundle.has("manifest.json") {
        let saved: Vec<SavedImage> =
            parse(&Bundle::document(bundle.file("manifest.json")?)?, "manifest.json")?;
        limit(saved.len())?;
        let candidates = saved.iter().map(|image| saved_image(&bundle, image, &found, &mut partial));
        candidates.collect::<Result<Vec<_>, _>>()?
    } else {
        let candidates = found.into_iter().map(|found| laid_out_image(&bundle, found, &mut partial));
        candidates.collect::<Result<Vec<_>, _>>()?
    };
    if candidates.is_empty() {
        let Platform { os, architecture, .. } = Platform::here();
        return Err(ImageError::BadArchive(format!(
            "it holds no image for {os}/{architecture}; a root file system is added with import"
        )));
    }
    Ok((candidates, partial))
}

/// Collects the manifests for this machine.
fn walk(
    bundle: &Bundle,
    index: Index,
    name: Option<&str>,
    depth: usize,
    found: &mut Vec<Found>,
) -> Result<(), ImageError> {
    if depth == 0 {
        return Err(ImageError::BadArchive("its indexes lie too deep".into()));
    }
    let here = Platform::here();
    let suits =
        |descriptor: &Descriptor| descriptor.platform.as_ref().is_none_or(|platform| here.takes(platform));
    for descriptor in index.manifests.iter().filter(|descriptor| suits(descriptor)) {
        let name = descriptor.name().or(name);
        let bytes = Bundle::document(bundle.blob(&descriptor.digest)?)?;
        if descriptor.is_index() {
            walk(bundle, parse(&bytes, "an index")?, name, depth - 1, found)?;
        } else {
            limit(found.len() + 1)?;
            found.push(Found {
                manifest: parse(&bytes, "a manifest")?,
                bytes,
                name: name.map(str::to_owned),
            });
        }
    }
    Ok(())
}

fn limit(images: usize) -> Result<(), ImageError> {
    if images > MAX_IMAGES {
        Err(ImageError::TooLarge(format!("it holds more than {MAX_IMAGES} images")))
    } else {
        Ok(())
    }
}

fn laid_out_image(bundle: &Bundle, found: Found, partial: &mut Partial) -> Result<Candidate, ImageError> {
    let config = Bundle::document(bundle.blob(&found.manifest.config.digest)?)?;
    let names = names(found.name.as_slice())?;
    Candidate::new(&found.bytes, &config, names, &blobs(bundle, &found.manifest)?, partial)
}

/// An image of `manifest.json`, with its own manifest when the archive is an OCI layout as well.
fn saved_image(
    bundle: &Bundle,
    saved: &SavedImage,
    found: &[Found],
    partial: &mut Partial,
) -> Result<Candidate, ImageError> {
    let config = Bundle::document(bundle.file(&saved.config)?)?;
    let names = names(saved.repo_tags.as_deref().unwrap_or_default())?;
    let digest = Digest::of(&config);
    if let Some(found) = found.iter().find(|found| found.manifest.config.digest == digest) {
        return Candidate::new(&found.bytes, &config, names, &blobs(bundle, &found.manifest)?, partial);
    }
    let layers = saved
        .layers
        .iter()
        .map(|name| Ok(bundle.file(name)?.clone()))
        .collect::<Result<Vec<_>, ImageError>>()?;
    let described = layers
        .iter()
        .map(|layer| Ok((layer.clone(), media_type(layer)?)))
        .collect::<Result<Vec<_>, ImageError>>()?;
    Candidate::new(&synthesize(&config, &described), &config, names, &layers, partial)
}

fn blobs(bundle: &Bundle, manifest: &Manifest) -> Result<Vec<Spooled>, ImageError> {
    manifest.layers.iter().map(|layer| bundle.blob(&layer.digest).cloned()).collect()
}

fn names(texts: &[String]) -> Result<Vec<String>, ImageError> {
    texts.iter().map(|text| Ok(Reference::parse_name(text)?.to_string())).collect()
}

fn media_type(layer: &Spooled) -> Result<&'static str, ImageError> {
    let file = File::open(&layer.file).map_err(ImageError::store("reading a partial file"))?;
    let (compression, _) = decompress(file, MAX_LAYER_BYTES).map_err(ImageError::from_read)?;
    Ok(layer_media_type(compression))
}
