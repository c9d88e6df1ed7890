//! `import`, `load`, `images` and `rmi`.

use crate::support::{Agent, busybox_root};

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
    assert_eq!(agent.porthole(&["run", "busybox"]).status, 125);
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
