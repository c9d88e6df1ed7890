//! Removes what nobody needs, and tells what each thing gave back.

use std::collections::BTreeSet;
use std::sync::Arc;

use porthole_protocol::image::Pruned;

use super::catalog::Catalog;
use super::digest::Digest;
use super::{Image, ImageError, Images};

impl Images {
    /// Removes the images without a name (all images, with `all`) but those in use, every layer that no image has and
    /// no container stands on, and every download that nobody is at. With `dry_run`, only tells what would go.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub async fn prune(
        &self,
        all: bool,
        dry_run: bool,
        in_use: impl Fn(&Image) -> bool + Send,
        stood_on: &BTreeSet<String>,
    ) -> Result<Vec<Pruned>, ImageError> {
        let shared = &self.shared;
        let doomed = |image: &Image| (all || image.names.is_empty()) && !in_use(image);
        let (before, after, images) = {
            let _writing = shared.writer.lock().await;
            let before = shared.catalog();
            let mut after = Catalog::clone(&before);
            let images: Vec<_> = before.list().into_iter().filter(|image| doomed(image)).collect();
            images.iter().for_each(|image| after.forget(&image.id));
            if !dry_run && !images.is_empty() {
                shared.commit(after.clone()).await?;
            }
            (before, after, images)
        };
        let mut pruned = self.freed_by(&images, after.blobs()).await?;
        let layers = if dry_run {
            let loose = after.loose_layers().into_iter();
            loose.filter(|layer| !stood_on.contains(layer.as_str())).collect()
        } else {
            shared.remove_leftovers().await?.0
        };
        pruned.extend(layers.into_iter().map(|layer| Pruned {
            kind: "layer".into(),
            freed_bytes: before.layers.get(&layer).copied().flatten().map_or(0, |facts| facts.bytes),
            name: layer.to_string(),
        }));
        let downloads =
            if dry_run { shared.idle_downloads().await? } else { shared.remove_downloads(false).await? };
        pruned.extend(downloads.into_iter().map(|(digest, freed_bytes)| Pruned {
            kind: "download".into(),
            name: digest.to_string(),
            freed_bytes,
        }));
        Ok(pruned)
    }

    /// Each image with the bytes of its own blobs: those in `kept` stay, one of two images goes with the first.
    async fn freed_by(
        &self,
        images: &[Arc<Image>],
        mut kept: BTreeSet<Digest>,
    ) -> Result<Vec<Pruned>, ImageError> {
        let mut freed: Vec<(String, Vec<Digest>)> = Vec::new();
        for image in images {
            let own = image.blobs.iter().filter(|&blob| kept.insert(blob.clone()));
            let name = image.names.first().cloned().unwrap_or_else(|| image.id.to_string());
            freed.push((name, own.cloned().collect()));
        }
        let measure = move |store: &super::store::Store| {
            let bytes = |blobs: &[Digest]| blobs.iter().map(|blob| store.blob_bytes(blob)).sum();
            let pruned = |(name, blobs): (String, Vec<Digest>)| Pruned {
                kind: "image".into(),
                freed_bytes: bytes(&blobs),
                name,
            };
            Ok(freed.into_iter().map(pruned).collect())
        };
        self.shared.blocking(measure).await
    }
}
