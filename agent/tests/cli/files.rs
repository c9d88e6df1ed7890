//! `diff`, `cp`, `export` and `commit`: what a container wrote, and the way in and out.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::support::Agent;

/// A container in which this has run.
fn container(agent: &Agent, name: &str, script: &str) {
    agent.ok(&["run", "-d", "--name", name, "busybox", "sleep", "1000"]);
    agent.ok(&["exec", name, "sh", "-c", script]);
}

/// Paths below a directory, in order.
fn listed(directory: &Path) -> Vec<String> {
    let mut waiting = vec![directory.to_owned()];
    let mut found = Vec::new();
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            found.push(path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned());
            if path.symlink_metadata().unwrap().is_dir() {
                waiting.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A new directory for the test, and the text of a path in it.
fn here(agent: &Agent) -> (PathBuf, impl Fn(&str) -> String) {
    let directory = agent.directory().join("here");
    fs::create_dir(&directory).unwrap();
    let base = directory.clone();
    (directory, move |name: &str| base.join(name).to_str().unwrap().to_owned())
}

#[test]
fn diff_tells_what_was_added_changed_and_deleted() {
    let agent = Agent::start();
    container(&agent, "box", "echo x > /etc/new; echo x >> /etc/passwd; busybox rm /bin/yes");
    assert_eq!(agent.ok(&["diff", "box"]), "C /bin\nD /bin/yes\nC /etc\nA /etc/new\nC /etc/passwd\n");
    let json: serde_json::Value = serde_json::from_str(&agent.ok(&["diff", "--json", "box"])).unwrap();
    assert_eq!((json["changes"].as_array().unwrap().len(), &json["truncated"]), (5, &false.into()));
    assert_eq!(agent.porthole(&["diff", "nobody"]).status, 1);
}

#[test]
fn what_comes_out_follows_dockers_rules() {
    let agent = Agent::start();
    let (dir, at) = here(&agent);
    container(
        &agent,
        "box",
        "busybox mkdir -p /srv/d/e; cd /srv; echo hi > d/f; busybox ln -s d l; busybox ln -s /etc/passwd d/out; busybox chmod 4750 d/f",
    );

    agent.ok(&["cp", "box:/srv/d", &at("new")]);
    assert_eq!(listed(&dir.join("new")), ["e", "f", "out"], "a new name for it");
    assert_eq!(fs::read_to_string(dir.join("new/f")).unwrap(), "hi\n");
    assert_eq!(fs::metadata(dir.join("new/f")).unwrap().mode() & 0o7777, 0o750, "no set-id bit comes out");
    assert_eq!(fs::read_link(dir.join("new/out")).unwrap(), Path::new("/etc/passwd"), "a link stays one");
    agent.ok(&["cp", "box:/srv/d", &at("new")]);
    assert_eq!(listed(&dir.join("new")), ["d", "d/e", "d/f", "d/out", "e", "f", "out"], "into what is there");
    fs::create_dir(dir.join("contents")).unwrap();
    agent.ok(&["cp", "box:/srv/d/.", &at("contents")]);
    assert_eq!(listed(&dir.join("contents")), ["e", "f", "out"]);
    agent.ok(&["cp", "box:srv/d/f", &at("file")]);
    agent.ok(&["cp", "-a", "box:/srv/d/f", &at("file")]);
    assert_eq!(
        fs::metadata(dir.join("file")).unwrap().mode() & 0o7777,
        0o4750,
        "-a keeps it, on top of a file"
    );
    agent.ok(&["cp", "box:/srv/l", &at("link")]);
    assert_eq!(fs::read_link(dir.join("link")).unwrap(), Path::new("d"));
    agent.ok(&["cp", "-L", "box:/srv/l", &at("followed")]);
    assert_eq!(listed(&dir.join("followed")), ["e", "f", "out"]);

    for (source, destination, why) in [
        ("box:/no/such", "x", "no/such"),
        ("box:/srv/d/f", "nowhere/", "no directory"),
        ("box:/srv/d/f", "nowhere/x", "nowhere"),
        ("box:/srv/d/f/.", "x", "no directory"),
        ("box:/srv/d", "file", "no directory"),
        ("nobody:/srv", "x", "nobody"),
    ] {
        let outcome = agent.porthole(&["cp", source, &at(destination)]);
        assert_eq!(outcome.status, 1, "{source} to {destination}");
        assert!(outcome.stderr.contains(why), "{source} to {destination}: {}", outcome.stderr);
    }
}

#[test]
fn what_goes_in_follows_dockers_rules() {
    let agent = Agent::start();
    let (dir, at) = here(&agent);
    fs::create_dir_all(dir.join("tree/sub")).unwrap();
    fs::write(dir.join("tree/sub/file"), "text").unwrap();
    fs::write(dir.join("one"), "1").unwrap();
    fs::set_permissions(dir.join("one"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("one", dir.join("link")).unwrap();
    container(&agent, "box", "busybox ln -s /tmp /root/way; echo old > /tmp/old");
    let inside = |script: &str| agent.ok(&["exec", "box", "sh", "-c", script]);

    agent.ok(&["cp", &at("tree"), "box:/tmp"]);
    agent.ok(&["cp", &at("tree/."), "box:/tmp/new"]);
    agent.ok(&["cp", &at("tree/."), "box:/root"]);
    assert_eq!(inside("cat /tmp/tree/sub/file /tmp/new/sub/file /root/sub/file"), "texttexttext");
    agent.ok(&["cp", &at("one"), "box:/tmp/renamed"]);
    agent.ok(&["cp", &at("one"), "box:tmp/old"]);
    assert_eq!(inside("cat /tmp/old; busybox stat -c ' %a %u:%g' /tmp/renamed"), "1 640 0:0\n");
    agent.ok(&["cp", &at("one"), "box:/root/way"]);
    agent.ok(&["cp", &at("link"), "box:/tmp/link"]);
    agent.ok(&["cp", "-L", &at("link"), "box:/tmp/followed"]);
    assert_eq!(inside("cat /tmp/one; busybox readlink /tmp/link; cat /tmp/followed"), "1one\n1");

    for (source, destination, why) in [
        ("one", "box:/no/such", "/no"),
        ("one", "box:/tmp/nowhere/", "no directory"),
        ("tree", "box:/tmp/old", "no directory"),
        ("one/.", "box:/tmp", "one"),
        ("missing", "box:/tmp", "missing"),
        ("one", "box:/proc", "mounted over"),
    ] {
        let outcome = agent.porthole(&["cp", &at(source), destination]);
        assert_eq!(outcome.status, 1, "{source} to {destination}");
        assert!(outcome.stderr.contains(why), "{source} to {destination}: {}", outcome.stderr);
    }
    for (source, destination) in [("a", "b"), ("box:/a", "box:/b"), ("-", "-")] {
        assert_eq!(agent.porthole(&["cp", source, destination]).status, 1, "{source} to {destination}");
    }
}

#[test]
fn archives_pass_through_standard_input_and_output() {
    let agent = Agent::start();
    container(&agent, "from", "busybox mkdir /srv; echo hi > /srv/f");
    container(&agent, "to", "true");
    let mut out = agent.spawn(&["cp", "from:/srv", "-"]);
    let into = agent.command(&["cp", "-", "to:/tmp"]).stdin(out.stdout.take().unwrap()).status().unwrap();
    assert!(into.success() && out.wait().unwrap().success());
    assert_eq!(agent.ok(&["exec", "to", "cat", "/tmp/srv/f"]), "hi\n");
    let refused = agent.porthole_with_input(&["cp", "-", "to:/tmp"], &[b'x'; 4096]);
    assert_eq!(refused.status, 1, "what is no archive is refused: {}", refused.stderr);
}

#[test]
fn a_large_tree_goes_in_and_comes_out_unchanged() {
    let agent = Agent::start();
    let (dir, at) = here(&agent);
    container(&agent, "box", "true");
    fs::create_dir(dir.join("tree")).unwrap();
    for number in 0..40u8 {
        let content: Vec<u8> = (0..200_000u32).map(|place| place.to_le_bytes()[1] ^ number).collect();
        fs::write(dir.join(format!("tree/{number}")), content).unwrap();
    }
    agent.ok(&["cp", &at("tree"), "box:/root/tree"]);
    agent.ok(&["cp", "box:/root/tree", &at("back")]);
    for number in 0..40 {
        let side = |tree: &str| fs::read(dir.join(format!("{tree}/{number}"))).unwrap();
        assert!(side("tree") == side("back"), "{number}");
    }
}

#[test]
fn a_root_file_system_is_exported_and_can_be_imported_again() {
    let agent = Agent::start();
    let (dir, at) = here(&agent);
    container(&agent, "box", "echo mine > /root/note");
    agent.ok(&["export", "-o", &at("root.tar"), "box"]);
    agent.ok(&["import", &at("root.tar"), "again"]);
    assert_eq!(agent.ok(&["run", "--rm", "again", "cat", "/root/note"]), "mine\n");
    let refused = agent.porthole(&["export", "-o", &at("x.tar"), "nobody"]);
    assert_eq!(refused.status, 1);
    assert_eq!(listed(&dir), ["root.tar"], "what failed leaves no file");
}

#[test]
fn a_commit_is_an_image_of_what_the_container_wrote() {
    let agent = Agent::start();
    container(&agent, "box", "echo mine > /root/note");
    let changes = [r#"CMD ["cat", "/root/note"]"#, "ENV A=1"];
    let id = agent
        .ok(&["commit", "-m", "a note", "-a", "Ada", "-c", changes[0], "-c", changes[1], "box", "noted:1"]);
    assert!(id.starts_with("sha256:"), "{id}");
    assert_eq!(agent.ok(&["run", "--rm", "noted:1"]), "mine\n");
    assert_eq!(agent.ok(&["run", "--rm", "noted:1", "sh", "-c", "echo $A"]), "1\n");
    let history = agent.ok(&["history", "noted:1"]);
    assert!(history.contains("a note"), "{history}");
    let steps: serde_json::Value =
        serde_json::from_str(&agent.ok(&["history", "--json", "noted:1"])).unwrap();
    assert!(steps.as_array().unwrap().len() >= 2, "{steps}");
    assert_eq!(
        agent.porthole(&["commit", "-c", "RUN true", "box"]).status,
        1,
        "only the configuration changes"
    );
}
