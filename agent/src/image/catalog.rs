//! The images and layers that are here, as a value: what the index on disk says, with each image read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Image;
use super::digest::Digest;
use super::error::ImageError;
use super::reference::{Reference, id_digits};
use super::store::{Index, LayerFacts, Record};

/// Images by id, and layers by diff id.
#[derive(Clone, Debug, Default)]
pub(super) struct Catalog {
    images: BTreeMap<Digest, Arc<Image>>,
    /// Without facts while a layer is being unpacked.
    pub(super) layers: BTreeMap<Digest, Option<LayerFacts>>,
}

impl Catalog {
    /// A catalog of layers alone, for images to be put in.
    pub(super) fn of_layers(layers: BTreeMap<Digest, Option<LayerFacts>>) -> Self {
        Self { images: BTreeMap::new(), layers }
    }

    /// The image by that name, manifest digest, or (first digits of an) id. Names come first, as in Docker.
    pub(super) fn resolve(&self, text: &str) -> Result<Arc<Image>, ImageError> {
        let reference = text.parse::<Reference>();
        if let Ok(reference) = &reference
            && let Some(image) = self.by_reference(reference)
        {
            return Ok(image);
        }
        if let Some(digits) = id_digits(text) {
            let mut found = self.images.values().filter(|image| image.id.hex().starts_with(digits));
            return match (found.next(), found.next()) {
                (Some(image), None) => Ok(Arc::clone(image)),
                (Some(_), Some(_)) => Err(ImageError::Ambiguous(text.to_owned())),
                (None, _) => Err(ImageError::NoSuchImage(text.to_owned())),
            };
        }
        reference.and_then(|reference| Err(ImageError::NoSuchImage(reference.to_string())))
    }

    fn by_reference(&self, reference: &Reference) -> Option<Arc<Image>> {
        let name = reference.to_string();
        let wanted = |image: &&Arc<Image>| match reference.digest() {
            Some(digest) => image.manifest == *digest || image.names.contains(&name),
            None => image.names.contains(&name),
        };
        self.images.values().find(wanted).cloned()
    }

    /// Whether the text is one of the image's names, and not its id.
    pub(super) fn name_in(image: &Image, text: &str) -> Option<String> {
        let name = text.parse::<Reference>().ok()?.to_string();
        image.names.contains(&name).then_some(name)
    }

    /// All images, the newest first.
    pub(super) fn list(&self) -> Vec<Arc<Image>> {
        let mut images: Vec<_> = self.images.values().cloned().collect();
        images.sort_by(|a, b| b.created_ms.cmp(&a.created_ms).then_with(|| a.names.cmp(&b.names)));
        images
    }

    /// Adds an image; its names leave the images that had them. An image that is here already only gains names.
    pub(super) fn put(&mut self, image: Image) -> Arc<Image> {
        for name in &image.names {
            self.take_name(name);
        }
        let mut image = image;
        if let Some(known) = self.images.get(&image.id) {
            let names = known.names.iter().cloned().chain(image.names).collect::<BTreeSet<_>>();
            image = Image { names: names.into_iter().collect(), ..Image::clone(known) };
        }
        image.names.sort();
        image.names.dedup();
        let image = Arc::new(image);
        self.images.insert(image.id.clone(), Arc::clone(&image));
        image
    }

    /// Takes a name off whichever image has it.
    pub(super) fn take_name(&mut self, name: &str) {
        for image in self.images.values_mut() {
            if image.names.iter().any(|known| known == name) {
                Arc::make_mut(image).names.retain(|known| known != name);
            }
        }
    }

    /// Forgets an image; its layers stay listed until the launcher has removed them.
    pub(super) fn forget(&mut self, id: &Digest) {
        self.images.remove(id);
    }

    /// Layers that no image uses, or that were never completed.
    pub(super) fn loose_layers(&self) -> Vec<Digest> {
        let used: BTreeSet<&Digest> =
            self.images.values().flat_map(|image| &image.layers).map(|layer| &layer.diff_id).collect();
        let is_loose =
            |(layer, facts): &(&Digest, &Option<LayerFacts>)| facts.is_none() || !used.contains(layer);
        self.layers.iter().filter(is_loose).map(|(layer, _)| layer.clone()).collect()
    }

    /// Every blob that an image needs.
    pub(super) fn blobs(&self) -> BTreeSet<Digest> {
        self.images.values().flat_map(|image| image.blobs.iter().cloned()).collect()
    }

