//! Layers that were here already, in another archive than the registry's.
//!
//! A layer is known by what it unpacks to, and an archive of it is kept for saving and pushing. So an image whose layer came
//! in no archive of its own gets a manifest that names the one that is here; its configuration, and with it its id, stays.

use std::sync::Arc;

use crate::image::candidate::to_json;
use crate::image::catalog::Catalog;
use crate::image::digest::Digest;
use crate::image::manifest::{self, Descriptor, Manifest};
use crate::image::store::Store;
use crate::image::{Image, ImageError};

/// The manifest by which every layer has an archive here; the same bytes where each has its own.
pub(super) fn that_are_here(
    store: &Store,
    catalog: &Catalog,
    mut manifest: Manifest,
    bytes: Vec<u8>,
    diff_ids: &[Digest],
) -> Result<(Manifest, Vec<u8>), ImageError> {
    let mut is_changed = false;
    for (layer, diff_id) in manifest.layers.iter_mut().zip(diff_ids) {
        if store.blob_path(&layer.digest).exists() || store.whole_download(&layer.digest).exists() {
            continue;
        }
        let has_layer = |image: &&Arc<Image>| image.layers.iter().any(|layer| layer.diff_id == *diff_id);
        let image = catalog.list().iter().find(has_layer).cloned();
        let image = image.ok_or_else(|| ImageError::Interrupted("a layer went meanwhile".into()))?;
        *layer = archive_of(store, &image, diff_id)?;
        is_changed = true;
    }
    let bytes = if is_changed { to_json(&manifest) } else { bytes };
    Ok((manifest, bytes))
}

/// What an image's manifest says of a layer.
fn archive_of(store: &Store, image: &Image, diff_id: &Digest) -> Result<Descriptor, ImageError> {
    let manifest: Manifest = manifest::parse(&store.read(&image.manifest)?, "a manifest")?;
    let base_first = image.layers.iter().rev();
    let found = base_first.zip(manifest.layers).find(|(layer, _)| layer.diff_id == *diff_id);
    let (_, descriptor) = found.expect("the image has that layer");
    Ok(descriptor)
}
