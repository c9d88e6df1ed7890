//! What goes to a registry comes back the same.

use std::process::Command;

use porthole_protocol::error::ErrorCode;
use porthole_protocol::image::LayerState;
use tokio::time::Instant;

use super::archives::oci;
use super::real::Real;
use super::store::{asked, digest_of, image, large_layer, layer_dirs, load, open, pull};
use porthole::image::Step;

#[tokio::test]
async fn an_image_is_pushed_and_pulled_by_tag_and_by_digest() {
    let Some(registry) = Real::start("an_image_is_pushed_and_pulled_by_tag_and_by_digest") else { return };
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let name = format!("{}/team/tool:1", registry.host);
    let made = image(&[large_layer("srv/data", 3_000_000), large_layer("srv/more", 500_000)]);
    let digest = digest_of(&made);

    let images = open(here.path()).await;
    load(&images, &made, &name).await;
    let pushed = images.push(&asked(&name)).unwrap().arrived().await.unwrap();
    assert_eq!(pushed.digest, digest, "the manifest goes out as it is stored");

    let images = open(there.path()).await;
    let pulled = pull(&images, &name).await.unwrap();
    assert_eq!((pulled.digest.clone(), &pulled.image.manifest), (digest.clone(), &digest));
    assert_eq!(pulled.image.names, std::slice::from_ref(&name));
    assert_eq!(pulled.image.user("web").unwrap().uid, 33);
    let dirs = layer_dirs(there.path(), &pulled);
    assert_eq!(std::fs::metadata(dirs[1].join("srv/data")).unwrap().len(), 3_000_000);
    assert_eq!(images.download_bytes().await.unwrap(), 0, "nothing of the downloads is left");

    let by_digest = format!("{}/team/tool@{digest}", registry.host);
    let again = pull(&images, &by_digest).await.unwrap();
    assert_eq!(again.image.id, pulled.image.id);
    assert_eq!(images.resolve(&by_digest).unwrap().id, pulled.image.id);

    // Under a further name the registry takes its own layers over.
    let other = format!("{}/team/other:2", registry.host);
    images.tag(&name, &other).await.unwrap();
    let mut push = images.push(&asked(&other)).unwrap();
    let mut states = Vec::new();
    loop {
        match push.next(Instant::now()).await {
            Step::Progress(transfer) => states = transfer.layers,
            Step::Ended(outcome) => break drop(outcome.unwrap()),
        }
    }
    assert!(states.iter().all(|layer| matches!(layer.state, LayerState::Waiting | LayerState::Present)));

    for (name, code) in [
        (format!("{}/team/tool:none", registry.host), ErrorCode::NoSuchImage),
        (format!("{}/nobody/tool:1", registry.host), ErrorCode::NoSuchImage),
        ("127.0.0.1:1/tool:1".to_owned(), ErrorCode::RegistryFailed),
        ("Bad Name".to_owned(), ErrorCode::BadRequest),
    ] {
        assert_eq!(pull(&images, &name).await.unwrap_err().code, code, "{name}");
    }
}

#[tokio::test]
async fn what_skopeo_puts_there_is_pulled_in_every_form() {
    let Some(registry) = Real::start("what_skopeo_puts_there_is_pulled_in_every_form") else { return };
    let at = registry.scratch();
    let made = image(&[large_layer("srv/data", 300_000)]);
    std::fs::write(at.join("ours.tar"), oci(&made, "tool:1").end()).unwrap();
    for (tag, format, compression) in
        [("oci", "oci", "gzip"), ("docker", "v2s2", "gzip"), ("zstd", "oci", "zstd")]
    {
        let name = format!("{}/tool:{tag}", registry.host);
        let options =
            ["--format", format, "--dest-compress-format", compression, "--dest-force-compress-format"];
        let output = Command::new("skopeo")
            .args(["--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false"])
            .args(if compression == "gzip" { &options[..2] } else { &options[..] })
            .args(["oci-archive:ours.tar:tool:1", &format!("docker://{name}")])
            .current_dir(at)
            .output();
        let Ok(output) = output else {
            return eprintln!("SKIPPED what_skopeo_puts_there: skopeo is not installed");
        };
        if !output.status.success() && compression == "zstd" {
            eprintln!("this skopeo does not compress again: {}", String::from_utf8_lossy(&output.stderr));
            continue;
        }
        assert!(output.status.success(), "{tag}: {}", String::from_utf8_lossy(&output.stderr));
        let state = tempfile::tempdir().unwrap();
        let pulled = pull(&open(state.path()).await, &name).await.unwrap();
        let dirs = layer_dirs(state.path(), &pulled);
        assert_eq!(std::fs::metadata(dirs[0].join("srv/data")).unwrap().len(), 300_000, "{tag}");
    }
}