    /// What outlives a power cut: complete images, and the layers they consist of.
    pub(super) fn lasting_index(&self) -> Index {
        let used: BTreeSet<&Digest> =
            self.images.values().flat_map(|image| &image.layers).map(|layer| &layer.diff_id).collect();
        let mut index = self.index();
        index.layers.retain(|layer, facts| facts.is_some() && used.contains(layer));
        index
    }

    /// What is so at this moment.
    pub(super) fn index(&self) -> Index {
        let record =
            |image: &Arc<Image>| Record { manifest: image.manifest.clone(), names: image.names.clone() };
        Index::new(self.images.values().map(record).collect(), self.layers.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{ImageConfig, ImageLayer};

    fn image(id: &str, names: &[&str], layers: &[&str]) -> Image {
        let layer = |text: &&str| ImageLayer {
            diff_id: Digest::of(text.as_bytes()),
            bytes: 1,
            created_by: String::new(),
        };
        Image {
            id: id.repeat(64 / id.len()).insert_prefix(),
            manifest: Digest::of(id.as_bytes()),
            names: names.iter().map(ToString::to_string).collect(),
            created_ms: 0,
            layers: layers.iter().map(layer).collect(),
            config: ImageConfig::default(),
            foreign: None,
            users: Default::default(),
            blobs: vec![],
        }
    }

    trait InsertPrefix {
        fn insert_prefix(self) -> Digest;
    }

    impl InsertPrefix for String {
        fn insert_prefix(self) -> Digest {
            format!("sha256:{self}").parse().unwrap()
        }
    }

    #[test]
    fn images_are_found_by_name_then_by_id() {
        let mut catalog = Catalog::default();
        catalog.put(image("abcd", &["tool:latest"], &[]));
        catalog.put(image("abce", &["abcd:latest", "me/x:1"], &[]));
        let id = |text: &str| {
            catalog.resolve(text).map(|image| image.id.hex()[..4].to_owned()).map_err(|e| e.to_string())
        };
        assert_eq!(id("tool").unwrap(), "abcd");
        assert_eq!(id("abcd").unwrap(), "abce", "a name wins over an id");
        assert_eq!(id("sha256:abcd").unwrap(), "abcd");
        assert_eq!(id("abceab").unwrap(), "abce");
        assert_eq!(id(&format!("me/x@{}", Digest::of(b"abce"))).unwrap(), "abce");
        assert!(id("abc").unwrap_err().contains("no image abc:latest"));
        assert!(id("sha256:abc").is_err(), "three digits are too few");
        assert!(id("Nonsense!").unwrap_err().contains("not an image's name"));
        catalog.put(image("abcdabcf", &[], &[]));
        assert!(matches!(catalog.resolve("sha256:abcdabc"), Err(ImageError::Ambiguous(_))));
    }

    #[test]
    fn a_name_moves_and_an_image_may_have_several() {
        let mut catalog = Catalog::default();
        catalog.put(image("aa", &["x:1"], &["base"]));
        catalog.put(image("bb", &["x:1", "y:1"], &["base", "more"]));
        assert_eq!(catalog.resolve("sha256:aaaa").unwrap().names, [""; 0]);
        catalog.put(image("aa", &["z:1", "y:1"], &["base"]));
        assert_eq!(catalog.resolve("z:1").unwrap().names, ["y:1", "z:1"]);
        assert_eq!(catalog.resolve("x:1").unwrap().names, ["x:1"]);
        assert_eq!(catalog.index().images.len(), 2);
    }

    #[test]
    fn layers_are_loose_when_unfinished_or_unused() {
        let mut catalog = Catalog::default();
        let facts = Some(LayerFacts { bytes: 1 });
        catalog.layers = ["base", "more", "old"].map(|name| (Digest::of(name.as_bytes()), facts)).into();
        catalog.layers.insert(Digest::of(b"half"), None);
        catalog.put(image("aa", &["x:1"], &["base", "more"]));
        let loose = |catalog: &Catalog| catalog.loose_layers().into_iter().collect::<BTreeSet<_>>();
        assert_eq!(loose(&catalog), [Digest::of(b"old"), Digest::of(b"half")].into());
        let id = catalog.resolve("x:1").unwrap().id.clone();
        catalog.forget(&id);
        assert_eq!(catalog.loose_layers().len(), 4);
    }
}
