//! From a name to one image: the manifest for a platform, and its configuration.

use std::sync::Arc;

use porthole_protocol::limits::{MAX_IMAGE_ARCHIVE_BYTES, MAX_LAYERS};
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio_util::sync::CancellationToken;

use crate::image::config::ConfigFile;
use crate::image::digest::Digest;
use crate::image::manifest::{Descriptor, Index, Manifest, Platform, is_layer, parse};
use crate::image::reference::Reference;
use crate::image::registry::{Document, MANIFESTS, Registry};
use crate::image::{ImageError, Shared};

/// Lists within lists.
const MAX_DEPTH: usize = 2;

/// Most platforms that an error tells of.
const MAX_TOLD: usize = 12;

/// An image that is to be pulled.
pub(super) struct Chosen {
    /// Of what the name stands for.
    pub(super) digest: Digest,
    pub(super) manifest_digest: Digest,
    pub(super) manifest: Manifest,
    pub(super) manifest_bytes: Vec<u8>,
    pub(super) config: ConfigFile,
    pub(super) config_bytes: Vec<u8>,
}

/// What tells a manifest from a list of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kind {
    #[serde(default)]
    schema_version: u32,
    media_type: Option<String>,
    manifests: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
    config: Option<IgnoredAny>,
}

/// Finds the image that a name stands for on that platform, this machine's when missing.
pub(super) async fn choose(
    shared: &Arc<Shared>,
    registry: &Registry,
    reference: &Reference,
    platform: Option<&Platform>,
    cancel: &CancellationToken,
) -> Result<Chosen, ImageError> {
    let wanted = platform.cloned().unwrap_or_else(Platform::here);
    let tag = reference.digest().map_or_else(|| Ok(reference.tag().unwrap_or_default()), Err);
    let mut document = registry.manifest(tag, cancel).await?;
    let digest = document.digest.clone();
    let mut depth = 0;
    while is_list(&document)? {
        depth += 1;
        if depth > MAX_DEPTH {
            return Err(ImageError::BadArchive("its indexes lie too deep".into()));
        }
        let index: Index = parse(&document.bytes, "an index")?;
        let entry = pick(&index.manifests, &wanted).ok_or_else(|| {
            let platforms = index.manifests.iter().filter_map(|entry| entry.platform.as_ref());
            other(reference, &wanted, platforms.filter(|platform| platform.os != "unknown"))
        })?;
        document = registry.manifest(Err(&entry.digest), cancel).await?;
    }
    let manifest: Manifest = parse(&document.bytes, "a manifest")?;
    check(&manifest)?;
    let (config_digest, size) = (manifest.config.digest.clone(), manifest.config.size);
    let stored = {
        let digest = config_digest.clone();
        shared.blocking(move |store| store.read(&digest)).await.ok()
    };
    let config_bytes = match stored {
        Some(bytes) => bytes,
        None => registry.small_blob(&config_digest, size, cancel).await?,
    };
    let config: ConfigFile = parse(&config_bytes, "an image's configuration")?;
    let layers = config.rootfs.diff_ids.len();
    if layers != manifest.layers.len() {
        return Err(ImageError::BadArchive(
            "manifest and configuration differ in the number of layers".into(),
        ));
    }
    let is_for = Platform {
        os: config.os.clone(),
        architecture: config.architecture.clone(),
        variant: wanted.variant.clone(),
    };
    let says = |given: &str, wanted: &str| given.is_empty() || given == wanted;
    if !says(&is_for.os, &wanted.os) || !says(&is_for.architecture, &wanted.architecture) {
        return Err(other(reference, &wanted, [Platform { variant: None, ..is_for }].iter()));
    }
    Ok(Chosen {
        digest,
        manifest_digest: document.digest,
        manifest,
        manifest_bytes: document.bytes,
        config,
        config_bytes,
    })
}

/// Whether a document is a list. One that could be read as either is refused: two programs might read it differently.
fn is_list(document: &Document) -> Result<bool, ImageError> {
    let kind: Kind = parse(&document.bytes, "a manifest")?;
    let refuse = |why: &str| Err(ImageError::BadArchive(why.to_owned()));
    let is_list = kind.manifests.is_some();
    if is_list && (kind.layers.is_some() || kind.config.is_some()) {
        return refuse("its manifest is an index as well");
    }
    if kind.schema_version != 2 {
        return refuse("its manifest has a form that is no longer in use");
    }
    let told = [kind.media_type.as_deref(), Some(document.media_type.as_str())];
    for told in told.into_iter().flatten() {
        let place = MANIFESTS.iter().position(|known| *known == told);
        if place.is_some_and(|place| (place >= 2) != is_list) {
            return refuse("its manifest is not of the type that it says");
        }
    }
    Ok(is_list)
}

