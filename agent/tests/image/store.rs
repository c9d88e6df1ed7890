//! The store: images come in whole or not at all, are found, share layers, and go.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use porthole::image::{Image, ImageError, Images};
use porthole_protocol::error::ErrorCode;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::archives::{Made, descriptor, docker_old, layer, layout, oci};
use super::craft::Craft;
use super::dirs::Dirs;
use super::layer::is_root;

struct Fixture {
    state: tempfile::TempDir,
    images: Images,
}

async fn open(state: &Path) -> Images {
    Images::open(&state.join("images"), Dirs::new(&state.join("layers"))).await.unwrap()
}

async fn fixture() -> Fixture {
    let state = tempfile::tempdir().unwrap();
    let images = open(state.path()).await;
    Fixture { state, images }
}

/// Every file of the store but its lock, and every layer's name.
fn contents(state: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for dir in ["images/blobs/sha256", "images/partial", "layers"] {
        let names = fs::read_dir(state.join(dir)).unwrap().map(|entry| entry.unwrap().file_name());
        found.extend(names.map(|name| format!("{dir}/{}", name.to_str().unwrap())));
    }
    found.sort();
    found
}

fn base() -> Vec<u8> {
    layer(&[
        ("etc/passwd", "root:x:0:0::/root:\nweb:x:33:34::/srv:\n"),
        ("etc/group", "log:x:4:web\n"),
        ("bin/sh", "#!"),
    ])
}

fn names(image: &Image) -> Vec<&str> {
    image.names.iter().map(String::as_str).collect()
}

#[tokio::test]
async fn an_imported_file_system_is_an_image() {
    if !is_root("an_imported_file_system_is_an_image") {
        return;
    }
    let Fixture { state, images } = fixture().await;
    let changes = images.subscribe();
    let image = images.import("tool", &base()[..]).await.unwrap();
    assert_eq!(names(&image), ["tool:latest"]);
    assert_eq!((image.config.command(&[]), image.layers.len()), (vec!["/bin/sh".to_owned()], 1));
    assert_eq!(image.user("web").unwrap().groups, [4]);
    assert_eq!(image.user("web:web").unwrap_err().to_wire().code, ErrorCode::BadRequest);
    let summary = images.summary(&image, 2);
    assert!(summary.created_ms > 1_700_000_000_000 && summary.containers == 2);
    assert!(changes.has_changed().unwrap());
    let dir = state.path().join("layers").join(&image.layer_names()[0]);
    assert_eq!(fs::read_to_string(dir.join("bin/sh")).unwrap(), "#!");

    // After a restart all of it is there again, the users as well.
    drop(images);
    let images = open(state.path()).await;
    let again = images.resolve("docker.io/library/tool").unwrap();
    assert_eq!((again.id.clone(), again.user("web").unwrap().uid), (image.id.clone(), 33));
    assert_eq!(images.resolve(&image.id.hex()[..12]).unwrap().id, image.id);
}

#[tokio::test]
async fn an_embedded_image_is_added_once() {
    if !is_root("an_embedded_image_is_added_once") {
        return;
    }
    let Fixture { images, state: _state } = fixture().await;
    let archive: &'static [u8] = Box::leak(base().into_boxed_slice());
    let first = images.ensure_embedded("busybox", archive).await.unwrap();
    let second = images.ensure_embedded("busybox", archive).await.unwrap();
    assert_eq!((first.id.clone(), images.list().len()), (second.id.clone(), 1));
}

#[tokio::test]
async fn an_old_docker_archive_holds_images_that_share_layers() {
    if !is_root("an_old_docker_archive_holds_images_that_share_layers") {
        return;
    }
    let Fixture { state, images } = fixture().await;
    let (base, top) = (base(), layer(&[("srv/page", "hello"), ("etc/.wh.group", "")]));
    let (one, two) = (Made::of(&[&base]), Made::of(&[&base, &top]));
    let archive = docker_old(&[(&one, &["one:1", "one:stable"]), (&two, &["example.org/two:latest"])]);
    let loaded = images.load(&archive[..]).await.unwrap();
    assert_eq!(
        loaded.iter().map(|image| names(image)).collect::<Vec<_>>(),
        [&["one:1", "one:stable"][..], &["example.org/two:latest"]]
    );
    let two = &loaded[1];
    assert_eq!(
        two.layers.iter().map(|layer| layer.created_by.as_str()).collect::<Vec<_>>(),
        ["RUN something", "ADD base"]
    );
    assert_eq!((two.created_ms, two.config.workdir().as_str()), (1_706_929_506_789, "/data"));
    assert_eq!(two.user(&two.config.user).unwrap().home, "/srv");
    assert_eq!(contents(state.path()).iter().filter(|name| name.starts_with("layers/")).count(), 2);
    // Loading it again changes nothing.
    let before = contents(state.path());
    images.load(&archive[..]).await.unwrap();
    assert_eq!((contents(state.path()), images.list().len()), (before, 2));
}

