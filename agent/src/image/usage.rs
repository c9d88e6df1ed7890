//! Who shares what: each layer is stored once, however many images have it.

use std::collections::{BTreeMap, BTreeSet};

use porthole_protocol::image::{ImageSummary, Storage, StoredLayer};

use super::catalog::Catalog;
use super::digest::Digest;
use super::store::Store;
use super::text::harmless;
use super::{Image, ImageError, ImageLayer, Images};

/// Words of a command that a list shows, and bytes of each.
const COMMAND_WORDS: usize = 32;
const COMMAND_WORD_BYTES: usize = 256;

impl Images {
    /// The line of an image in `porthole images`, when that many containers are made from it.
    #[must_use]
    pub fn summary(&self, image: &Image, containers: u32) -> ImageSummary {
        summary(image, containers, &sharers(&self.shared.catalog()))
    }

    /// The lines of all images, the newest first; `containers` tells how many are made from each.
    #[must_use]
    pub fn summaries(&self, containers: impl Fn(&Image) -> u32) -> Vec<ImageSummary> {
        let catalog = self.shared.catalog();
        let sharers = sharers(&catalog);
        catalog.list().iter().map(|image| summary(image, containers(image), &sharers)).collect()
    }

    /// Every layer with the images that have it, the largest first, and the bytes of archives and downloads. Containers are
    /// for the caller to add.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub async fn storage(&self) -> Result<Storage, ImageError> {
        let layers = stored_layers(&self.shared.catalog());
        let archive_bytes = self.shared.blocking(Store::blobs_bytes).await?;
        let downloads = self.shared.blocking(Store::list_downloads).await?;
        let download_bytes = downloads.iter().map(|(_, bytes, _)| bytes).sum();
        Ok(Storage { layers, containers: Vec::new(), archive_bytes, download_bytes })
    }

    /// Unpacked bytes of these layers, each counted once; what is not here counts nothing.
    #[must_use]
    pub fn bytes_of(&self, diff_ids: &[String]) -> u64 {
        let catalog = self.shared.catalog();
        let distinct: BTreeSet<Digest> = diff_ids.iter().filter_map(|text| text.parse().ok()).collect();
        let bytes =
            |layer: &Digest| catalog.layers.get(layer).copied().flatten().map_or(0, |facts| facts.bytes);
        distinct.iter().map(bytes).sum()
    }
}

impl Image {
    /// Its layers, each once: one that comes twice is stored once.
    pub(super) fn distinct_layers(&self) -> impl Iterator<Item = &ImageLayer> {
        let mut seen = BTreeSet::new();
        self.layers.iter().filter(move |layer| seen.insert(&layer.diff_id))
    }
}

/// How many images have each layer.
fn sharers(catalog: &Catalog) -> BTreeMap<Digest, usize> {
    let mut count = BTreeMap::new();
    for image in catalog.list() {
        for layer in image.distinct_layers() {
            *count.entry(layer.diff_id.clone()).or_default() += 1;
        }
    }
    count
}

fn stored_layers(catalog: &Catalog) -> Vec<StoredLayer> {
    let mut stored = BTreeMap::new();
    for (diff_id, facts) in &catalog.layers {
        // One that is being unpacked is not there yet.
        let Some(facts) = facts else { continue };
        let layer = StoredLayer {
            diff_id: diff_id.to_string(),
            bytes: facts.bytes,
            created_by: String::new(),
            images: Vec::new(),
            containers: Vec::new(),
        };
        stored.insert(diff_id, layer);
    }
    for image in catalog.list() {
        for layer in image.distinct_layers() {
            let Some(stored) = stored.get_mut(&layer.diff_id) else { continue };
            if stored.created_by.is_empty() {
                stored.created_by.clone_from(&layer.created_by);
            }
            stored.images.push(image.id.to_string());
        }
    }
    let mut layers: Vec<_> = stored.into_values().collect();
    layers.sort_by_key(|layer| std::cmp::Reverse(layer.bytes));
    layers
}

fn summary(image: &Image, containers: u32, sharers: &BTreeMap<Digest, usize>) -> ImageSummary {
    let is_unique = |layer: &&ImageLayer| sharers.get(&layer.diff_id).is_none_or(|&images| images <= 1);
    let command = image.config.command(&[]);
    ImageSummary {
        id: image.id.to_string(),
        names: image.names.clone(),
        created_ms: image.created_ms,
        bytes: image.distinct_layers().map(|layer| layer.bytes).sum(),
        unique_bytes: image.distinct_layers().filter(is_unique).map(|layer| layer.bytes).sum(),
        layers: image.layers.iter().map(|layer| layer.diff_id.to_string()).collect(),
        command: command.iter().take(COMMAND_WORDS).map(|word| harmless(word, COMMAND_WORD_BYTES)).collect(),
        containers,
    }
}
