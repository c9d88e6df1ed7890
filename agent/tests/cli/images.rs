//! `import`, `load`, `images` and `rmi`.

use sha2::{Digest, Sha256};

use crate::support::{Agent, add_file, busybox_root};

/// What `docker save tools:1` writes: a list of images, and for each its configuration and layers.
fn saved(layer: &[u8]) -> Vec<u8> {
    let diff_id: String = Sha256::digest(layer).iter().map(|byte| format!("{byte:02x}")).collect();
    let config = serde_json::json!({
        "architecture": "amd64",
        "os": "linux",
        "config": { "Cmd": ["echo", "from the configuration"], "Env": ["PATH=/bin"] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{diff_id}")] },
    });
    let manifest =
        serde_json::json!([{ "Config": "config.json", "RepoTags": ["tools:1"], "Layers": ["layer.tar"] }]);
    let mut archive = tar::Builder::new(Vec::new());
    add_file(&mut archive, "config.json", 0o644, config.to_string().as_bytes());
    add_file(&mut archive, "layer.tar", 0o644, layer);
    add_file(&mut archive, "manifest.json", 0o644, manifest.to_string().as_bytes());
    archive.into_inner().unwrap()
}

#[test]
fn a_saved_image_is_loaded_with_its_name_and_command() {
    let agent = Agent::start();
    let archive = saved(&busybox_root());
    assert_eq!(agent.ok_with_input(&["load"], &archive), "Loaded image: tools:1\n");
    assert_eq!(agent.ok(&["run", "--rm", "tools:1"]), "from the configuration\n");
    let file = agent.directory().join("saved.tar");
    std::fs::write(&file, &archive).unwrap();
    assert_eq!(
        agent.ok(&["load", "-i", file.to_str().unwrap()]),
        "Loaded image: tools:1\n",
        "twice is no error"
    );
}

#[test]
fn an_image_comes_from_a_file_and_is_named_after_it() {
    let agent = Agent::start();
    let file = agent.directory().join("Tools-1.tar");
    std::fs::write(&file, busybox_root()).unwrap();
    let id = agent.ok(&["import", file.to_str().unwrap()]);
    assert!(id.starts_with("sha256:"), "{id}");
    assert_eq!(agent.ok(&["run", "--rm", "tools-1", "echo", "works"]), "works\n");

    let listed = agent.ok(&["images"]);
    assert!(listed.starts_with("REPOSITORY   TAG"), "{listed}");
    assert!(listed.lines().any(|line| line.starts_with("tools-1 ")), "{listed}");
    let json: serde_json::Value = serde_json::from_str(&agent.ok(&["images", "--json"])).unwrap();
    assert_eq!(json[0]["layers"].as_array().unwrap().len(), 1);
}

#[test]
fn an_image_in_use_stays_until_its_containers_are_gone() {
    let agent = Agent::start();
    agent.ok(&["run", "-d", "--name", "user", "busybox", "sleep", "60"]);
    let refused = agent.porthole(&["rmi", "busybox"]);
    assert_eq!(refused.status, 1);
    assert!(refused.stderr.starts_with("porthole: "), "{}", refused.stderr);
    agent.ok(&["rm", "-f", "user"]);
    assert!(agent.ok(&["rmi", "busybox"]).contains("Untagged: busybox:latest\n"));
    assert!(!agent.ok(&["images"]).contains("busybox"));
    assert_eq!(agent.porthole(&["run", "--pull", "never", "busybox"]).status, 125);
}

#[test]
fn what_is_no_archive_is_refused_and_leaves_nothing() {
    let agent = Agent::start();
    let before = agent.ok(&["images", "--json"]);
    let noise: Vec<u8> =
        (0..4_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24).to_le_bytes()[0]).collect();
    for arguments in [&["import", "-", "noise"][..], &["load"]] {
        let outcome = agent.porthole_with_input(arguments, &noise);
        assert_eq!(outcome.status, 1, "{arguments:?}");
        assert!(
            outcome.stderr.starts_with("porthole: ") && !outcome.stderr.contains("lost"),
            "{}",
            outcome.stderr
        );
    }
    assert_eq!(agent.ok(&["images", "--json"]), before);
}

#[test]
fn a_file_that_is_not_there_is_told_by_name() {
    let agent = Agent::start();
    let outcome = agent.porthole(&["import", "/no/such/file.tar"]);
    assert_eq!(outcome.status, 1);
    assert!(outcome.stderr.contains("'/no/such/file.tar'"), "{}", outcome.stderr);
    assert_eq!(agent.porthole(&["import", "-"]).status, 1, "standard input has no name");
}