#[tokio::test]
async fn a_layout_keeps_its_manifest_and_a_new_docker_archive_is_one() {
    if !is_root("a_layout_keeps_its_manifest_and_a_new_docker_archive_is_one") {
        return;
    }
    let made = Made::of(&[&base()]);
    let digest = porthole::image::Digest::of(&serde_json::to_vec(&made.manifest()).unwrap());
    let plain = oci(&made, "example.org/tool:2");
    let blob = |bytes: &[u8]| format!("blobs/sha256/{}", porthole::image::Digest::of(bytes).hex());
    let saved = json!([{ "Config": blob(&made.config_bytes()), "RepoTags": ["tool:2"], "Layers": [blob(&made.layers[0])] }]);
    let both = plain.clone().file("manifest.json", &serde_json::to_vec(&saved).unwrap());
    for (archive, name) in [(plain, "example.org/tool:2"), (both, "tool:2")] {
        let Fixture { images, state: _state } = fixture().await;
        let loaded = images.load(&archive.end()[..]).await.unwrap();
        assert_eq!((names(&loaded[0]), &loaded[0].manifest), (vec![name], &digest));
        assert_eq!(images.resolve(&format!("x@{digest}")).unwrap().id, loaded[0].id);
    }
}

#[tokio::test]
async fn of_an_index_the_image_for_this_machine_is_taken() {
    if !is_root("of_an_index_the_image_for_this_machine_is_taken") {
        return;
    }
    let made = Made::of(&[&base()]);
    let (manifest, here) = (made.manifest(), made.config["architecture"].clone());
    let platform =
        |architecture: &Value| json!({ "platform": { "architecture": architecture, "os": "linux" } });
    let foreign = descriptor(&json!({ "missing": true }), "", &platform(&json!("s390x")));
    let attestation = descriptor(
        &json!({ "missing": 2 }),
        "",
        &json!({ "platform": { "architecture": "unknown", "os": "unknown" } }),
    );
    let inner = json!({ "manifests": [foreign, attestation, descriptor(&manifest, "", &platform(&here))] });
    let kind = "application/vnd.oci.image.index.v1+json";
    let name = json!({ "annotations": { "io.containerd.image.name": "docker.io/library/tool:9" } });
    let outer = json!({ "manifests": [descriptor(&inner, kind, &name)] });
    let documents = [&inner, &manifest, &made.config].map(|document| serde_json::to_vec(document).unwrap());
    let blobs = [&documents[0][..], &documents[1], &documents[2], &made.layers[0]];
    let Fixture { images, state: _state } = fixture().await;
    let loaded = images.load(&layout(&blobs, &outer).end()[..]).await.unwrap();
    assert_eq!(names(&loaded[0]), ["tool:9"]);
}

#[tokio::test]
async fn compressed_layers_are_kept_as_they_came() {
    if !is_root("compressed_layers_are_kept_as_they_came") {
        return;
    }
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::read::GzEncoder::new(bytes, flate2::Compression::fast());
        let mut packed = Vec::new();
        std::io::Read::read_to_end(&mut encoder, &mut packed).unwrap();
        packed
    };
    let zstd =
        |bytes: &[u8]| ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
    let (base, top) = (base(), layer(&[("srv/page", "hello")]));
    let mut made = Made::of(&[&base, &top]);
    made.layers = vec![gzip(&base), zstd(&top)];
    let Fixture { state, images } = fixture().await;
    let loaded = images.load(&gzip(&oci(&made, "tool:1").end())[..]).await.unwrap();
    assert!(state.path().join("layers").join(&loaded[0].layer_names()[0]).join("srv/page").exists());
    let blob =
        state.path().join("images/blobs/sha256").join(porthole::image::Digest::of(&made.layers[1]).hex());
    assert_eq!(fs::read(blob).unwrap(), made.layers[1]);
    let imported = images.import("zipped", &zstd(&base)[..]).await.unwrap();
    assert_eq!(imported.layers[0].diff_id, loaded[0].layers[1].diff_id);
}

