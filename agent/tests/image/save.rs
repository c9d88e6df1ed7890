//! What is saved is whole, always the same, and read by every tool.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Command;

use futures_util::TryStreamExt;
use porthole::image::{Image, ImageError, Images};
use serde_json::{Value, json};

use super::archives::{Made, docker_old, layer, oci};
use super::dirs::Dirs;
use super::layer::is_root;
use super::tools::installed;

async fn open(state: &Path) -> Images {
    Images::open(&state.join("images"), Dirs::new(&state.join("layers"))).await.unwrap()
}

async fn saved(images: &Images, names: &[&str]) -> Vec<u8> {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let saved = images.save(&names).await.unwrap();
    let announced = saved.length();
    let chunks: Vec<_> = saved.into_stream().try_collect().await.unwrap();
    let bytes = chunks.concat();
    assert_eq!(bytes.len() as u64, announced);
    bytes
}

/// Members by name, in their order.
fn members(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = tar::Archive::new(archive);
    let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        assert_eq!(entry.header().mtime().unwrap(), 0);
        let mut body = Vec::new();
        entry.read_to_end(&mut body).unwrap();
        (entry.path().unwrap().display().to_string(), body)
    };
    archive.entries().unwrap().map(read).collect()
}

fn document(members: &[(String, Vec<u8>)], name: &str) -> Value {
    serde_json::from_slice(&members.iter().find(|(known, _)| known == name).unwrap().1).unwrap()
}

fn two_images() -> (Made, Made) {
    let (base, top) =
        (layer(&[("etc/passwd", "web:x:33:34::/srv:\n")]), layer(&[("etc/.wh.gone", ""), ("srv/x", "y")]));
    (Made::of(&[&base]), Made::of(&[&base, &top]))
}

fn facts(image: &Image) -> (String, String, Vec<String>, Vec<String>) {
    let layers = image.layers.iter().map(|layer| layer.diff_id.to_string()).collect();
    (image.id.to_string(), image.manifest.to_string(), image.names.clone(), layers)
}

#[tokio::test]
async fn what_is_saved_is_loaded_again_with_the_same_digests() {
    if !is_root("what_is_saved_is_loaded_again_with_the_same_digests") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let images = open(&dir.path().join("here")).await;
    let (one, two) = two_images();
    images
        .load(&docker_old(&[(&one, &["one:1", "one:stable"]), (&two, &["example.org/two:2"])])[..])
        .await
        .unwrap();
    let archive = saved(&images, &["one:1", "example.org/two:2", "one:stable"]).await;

    let found = members(&archive);
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names[..5], ["oci-layout", "index.json", "manifest.json", "blobs/", "blobs/sha256/"]);
    assert_eq!(
        names.len(),
        5 + 6,
        "two manifests, two configurations, and two layers of which one is shared"
    );
    let saved_images = document(&found, "manifest.json");
    assert_eq!(saved_images[0]["RepoTags"], json!(["one:1", "one:stable"]));
    assert_eq!(saved_images[1]["Layers"].as_array().unwrap().len(), 2);
    let index = document(&found, "index.json");
    let annotations: Vec<_> =
        index["manifests"].as_array().unwrap().iter().map(|entry| &entry["annotations"]).collect();
    assert_eq!(annotations[0]["io.containerd.image.name"], "docker.io/library/one:1");
    assert_eq!(annotations[2]["io.containerd.image.name"], "example.org/two:2");
    assert_eq!(annotations[2]["org.opencontainers.image.ref.name"], "2");

    let there = open(&dir.path().join("there")).await;
    there.load(&archive[..]).await.unwrap();
    for name in ["one:1", "example.org/two:2"] {
        assert_eq!(facts(&there.resolve(name).unwrap()), facts(&images.resolve(name).unwrap()));
    }
    let again = saved(&there, &["one:1", "example.org/two:2", "one:stable"]).await;
    assert!(again == archive, "the same images are the same bytes");

    // An archive of the layout's part alone is enough.
    let mut layout = tar::Builder::new(Vec::new());
    for (name, body) in found.iter().filter(|(name, _)| name != "manifest.json" && !name.ends_with('/')) {
        let mut header = tar::Header::new_ustar();
        header.set_size(body.len() as u64);
        layout.append_data(&mut header, name, &body[..]).unwrap();
    }
    let third = open(&dir.path().join("third")).await;
    third.load(&layout.into_inner().unwrap()[..]).await.unwrap();
    let two = third.resolve("example.org/two:2").unwrap();
    assert_eq!(facts(&two), facts(&images.resolve("example.org/two:2").unwrap()));
}

