//! A further name for an image.

use std::sync::Arc;

use super::catalog::Catalog;
use super::{Image, ImageError, Images, Reference};

impl Images {
    /// Gives the image by that name or id the name `name` as well; the image that had it loses it, and stays without a
    /// name when it was its last.
    ///
    /// # Errors
    /// Those of lookup, [`ImageError::BadReference`] and [`ImageError::Store`].
    pub async fn tag(&self, reference: &str, name: &str) -> Result<Arc<Image>, ImageError> {
        let name = Reference::parse_name(name)?.to_string();
        let put = |catalog: &mut Catalog| {
            let (image, _) = self.find(catalog, reference)?;
            Ok(catalog.put(Image { names: vec![name], ..Image::clone(&image) }))
        };
        self.shared.update(put).await
    }
}