/// The entry that suits best: of those for the platform, the one without a variant unless one was asked for; the only
/// one when it names no platform.
fn pick<'a>(entries: &'a [Descriptor], wanted: &Platform) -> Option<&'a Descriptor> {
    let platform = |entry: &Descriptor| entry.platform.clone();
    let exact = entries.iter().find(|entry| platform(entry).as_ref() == Some(wanted));
    let fitting = || entries.iter().find(|entry| platform(entry).is_some_and(|it| wanted.takes(&it)));
    let only = || match entries {
        [entry] if entry.platform.is_none() => Some(entry),
        _ => None,
    };
    exact.or_else(fitting).or_else(only)
}

fn other<'a>(
    reference: &Reference,
    wanted: &Platform,
    found: impl Iterator<Item = &'a Platform>,
) -> ImageError {
    let is_harmless = |text: &String| text.bytes().all(|b| b.is_ascii_graphic()) && text.len() <= 64;
    let mut found: Vec<String> = found.map(Platform::to_string).filter(is_harmless).take(MAX_TOLD).collect();
    found.dedup();
    let found = if found.is_empty() { "nothing that can be run".to_owned() } else { found.join(", ") };
    ImageError::OtherPlatform { name: reference.to_string(), wanted: wanted.to_string(), found }
}

/// Checks a manifest before anything that it names is fetched.
fn check(manifest: &Manifest) -> Result<(), ImageError> {
    let layers = &manifest.layers;
    if layers.is_empty() || layers.len() > MAX_LAYERS {
        let why = format!("the image has {} layers; 1 to {MAX_LAYERS} can be used", layers.len());
        return Err(ImageError::BadArchive(why));
    }
    if !layers.iter().all(|layer| is_layer(&layer.media_type)) {
        return Err(ImageError::BadArchive("it holds something else than layers".into()));
    }
    let bytes = layers.iter().fold(0_u64, |sum, layer| sum.saturating_add(layer.size));
    if bytes > MAX_IMAGE_ARCHIVE_BYTES {
        return Err(ImageError::TooLarge(format!(
            "its layers are larger than {MAX_IMAGE_ARCHIVE_BYTES} bytes"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entries(platforms: &[&str]) -> Vec<Descriptor> {
        let entry = |text: &&str| {
            let mut entry = Descriptor::new("", Digest::of(text.as_bytes()), 1);
            entry.platform = text.parse().ok();
            entry
        };
        platforms.iter().map(entry).collect()
    }

    #[test]
    fn the_entry_for_the_platform_is_picked() {
        let picked = |entries: &[Descriptor], wanted: &str| {
            pick(entries, &wanted.parse().unwrap())
                .map(|entry| entry.platform.as_ref().map(Platform::to_string))
        };
        let many =
            entries(&["unknown/unknown", "linux/amd64/v3", "linux/amd64", "linux/arm64/v8", "linux/arm/v7"]);
        let some = |text: &str| Some(Some(text.to_owned()));
        assert_eq!(picked(&many, "linux/amd64"), some("linux/amd64"));
        assert_eq!(picked(&many, "linux/amd64/v3"), some("linux/amd64/v3"));
        assert_eq!(picked(&many, "linux/aarch64"), some("linux/arm64/v8"));
        assert_eq!(picked(&entries(&["linux/arm64"]), "linux/arm64/v8"), some("linux/arm64"));
        assert_eq!(picked(&many, "linux/arm/v6"), None);
        assert_eq!(picked(&many, "windows/amd64"), None);
        assert_eq!(picked(&entries(&[""]), "linux/amd64"), Some(None), "the only one, of no platform");
        assert_eq!(picked(&entries(&["", ""]), "linux/amd64"), None);
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        let read = |media_type: &str, text: serde_json::Value| {
            let bytes = serde_json::to_vec(&text).unwrap();
            is_list(&Document { digest: Digest::of(&bytes), bytes, media_type: media_type.into() })
                .map_err(|error| error.to_string())
        };
        assert_eq!(read("", json!({ "schemaVersion": 2, "layers": [] })), Ok(false));
        assert_eq!(read(MANIFESTS[3], json!({ "schemaVersion": 2, "manifests": [] })), Ok(true));
        for (told, text, why) in [
            (MANIFESTS[0], json!({ "schemaVersion": 2, "manifests": [] }), "not of the type"),
            ("", json!({ "schemaVersion": 2, "mediaType": MANIFESTS[2], "layers": [] }), "not of the type"),
            ("", json!({ "schemaVersion": 2, "manifests": [], "layers": [] }), "an index as well"),
            ("", json!({ "schemaVersion": 1, "fsLayers": [] }), "no longer in use"),
            ("text/plain", json!([]), "malformed"),
        ] {
            assert!(read(told, text.clone()).unwrap_err().contains(why), "{text}");
        }
    }
}
