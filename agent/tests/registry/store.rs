//! A store of images for a test, and images to put into registries.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use porthole::image::{Arrived, Digest, Images, Patience, RegistrySettings};
use porthole_protocol::error::WireError;
use porthole_protocol::image::TransferRequest;

use super::archives::{Made, layer, oci};
use super::dirs::Dirs;

/// Waits of a test: long enough for a busy machine, short enough to wait for each of them to end.
pub const PATIENCE: Patience = Patience {
    answer: Duration::from_secs(2),
    document: Duration::from_secs(3),
    window: Duration::from_millis(500),
    least_bytes: 16 * 1024,
    tries: 3,
    pause: Duration::from_millis(10),
    longest_pause: Duration::from_millis(50),
};

/// The store below a directory.
pub async fn open(state: &Path) -> Images {
    let settings = RegistrySettings { patience: PATIENCE, ..RegistrySettings::default() };
    let layers = Dirs::new(&state.join("layers"));
    Images::open(&state.join("images"), layers).await.unwrap().with_registries(settings)
}

/// A request for an image, by nobody in particular.
pub fn asked(name: &str) -> TransferRequest {
    TransferRequest { name: name.to_owned(), ..TransferRequest::default() }
}

/// Pulls an image and waits for it.
pub async fn pull(images: &Images, name: &str) -> Result<Arrived, WireError> {
    images.pull(&asked(name)).map_err(|error| error.to_wire())?.arrived().await
}

/// Everything that is in the store: layers, blobs, and files on their way.
pub fn contents(state: &Path) -> Vec<PathBuf> {
    let dirs = ["images/blobs/sha256", "images/partial", "images/downloads", "layers"];
    let entries = dirs.iter().flat_map(|dir| std::fs::read_dir(state.join(dir)).unwrap());
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Bytes that no compression makes smaller.
pub fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(bytes).collect()
}

/// A layer with a file of that many bytes.
pub fn large_layer(name: &str, bytes: usize) -> Vec<u8> {
    super::craft::Craft::new().file(name, &noise(bytes as u64, bytes)).end()
}

/// Compresses as registries' layers are.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    flate2::read::GzEncoder::new(bytes, flate2::Compression::fast()).read_to_end(&mut packed).unwrap();
    packed
}

/// An image of a small base layer and these, all compressed.
pub fn image(layers: &[Vec<u8>]) -> Made {
    let base = layer(&[("etc/passwd", "root:x:0:0::/root:\nweb:x:33:34::/srv:\n"), ("bin/sh", "#!")]);
    let plain: Vec<&[u8]> = std::iter::once(&base[..]).chain(layers.iter().map(Vec::as_slice)).collect();
    let mut made = Made::of(&plain);
    made.layers = made.layers.iter().map(|layer| gzip(layer)).collect();
    made
}

/// Brings an image into a store by an archive, for a push.
pub async fn load(images: &Images, made: &Made, name: &str) {
    images.load(&oci(made, name).end()[..]).await.unwrap();
}

/// The layers' names in the store, topmost first.
pub fn layer_dirs(state: &Path, arrived: &Arrived) -> Vec<PathBuf> {
    arrived.image.layer_names().iter().map(|name| state.join("layers").join(name)).collect()
}

/// The digest that a made image's manifest has.
pub fn digest_of(made: &Made) -> Digest {
    Digest::of(&serde_json::to_vec(&made.manifest()).unwrap())
}
