//! A registry in the middle: what we push is pulled by the others, what they push by us.

use porthole_peers::{Docker, Engine, Podman, Registry};

use crate::possible;
use crate::sample::{self, DESCRIPTION, NAME};
use crate::support::Agent;

#[test]
fn what_we_push_docker_pulls_and_the_reverse() {
    if possible(&[&Registry::PROGRAMS[..], &Docker::PROGRAMS].concat()) {
        through_a_registry(&Docker::start().unwrap().engine, &[]);
    }
}

#[test]
fn what_we_push_podman_pulls_and_the_reverse() {
    if possible(&[&Registry::PROGRAMS[..], &Podman::PROGRAMS].concat()) {
        through_a_registry(&Podman::new().unwrap().engine, &["--tls-verify=false"]);
    }
}

/// `plain`: what the engine wants to be told before it speaks to a registry without TLS.
fn through_a_registry(engine: &Engine, plain: &[&str]) {
    let registry = Registry::start().unwrap();
    let agent = Agent::start();
    agent.ok_with_input(&["load"], &sample::archive());
    let ours = registry.name("ours:1");
    agent.ok(&["tag", NAME, &ours]);
    agent.ok(&["push", "-q", &ours]);
    engine.ok(&[&["pull"][..], plain, &[&ours]].concat()).unwrap();
    assert_eq!(engine.run(&["--rm", &ours]).unwrap(), DESCRIPTION);

    let theirs = registry.name("theirs:1");
    let change = "echo fresh > /data/fresh; rm /data/changed";
    engine.run(&["--name=work", "--user=0", &ours, "sh", "-c", change]).unwrap();
    engine.ok(&["commit", "work", &theirs]).unwrap();
    engine.ok(&["rm", "work"]).unwrap();
    engine.ok(&[&["push"][..], plain, &[&theirs]].concat()).unwrap();
    let shown = engine.run(&["--rm", "--user=0", &theirs, "ls", "-lnR", "/data"]).unwrap();
    assert!(shown.contains("fresh") && !shown.contains("changed"), "{shown}");
    agent.ok(&["pull", "-q", &theirs]);
    assert_eq!(agent.ok(&["run", "--rm", "--user=0", &theirs, "ls", "-lnR", "/data"]), shown);
}
