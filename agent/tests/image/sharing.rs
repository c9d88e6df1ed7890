//! What is shared is stored once and said to be; names move; what nobody needs goes.

use std::collections::BTreeSet;
use std::path::Path;

use porthole::image::{Image, ImageError, Images};
use porthole_protocol::image::Pruned;
use serde_json::json;

use super::archives::{Made, docker_old, layer, oci};
use super::dirs::Dirs;
use super::layer::is_root;

async fn open(state: &Path) -> Images {
    Images::open(&state.join("images"), Dirs::new(&state.join("layers"))).await.unwrap()
}

/// A base of 1000 bytes, and what stands on it with 20 and 3.
fn family() -> (Made, Made, Made) {
    let file = |name: &str, bytes: usize| layer(&[(name, &"x".repeat(bytes))]);
    let (base, middle, top) = (file("base", 1000), file("middle", 20), file("top", 3));
    (Made::of(&[&base]), Made::of(&[&base, &middle]), Made::of(&[&base, &middle, &top]))
}

fn bytes(images: &Images, name: &str) -> (u64, u64) {
    let summary = images.summary(&images.resolve(name).unwrap(), 0);
    (summary.bytes, summary.unique_bytes)
}

fn kinds(pruned: &[Pruned]) -> Vec<(&str, bool)> {
    pruned.iter().map(|pruned| (pruned.kind.as_str(), pruned.freed_bytes > 0)).collect()
}

#[tokio::test]
async fn bytes_are_unique_when_no_other_image_has_them() {
    if !is_root("bytes_are_unique_when_no_other_image_has_them") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let images = open(dir.path()).await;
    let (base, middle, top) = family();
    images.load(&docker_old(&[(&base, &["base"]), (&middle, &["middle"])])[..]).await.unwrap();
    assert_eq!((bytes(&images, "base"), bytes(&images, "middle")), ((1000, 0), (1020, 20)));
    images.load(&oci(&top, "top:1").end()[..]).await.unwrap();
    assert_eq!((bytes(&images, "middle"), bytes(&images, "top:1")), ((1020, 0), (1023, 3)));
    images.remove("middle", false, |_| 0).await.unwrap();
    assert_eq!(bytes(&images, "top:1"), (1023, 23));
    let all = images.summaries(|image| u32::from(image.names == ["base:latest"]));
    assert_eq!(all.iter().map(|summary| summary.containers).sum::<u32>(), 1);

    let storage = images.storage().await.unwrap();
    let layers: Vec<_> = storage.layers.iter().map(|layer| (layer.bytes, layer.images.len())).collect();
    assert_eq!(layers, [(1000, 2), (20, 1), (3, 1)]);
    assert_eq!(storage.layers[1].created_by, "RUN something");
    assert!(storage.archive_bytes > 3 * 1024, "{}", storage.archive_bytes);
    let diff_ids: Vec<_> = storage.layers.iter().map(|layer| layer.diff_id.clone()).collect();
    assert_eq!(images.bytes_of(&[&diff_ids[..], &diff_ids[..1], &["none".into()]].concat()), 1023);
}

#[tokio::test]
async fn a_layer_that_comes_twice_is_counted_once() {
    if !is_root("a_layer_that_comes_twice_is_counted_once") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let images = open(dir.path()).await;
    let base = layer(&[("base", "1234567")]);
    images.load(&oci(&Made::of(&[&base, &base]), "twice:1").end()[..]).await.unwrap();
    assert_eq!(bytes(&images, "twice:1"), (7, 7));
}

#[tokio::test]
async fn a_tag_is_a_further_name_and_takes_it_from_whoever_had_it() {
    if !is_root("a_tag_is_a_further_name_and_takes_it_from_whoever_had_it") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let images = open(dir.path()).await;
    let (base, middle, _) = family();
    images.load(&docker_old(&[(&base, &["base"]), (&middle, &["middle"])])[..]).await.unwrap();
    let tagged = images.tag("base", "docker.io/library/mine").await.unwrap();
    assert_eq!(tagged.names, ["base:latest", "mine:latest"]);
    assert_eq!(images.tag("base", "mine").await.unwrap().names.len(), 2, "twice is no error");
    let id = tagged.id.to_string();
    assert_eq!(
        images.tag(&id, "middle").await.unwrap().names,
        ["base:latest", "middle:latest", "mine:latest"]
    );
    assert_eq!(images.list().iter().filter(|image| image.names.is_empty()).count(), 1);
    for bad in ["", "Mine", "mine@sha256:00", &format!("mine@{id}"), &id[7..]] {
        assert!(matches!(images.tag("base", bad).await, Err(ImageError::BadReference(..))), "{bad}");
    }
    assert!(matches!(images.tag("none", "x").await, Err(ImageError::NoSuchImage(_))));
    drop(images);
    assert_eq!(open(dir.path()).await.resolve("mine").unwrap().id, tagged.id, "it lasts");
}