#[tokio::test]
async fn refused_archives_leave_nothing_behind() {
    if !is_root("refused_archives_leave_nothing_behind") {
        return;
    }
    let Fixture { state, images } = fixture().await;
    let (base, top) = (base(), layer(&[("srv/page", "hello")]));
    let good = Made::of(&[&base]);
    images.load(&docker_old(&[(&good, &["good:1"])])[..]).await.unwrap();
    let before = contents(state.path());

    let changed = |change: &dyn Fn(&mut Made)| {
        let mut made = Made::of(&[&base, &top]);
        change(&mut made);
        docker_old(&[(&made, &["bad:1"])])
    };
    let hostile = Craft::new().file("ok", b"x").file("../canary", b"x").end();
    let elsewhere = json!([{ "Config": "../../etc/passwd", "Layers": ["/etc/passwd"] }]);
    let loops = Craft::new()
        .symlink("a", "b")
        .symlink("b", "a")
        .file("manifest.json", br#"[{"Config":"a","Layers":[]}]"#);
    let lies = Craft::new().file(&format!("blobs/sha256/{}", "0".repeat(64)), b"x");
    for (archive, why) in [
        (
            changed(&|made| made.config["rootfs"]["diff_ids"][1] = json!(porthole::image::Digest::of(b""))),
            "another content",
        ),
        (changed(&|made| made.config["rootfs"]["diff_ids"][1] = json!("sha256:../..")), "malformed"),
        (changed(&|made| made.config["architecture"] = json!("s390x")), "is for linux/s390x"),
        (changed(&|made| made.config["rootfs"]["diff_ids"] = json!([])), "has 0 layers"),
        (changed(&|made| drop(made.layers.pop())), "differ in the number"),
        (changed(&|made| made.layers[1] = b"no archive at all".to_vec()), "middle of a block"),
        (docker_old(&[(&Made::of(&[&hostile]), &["bad:1"])]), "leads upwards"),
        (
            docker_old(&[(&Made::of(&[&top]), &["good:2"]), (&Made::of(&[&hostile]), &["bad:1"])]),
            "leads upwards",
        ),
        (docker_old(&[(&Made::of(&[&top]), &["Bad Name"])]), "not an image's name"),
        (Craft::new().file("manifest.json", elsewhere.to_string().as_bytes()).end(), "missing"),
        (loops.end(), "have no end"),
        (lies.end(), "digest it is named by"),
        (Craft::new().file("../manifest.json", b"[]").end(), "leads upwards"),
        (Craft::new().symlink("a", "../../etc/passwd").end(), "leads out of the archive"),
        (Craft::new().file("a", b"").file("./a", b"").end(), "comes twice"),
        (Craft::new().file("manifest.json", b"[]").end(), "holds no image"),
        (Craft::new().file("manifest.json", b"{").end(), "manifest.json is malformed"),
        (base.clone(), "added with import"),
        (vec![0x1f, 0x8b, 8, 0], "refused"),
        (b"<html>".to_vec(), "middle of a block"),
        (vec![], "holds no image"),
    ] {
        let error = images.load(&archive[..]).await.expect_err(why);
        assert!(error.to_string().contains(why), "{error} instead of {why}");
        assert!(matches!(error.to_wire().code, ErrorCode::BadImage | ErrorCode::BadRequest), "{error:?}");
        assert_eq!(contents(state.path()), before, "{why}");
        assert_eq!(images.list().len(), 1);
    }
    for (archive, why) in
        [(&hostile[..], "leads upwards"), (&[0; 1024], "it is empty"), (b"BZh91", "xz or bzip2")]
    {
        let error = images.import("bad", archive).await.expect_err(why);
        assert!(error.to_string().contains(why), "{error} instead of {why}");
        assert_eq!(contents(state.path()), before, "{why}");
    }
    assert!(matches!(images.import("Bad Name", &base[..]).await, Err(ImageError::BadReference(..))));
}

#[tokio::test]
async fn removing_takes_names_then_the_image_then_what_nobody_shares() {
    if !is_root("removing_takes_names_then_the_image_then_what_nobody_shares") {
        return;
    }
    let Fixture { state, images } = fixture().await;
    let (base, top) = (base(), layer(&[("srv/page", "hello")]));
    let (one, two) = (Made::of(&[&base]), Made::of(&[&base, &top]));
    images.load(&docker_old(&[(&one, &["a:1", "b:1"]), (&two, &["c:1"])])[..]).await.unwrap();
    let id = images.resolve("a:1").unwrap().id.clone();
    let unused = |_: &Image| 0;

    assert!(matches!(images.remove("none", false, unused).await, Err(ImageError::NoSuchImage(_))));
    assert!(matches!(images.remove(id.as_str(), false, unused).await, Err(ImageError::SeveralNames(_))));
    let removed =
        images.remove("a:1", false, |_| panic!("a name that is not the last asks nobody")).await.unwrap();
    assert_eq!(
        (removed.untagged, removed.deleted.len(), removed.freed_bytes),
        (vec!["a:1".to_owned()], 0, 0)
    );

    let used = images.remove("b:1", false, |_| 2).await.unwrap_err();
    assert_eq!(
        (used.to_wire().code, used.to_string()),
        (ErrorCode::ImageInUse, "The image b:1 is used by 2 container(s).".into())
    );
    let forced = images.remove("b:1", true, |_| 2).await.unwrap();
    assert_eq!((forced.untagged, forced.deleted.len()), (vec!["b:1".to_owned()], 0));
    assert!(images.resolve(id.as_str()).unwrap().names.is_empty());

    let by_id = images.remove(id.as_str(), false, unused).await.unwrap();
    assert_eq!(by_id.deleted, [id.to_string()], "its layer is shared");
    let last = images.remove("c:1", false, unused).await.unwrap();
    assert_eq!(last.deleted.len(), 3);
    assert!(last.freed_bytes > 1000);
    assert_eq!(contents(state.path()), [""; 0]);
}

#[tokio::test]
async fn a_crash_at_any_point_leaves_the_image_or_nothing() {
    if !is_root("a_crash_at_any_point_leaves_the_image_or_nothing") {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let moments = Arc::new(Mutex::new(Vec::new()));
    // What is on disk at each moment is what an agent killed then leaves.
    let (from, kept) = (state.path().to_owned(), Arc::clone(&moments));
    let lasting = Arc::new(Mutex::new(""));
    let lasts = Arc::clone(&lasting);
    let watcher = move |moment: &str| {
        let copy = tempfile::tempdir().unwrap();
        let copied =
            std::process::Command::new("cp").args(["-a", "--"]).arg(from.join(".")).arg(copy.path()).status();
        assert!(copied.unwrap().success());
        kept.lock().unwrap().push((moment.to_owned(), *lasts.lock().unwrap(), copy));
        async {}.boxed()
    };
    let layers = Dirs::watched(&state.path().join("layers"), Arc::new(watcher));
    let images = Images::open(&state.path().join("images"), layers).await.unwrap();
    let (base, top) = (base(), layer(&[("srv/page", "hello")]));
    images.load(&docker_old(&[(&Made::of(&[&base]), &["old:1"])])[..]).await.unwrap();
    *lasting.lock().unwrap() = "old:1";
    images.load(&oci(&Made::of(&[&base, &top]), "new:1").end()[..]).await.unwrap();
    *lasting.lock().unwrap() = "new:1";
    images.remove("old:1", false, |_| 0).await.unwrap();
    *lasting.lock().unwrap() = "";
    images.remove("new:1", false, |_| 0).await.unwrap();
    let hostile = Made::of(&[&top, &layer(&[("../x", "")])]);
    images.load(&oci(&hostile, "bad:1").end()[..]).await.unwrap_err();

    let moments = std::mem::take(&mut *moments.lock().unwrap());
    assert!(moments.len() > 15, "{} moments", moments.len());
    for (moment, lasts, crashed) in moments {
        let images = open(crashed.path()).await;
        assert!(lasts.is_empty() || images.resolve(lasts).is_ok(), "{lasts} is lost {moment}");
        let mut expected: Vec<String> = Vec::new();
        for image in images.list() {
            assert_eq!(image.user("web").unwrap().uid, 33, "{moment}");
            expected.extend(image.layer_names().iter().map(|layer| format!("layers/{layer}")));
        }
        expected.sort();
        expected.dedup();
        let found = contents(crashed.path());
        let found: Vec<_> = found.iter().filter(|name| !name.starts_with("images/blobs")).cloned().collect();
        assert_eq!(found, expected, "{moment}");
        // And it goes on from there.
        images.load(&oci(&Made::of(&[&base, &top]), "new:1").end()[..]).await.unwrap();
        assert_eq!(images.resolve("new:1").unwrap().layers.len(), 2);
    }
}

#[tokio::test]
async fn whoever_goes_away_leaves_nothing() {
    if !is_root("whoever_goes_away_leaves_nothing") {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let (reached, go_on) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let gate = (Arc::clone(&reached), Arc::clone(&go_on));
    let watcher = move |moment: &str| {
        let ((reached, go_on), stop) = (gate.clone(), moment == "after unpack");
        async move {
            if stop {
                reached.add_permits(1);
                go_on.acquire().await.unwrap().forget();
            }
        }
        .boxed()
    };
    let layers = Dirs::watched(&state.path().join("layers"), Arc::new(watcher));
    let images = Images::open(&state.path().join("images"), layers).await.unwrap();

    // In the middle of the upload.
    let (near, far) = tokio::io::duplex(64);
    let mut upload = Box::pin(images.import("tool", near));
    assert!(futures_util::poll!(&mut upload).is_pending());
    drop((upload, far));

    // In the middle of unpacking.
    let base = base();
    let mut upload = Box::pin(images.import("tool", &base[..]));
    tokio::select! {
        _ = &mut upload => panic!("the gate is closed"),
        permit = reached.acquire() => permit.unwrap().forget(),
    }
    drop(upload);
    go_on.add_permits(1);
    images.close().await;
    assert!(images.list().is_empty());
    // The first upload's thread may still be at its last step.
    for _ in 0..500 {
        if contents(state.path()).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("left behind: {:?}", contents(state.path()));
}