#[tokio::test]
async fn an_image_saved_by_its_id_has_no_name() {
    if !is_root("an_image_saved_by_its_id_has_no_name") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let images = open(dir.path()).await;
    let (one, _) = two_images();
    images.load(&oci(&one, "one:1").end()[..]).await.unwrap();
    let id = images.resolve("one:1").unwrap().id.clone();
    let found = members(&saved(&images, &[id.as_str()]).await);
    assert_eq!(document(&found, "manifest.json")[0]["RepoTags"], json!([]));
    assert!(document(&found, "index.json")["manifests"][0].get("annotations").is_none());
    let there = open(&dir.path().join("there")).await;
    let loaded = there.load(&saved(&images, &[&id.hex()[..12]]).await[..]).await.unwrap();
    assert_eq!((&loaded[0].id, loaded[0].names.len()), (&id, 0));

    let none = images.save(&["one:1".into(), "none:1".into()]).await.err().unwrap();
    assert!(matches!(none, ImageError::NoSuchImage(_)), "{none}");
    let many = images.save(&vec!["one:1".to_owned(); 257]).await.err().unwrap();
    assert!(matches!(many, ImageError::TooLarge(_)), "{many}");
}

#[tokio::test]
async fn a_save_goes_on_when_its_image_is_removed() {
    if !is_root("a_save_goes_on_when_its_image_is_removed") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let images = open(dir.path()).await;
    let big = layer(&[("big", &"x".repeat(3_000_000))]);
    images.load(&oci(&Made::of(&[&big]), "big:1").end()[..]).await.unwrap();
    let whole = saved(&images, &["big:1"]).await;

    let mut stream = Box::pin(images.save(&["big:1".into()]).await.unwrap().into_stream());
    let mut bytes = stream.try_next().await.unwrap().unwrap().to_vec();
    images.remove("big:1", false, |_| 0).await.unwrap();
    assert_eq!(fs::read_dir(dir.path().join("images/blobs/sha256")).unwrap().count(), 0);
    while let Some(chunk) = stream.try_next().await.unwrap() {
        bytes.extend_from_slice(&chunk);
    }
    assert!(bytes == whole);
    drop(stream);
    assert_eq!(fs::read_dir(dir.path().join("images/partial")).unwrap().count(), 0);
}

fn run(dir: &Path, command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn skopeo_and_umoci_read_what_is_saved() {
    if !installed("skopeo_and_umoci_read_what_is_saved", &["skopeo", "umoci"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let images = open(&at.join("store")).await;
    let (one, two) = two_images();
    let gzip = |bytes: &[u8]| {
        let mut packed = Vec::new();
        flate2::read::GzEncoder::new(bytes, flate2::Compression::fast()).read_to_end(&mut packed).unwrap();
        packed
    };
    let mut packed = two.clone();
    packed.layers = two.layers.iter().map(|layer| gzip(layer)).collect();
    images.load(&oci(&one, "one:latest").end()[..]).await.unwrap();
    // Comes without a manifest, so that ours says what its layers are.
    images.load(&docker_old(&[(&packed, &["example.org/two:2"])])[..]).await.unwrap();
    fs::write(at.join("images.tar"), saved(&images, &["one", "example.org/two:2"]).await).unwrap();
    fs::write(at.join("two.tar"), saved(&images, &["example.org/two:2"]).await).unwrap();

    let diff_ids =
        |config: &str| serde_json::from_str::<Value>(config).unwrap()["rootfs"]["diff_ids"].clone();
    for (from, made) in [
        ("docker-archive:images.tar:example.org/two:2", &two),
        ("docker-archive:images.tar:docker.io/library/one:latest", &one),
        ("docker-archive:two.tar", &two),
        ("oci-archive:images.tar:2", &two),
        ("oci-archive:images.tar:latest", &one),
        ("oci-archive:two.tar", &two),
    ] {
        let skopeo = ["skopeo", "--insecure-policy"];
        run(at, &[&skopeo[..], &["copy", "--quiet", from, "dir:copied"]].concat());
        let config = run(at, &[&skopeo[..], &["inspect", "--config", "--raw", from]].concat());
        assert_eq!(diff_ids(&config), made.config["rootfs"]["diff_ids"], "{from}");
        fs::remove_dir_all(at.join("copied")).unwrap();
    }
    let digest = images.resolve("example.org/two:2").unwrap().manifest.to_string();
    let inspected = run(at, &["skopeo", "inspect", "--format", "{{.Digest}}", "oci-archive:images.tar:2"]);
    assert_eq!(inspected.trim(), digest);

    fs::create_dir(at.join("layout")).unwrap();
    run(at, &["tar", "-C", "layout", "-xf", "images.tar"]);
    run(at, &["umoci", "unpack", "--image", "layout:2", "bundle"]);
    assert_eq!(fs::read_to_string(at.join("bundle/rootfs/srv/x")).unwrap(), "y");
    assert!(run(at, &["umoci", "list", "--layout", "layout"]).lines().eq(["latest", "2"]));
}