#[tokio::test]
async fn a_prune_takes_what_has_no_name_and_tells_it_before() {
    if !is_root("a_prune_takes_what_has_no_name_and_tells_it_before") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let images = open(dir.path()).await;
    let (base, middle, top) = family();
    images.load(&docker_old(&[(&base, &["base"]), (&middle, &["name"])])[..]).await.unwrap();
    images.load(&oci(&top, "name:latest").end()[..]).await.unwrap();
    let unused = |_: &Image| false;
    let nothing = BTreeSet::new();

    // The image that lost its name shares all its layers.
    let would = images.prune(false, true, unused, &nothing).await.unwrap();
    assert_eq!(kinds(&would), [("image", true)]);
    assert_eq!(images.list().len(), 3, "only told");
    assert_eq!(images.prune(false, false, unused, &nothing).await.unwrap(), would);
    assert_eq!(images.list().len(), 2);
    assert_eq!(images.prune(false, false, unused, &nothing).await.unwrap(), []);

    // A container is made from one of the others, and its layers stay.
    let in_use = |image: &Image| image.names == ["base:latest"];
    let base_layer = images.resolve("base").unwrap().layers[0].diff_id.to_string();
    let would = images.prune(true, true, in_use, &BTreeSet::from([base_layer])).await.unwrap();
    assert_eq!(kinds(&would), [("image", true), ("layer", true), ("layer", true)]);
    assert_eq!(would[1..].iter().map(|layer| layer.freed_bytes).sum::<u64>(), 23);
    assert_eq!(images.prune(true, false, in_use, &nothing).await.unwrap(), would);
    assert_eq!(images.list().len(), 1);

    let last = images.prune(true, false, unused, &nothing).await.unwrap();
    assert_eq!((last[0].name.as_str(), last[1].freed_bytes), ("base:latest", 1000));
    assert_eq!(std::fs::read_dir(dir.path().join("layers")).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(dir.path().join("images/blobs/sha256")).unwrap().count(), 0);
}

#[tokio::test]
async fn an_image_tells_how_it_was_made_and_what_it_runs() {
    if !is_root("an_image_tells_how_it_was_made_and_what_it_runs") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let images = open(dir.path()).await;
    let (_, mut made, _) = family();
    made.config["config"]["Healthcheck"] =
        json!({ "Test": ["CMD-SHELL", "curl -f localhost"], "Interval": 1 });
    made.config["config"]["Labels"] = json!({ "title": "\u{1b}[31mred", "name": "x" });
    made.config["config"]["ExposedPorts"] = json!({ "80/tcp": {} });
    made.config["config"]["Volumes"] = json!({ "/data": {} });
    made.config["config"]["OnBuild"] = json!(["RUN nothing"]);
    made.config["history"][2]["comment"] = json!("a remark");
    made.config["history"][2]["created"] = json!("2024-02-03T04:05:06Z");
    images.load(&oci(&made, "made:1").end()[..]).await.unwrap();

    let detail = images.detail("made:1", |_| 4).await.unwrap();
    assert_eq!((detail.os.as_str(), detail.summary.containers), ("linux", 4));
    assert_eq!(detail.summary.id, porthole::image::Digest::of(&made.config_bytes()).to_string());
    assert_eq!(images.resolve(&format!("x@{}", detail.digest)).unwrap().names, ["made:1"]);
    let history: Vec<_> = detail
        .history
        .iter()
        .map(|step| (step.created_by.as_str(), step.layer.is_some(), step.bytes))
        .collect();
    assert_eq!(history, [("RUN something", true, 20), ("ENV x", false, 0), ("ADD base", true, 1000)]);
    assert_eq!(
        (detail.history[0].comment.as_str(), detail.history[0].created_ms),
        ("a remark", 1_706_933_106_000)
    );
    let config = detail.config;
    assert_eq!(config.healthcheck, ["CMD-SHELL", "curl -f localhost"]);
    assert_eq!(config.labels["title"], "\u{fffd}[31mred");
    assert_eq!((config.exposed_ports, config.volumes), (vec!["80/tcp".to_owned()], vec!["/data".to_owned()]));
    assert_eq!(
        (config.user.as_str(), config.working_dir.as_str()),
        ("web", "srv/../data"),
        "as the image has it"
    );
    assert!(matches!(images.detail("none", |_| 0).await, Err(ImageError::NoSuchImage(_))));
}
