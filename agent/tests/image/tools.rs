//! Archives by the tools that people have: skopeo and umoci, where they are installed.

use std::path::Path;
use std::process::Command;

use porthole::image::Images;

use super::archives::{Made, layer, oci};
use super::dirs::Dirs;
use super::layer::is_root;

/// Whether a test that needs these tools and root can run; says so when not.
pub fn installed(test: &str, tools: &[&str]) -> bool {
    let missing: Vec<_> =
        tools.iter().filter(|tool| Command::new(tool).arg("--version").output().is_err()).collect();
    if !missing.is_empty() {
        eprintln!("SKIPPED {test}: {missing:?} not installed");
    }
    missing.is_empty() && is_root(test)
}

fn run(dir: &Path, command: &[&str]) {
    let output = Command::new(command[0]).args(&command[1..]).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn an_image_goes_through_skopeo_in_every_form() {
    if !installed("an_image_goes_through_skopeo_in_every_form", &["skopeo"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    let made = Made::of(&[
        &layer(&[("etc/passwd", "web:x:33:34::/srv:\n")]),
        &layer(&[("etc/.wh.gone", ""), ("srv/x", "y")]),
    ]);
    std::fs::write(at.join("ours.tar"), oci(&made, "tool:1").end()).unwrap();
    let copy = ["skopeo", "--insecure-policy", "copy", "--quiet"];
    for (to, compression, name) in [
        ("docker-archive:docker.tar:example.org/tool:1", None, "example.org/tool:1"),
        ("oci-archive:plain.tar:tool:1", None, "tool:1"),
        ("oci-archive:gzip.tar:tool:1", Some("gzip"), "tool:1"),
        ("oci-archive:zstd.tar:tool:1", Some("zstd"), "tool:1"),
    ] {
        let options = compression.map(|format| ["--dest-compress-format", format, "--dest-compress"]);
        let options = options.iter().flatten().copied();
        run(
            at,
            &copy
                .iter()
                .copied()
                .chain(options)
                .chain(["oci-archive:ours.tar:tool:1", to])
                .collect::<Vec<_>>(),
        );
        let file = to.split(':').nth(1).unwrap();
        let state = at.join(format!("{file}.state"));
        let images = Images::open(&state.join("images"), Dirs::new(&state.join("layers"))).await.unwrap();
        let archive = tokio::fs::File::open(at.join(file)).await.unwrap();
        let loaded = images.load(archive).await.unwrap_or_else(|error| panic!("{to}: {error}"));
        assert_eq!((loaded.len(), loaded[0].names.as_slice()), (1, &[name.to_owned()][..]), "{to}");
        let diff_ids: Vec<_> = loaded[0].layers.iter().map(|layer| layer.diff_id.to_string()).collect();
        assert_eq!(diff_ids[0], made.config["rootfs"]["diff_ids"][1], "{to}");
        assert_eq!(loaded[0].user("web").unwrap().uid, 33);
    }
}

#[tokio::test]
async fn an_image_made_by_umoci_is_loaded() {
    if !installed("an_image_made_by_umoci_is_loaded", &["umoci"]) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    run(at, &["umoci", "init", "--layout", "tool"]);
    run(at, &["umoci", "new", "--image", "tool:one"]);
    run(at, &["umoci", "unpack", "--image", "tool:one", "bundle"]);
    std::fs::create_dir_all(at.join("bundle/rootfs/etc/deep")).unwrap();
    std::fs::write(at.join("bundle/rootfs/etc/passwd"), "web:x:33:34::/srv:\n").unwrap();
    run(at, &["umoci", "repack", "--refresh-bundle", "--image", "tool:one", "bundle"]);
    std::fs::remove_dir(at.join("bundle/rootfs/etc/deep")).unwrap();
    run(at, &["umoci", "repack", "--image", "tool:one", "bundle"]);
    run(at, &["umoci", "config", "--image", "tool:one", "--config.cmd", "top", "--config.user", "web"]);
    run(at, &["tar", "-C", "tool", "-cf", "tool.tar", "."]);
    let images = Images::open(&at.join("images"), Dirs::new(&at.join("layers"))).await.unwrap();
    let loaded = images.load(tokio::fs::File::open(at.join("tool.tar")).await.unwrap()).await.unwrap();
    // The layout only gives a tag, which is no name.
    assert_eq!((loaded[0].names.len(), loaded[0].layers.len()), (0, 2));
    assert_eq!(loaded[0].config.command(&[]), ["top"]);
    assert_eq!(loaded[0].user(&loaded[0].config.user).unwrap().home, "/srv");
    let top = at.join("layers").join(&loaded[0].layer_names()[0]).join("etc/deep");
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let whiteout = std::fs::symlink_metadata(top).unwrap();
    assert!(whiteout.file_type().is_char_device() && whiteout.rdev() == 0);
}
