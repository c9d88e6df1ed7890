//! Removes images, and what no image uses any more.

use porthole_launcher::wire::{Failure, FailureKind};
use porthole_protocol::image::Removed;

use super::catalog::Catalog;
use super::digest::Digest;
use super::store::LayerFacts;
use super::{Image, ImageError, Images, Shared};

impl Images {
    /// Takes a name off an image, and deletes the image when it was the last one and no container is made from it;
    /// `in_use` tells how many are. By id, all names are taken off.
    ///
    /// # Errors
    /// Those of lookup; [`ImageError::InUse`] when the last name of an image in use would go and `force` is not set (with
    /// it, the names go and the image stays until its containers are removed); [`ImageError::SeveralNames`] by id
    /// without `force`.
    pub async fn remove(
        &self,
        reference: &str,
        force: bool,
        in_use: impl Fn(&Image) -> u32 + Send,
    ) -> Result<Removed, ImageError> {
        let shared = &self.shared;
        let take_off = |catalog: &mut Catalog| {
            let (image, name) = self.find(catalog, reference)?;
            if name.is_none() && image.names.len() > 1 && !force {
                return Err(ImageError::SeveralNames(reference.to_owned()));
            }
            let is_last = name.is_none() || image.names.len() == 1;
            let containers = if is_last { in_use(&image) } else { 0 };
            if containers > 0 && !force {
                return Err(ImageError::InUse { image: reference.to_owned(), containers });
            }
            let untagged = name.map_or_else(|| image.names.clone(), |name| vec![name]);
            untagged.iter().for_each(|name| catalog.take_name(name));
            let mut removed = Removed { untagged, ..Removed::default() };
            if is_last && containers == 0 {
                catalog.forget(&image.id);
                removed.deleted.push(image.id.to_string());
            }
            Ok(removed)
        };
        let mut removed = shared.update(take_off).await?;
        let (layers, freed_bytes) = shared.remove_leftovers().await?;
        removed.deleted.extend(layers.iter().map(Digest::to_string));
        Ok(Removed { freed_bytes, ..removed })
    }
}

impl Shared {
    /// Removes the layers and blobs that no image uses and no addition relies on; answers the layers, and the bytes given
    /// back. A layer that a container still uses stays listed.
    pub(super) async fn remove_leftovers(&self) -> Result<(Vec<Digest>, u64), ImageError> {
        let lasting = self.catalog().lasting_index();
        self.blocking(move |store| store.forget_all_but(&lasting)).await?;
        let (mut removed, mut freed) = (Vec::new(), 0);
        for layer in self.catalog().loose_layers() {
            if let Some(facts) = self.remove_loose(&layer).await? {
                freed += facts.map_or(0, |facts| facts.bytes);
                removed.push(layer);
            }
        }
        let old = self.remove_downloads(true).await?;
        freed += old.iter().map(|(_, bytes)| bytes).sum::<u64>();
        let _writing = self.writer.lock().await;
        let mut kept = self.catalog().blobs();
        kept.extend(self.pins.all());
        freed += self.blocking(move |store| store.sweep(&kept)).await?;
        Ok((removed, freed))
    }

    /// Removes a layer, unless somebody has come to rely on it; answers what was known of it.
    async fn remove_loose(&self, layer: &Digest) -> Result<Option<Option<LayerFacts>>, ImageError> {
        // Whoever pins it from here on finds it gone, or waits for this claim.
        let Some(_claim) = self.claims.try_claim(layer) else { return Ok(None) };
        let catalog = self.catalog();
        let Some(&facts) = catalog.layers.get(layer) else { return Ok(None) };
        if self.pins.has(layer) || !catalog.loose_layers().contains(layer) {
            return Ok(None);
        }
        self.note_layer(layer, Some(None)).await?;
        match self.layers.remove_layer(layer.hex().to_owned()).await {
            Ok(()) | Err(Failure { kind: FailureKind::NoSuchLayer, .. }) => {
                self.note_layer(layer, None).await?;
                Ok(Some(facts))
            }
            Err(failure) => {
                tracing::warn!(%layer, reason = failure.message, "a layer cannot be removed");
                self.note_layer(layer, Some(facts)).await?;
                Ok(None)
            }
        }
    }
}
