//! skopeo and umoci: an image of ours becomes a layout, is changed there, and comes back.

use std::path::Path;
use std::process::Command;

use crate::possible;
use crate::sample::{self, DESCRIPTION, NAME};
use crate::support::Agent;

fn run(dir: &Path, words: &[&str]) -> String {
    let output = Command::new(words[0]).args(&words[1..]).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_image_saved_by_us_is_unpacked_by_umoci_changed_and_taken_back() {
    if !possible(&["skopeo", "umoci"]) {
        return;
    }
    let agent = Agent::start();
    agent.ok_with_input(&["load"], &sample::archive());
    let dir = agent.directory();
    let ours = dir.join("ours.tar");
    agent.ok(&["save", "-o", ours.to_str().unwrap(), NAME]);
    let copy = |from: &str, to: &str| run(dir, &["skopeo", "--insecure-policy", "copy", "--quiet", from, to]);
    for form in ["oci-archive", "docker-archive"] {
        copy(&format!("{form}:ours.tar"), &format!("oci:layout:{form}"));
    }
    assert_eq!(
        run(dir, &["skopeo", "inspect", "--config", "oci:layout:oci-archive"]),
        run(dir, &["skopeo", "inspect", "--config", "oci:layout:docker-archive"]),
        "both faces of the archive show the same image"
    );

    run(dir, &["umoci", "unpack", "--image", "layout:oci-archive", "bundle"]);
    let data = dir.join("bundle/rootfs/data");
    assert!(!data.join("gone").exists() && !data.join("dir/old").exists(), "whiteouts were understood");
    std::fs::write(data.join("by-umoci"), "changed\n").unwrap();
    std::fs::remove_file(data.join("changed")).unwrap();
    run(dir, &["umoci", "repack", "--image", "layout:changed", "bundle"]);

    copy("oci:layout:oci-archive", "docker-archive:back.tar:back:1");
    copy("oci:layout:changed", "oci-archive:changed.tar:changed:1");
    for archive in ["back.tar", "changed.tar"] {
        agent.ok(&["load", "-i", dir.join(archive).to_str().unwrap()]);
    }
    assert_eq!(agent.ok(&["run", "--rm", "back:1"]), DESCRIPTION);
    let names = agent.ok(&["run", "--rm", "changed:1", "ls", "/data"]);
    assert!(names.contains("by-umoci") && !names.contains("changed"), "{names}");
}
