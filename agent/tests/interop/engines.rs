//! Docker and Podman: the same exchange with each.

use porthole_peers::{Docker, Engine, Podman};

use crate::possible;
use crate::sample::{self, DESCRIPTION, NAME};
use crate::support::Agent;

/// Changes what the sample describes, in each way that a layer can tell: added, changed, removed, replaced.
const CHANGE: &str = "echo more > /data/more; echo again >> /data/changed; rm /data/link; rm -r /data/dir; \
                      mkdir -m 700 /data/dir; echo fresh > /data/dir/fresh";

#[test]
fn what_we_save_and_commit_runs_in_docker() {
    if possible(&Docker::PROGRAMS) {
        saved_by_us(&Docker::start().unwrap().engine);
    }
}

#[test]
fn what_we_save_and_commit_runs_in_podman() {
    if possible(&Podman::PROGRAMS) {
        saved_by_us(&Podman::new().unwrap().engine);
    }
}

#[test]
fn what_docker_makes_of_an_image_runs_here() {
    if possible(&Docker::PROGRAMS) {
        made_by_them(&Docker::start().unwrap().engine, &[&[]]);
    }
}

#[test]
fn what_podman_makes_of_an_image_runs_here() {
    if possible(&Podman::PROGRAMS) {
        made_by_them(&Podman::new().unwrap().engine, &[&[], &["--format=oci-archive"]]);
    }
}

fn saved_by_us(engine: &Engine) {
    let agent = Agent::start();
    agent.ok_with_input(&["load"], &sample::archive());
    assert_eq!(agent.ok(&["run", "--rm", NAME]), DESCRIPTION);

    let saved = agent.directory().join("ours.tar");
    let saved = saved.to_str().unwrap();
    agent.ok(&["save", "-o", saved, NAME]);
    assert!(engine.ok(&["load", "-i", saved]).unwrap().contains(NAME), "it has its name there as well");
    assert_eq!(engine.run(&["--rm", NAME]).unwrap(), DESCRIPTION);
    assert_eq!(engine.id(NAME).unwrap(), id(&agent, NAME), "and it is the same image");

    agent.ok(&["run", "--name", "work", "--user=0", NAME, "sh", "-c", CHANGE]);
    agent.ok(&["commit", "work", "committed:1"]);
    let ours = agent.ok(&["run", "--rm", "--user=0", "committed:1", "ls", "-lnR", "/data"]);
    assert!(ours.contains("fresh") && !ours.contains("link"), "{ours}");
    agent.ok(&["save", "-o", saved, "committed:1"]);
    engine.ok(&["load", "-i", saved]).unwrap();
    assert_eq!(engine.run(&["--rm", "--user=0", "committed:1", "ls", "-lnR", "/data"]).unwrap(), ours);
}

/// `forms`: options of `save`, for each form of archive that it knows.
fn made_by_them(engine: &Engine, forms: &[&[&str]]) {
    let agent = Agent::start();
    engine.ok_with_input(&["load"], &sample::archive()).unwrap();
    for form in forms {
        let saved = agent.directory().join("theirs.tar");
        let saved = saved.to_str().unwrap();
        engine.ok(&[&["save"][..], form, &["-o", saved, NAME]].concat()).unwrap();
        agent.ok(&["load", "-i", saved]);
        std::fs::remove_file(saved).unwrap();
        let name = name_here(&agent);
        assert_eq!(agent.ok(&["run", "--rm", &name]), DESCRIPTION);
        // Another form has another configuration, and that another digest.
        if form.is_empty() {
            assert_eq!(id(&agent, &name), engine.id(NAME).unwrap());
        }
        agent.ok(&["rmi", &name]);
    }

    engine.run(&["--name=work", "--user=0", NAME, "sh", "-c", CHANGE]).unwrap();
    engine.ok(&["commit", "work", "changed:1"]).unwrap();
    let theirs = engine.run(&["--rm", "--user=0", "changed:1", "ls", "-lnR", "/data"]).unwrap();
    assert!(theirs.contains("fresh") && !theirs.contains("link"), "{theirs}");

    let committed = agent.directory().join("changed.tar");
    let committed = committed.to_str().unwrap();
    engine.ok(&["save", "-o", committed, "changed:1"]).unwrap();
    agent.ok(&["load", "-i", committed]);
    let name = name_here(&agent);
    assert_eq!(agent.ok(&["run", "--rm", "--user=0", &name, "ls", "-lnR", "/data"]), theirs);

    let exported = agent.directory().join("exported.tar");
    engine.ok(&["export", "-o", exported.to_str().unwrap(), "work"]).unwrap();
    agent.ok(&["import", exported.to_str().unwrap(), "exported"]);
    assert_eq!(agent.ok(&["run", "--rm", "exported", "ls", "-lnR", "/data"]), theirs);
    engine.ok(&["rm", "work"]).unwrap();
}

/// The one image that is not busybox. Podman puts `localhost/` before the names it gives.
fn name_here(agent: &Agent) -> String {
    let images: serde_json::Value = serde_json::from_str(&agent.ok(&["images", "--json"])).unwrap();
    // One that has lost its name to another has none.
    let names = images.as_array().unwrap().iter().filter_map(|image| image["names"][0].as_str());
    let mut theirs = names.filter(|name| !name.starts_with("busybox") && !name.starts_with("exported"));
    theirs.next_back().unwrap().to_owned()
}

fn id(agent: &Agent, image: &str) -> String {
    let images: serde_json::Value = serde_json::from_str(&agent.ok(&["images", "--json"])).unwrap();
    let mut images = images.as_array().unwrap().iter();
    let found = images.find(|known| known["names"].as_array().unwrap().iter().any(|name| name == image));
    bare(found.unwrap()["id"].as_str().unwrap()).to_owned()
}

fn bare(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}
