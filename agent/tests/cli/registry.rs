//! `pull`, `push` and `run` with a real registry: Debian's `docker-registry` on loopback.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use porthole_peers::{Registry, missing};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use crate::screen::Screen;
use crate::support::{Agent, send};

/// `me` with the password `open sesame`, by bcrypt.
const PASSWORDS: &str = "me:$2b$04$X0qbJfpsynKOLTfEH0l3qutSN9M08i6PItxd5jNf8MpEcBkM2MiEC\n";

/// base64 of `me:open sesame`.
const AUTH: &str = "bWU6b3BlbiBzZXNhbWU=";

/// A registry of the test's own, one that demands a password or does not; none, told loudly, where the program is not
/// installed.
fn registry(closed: bool) -> Option<Registry> {
    if !missing(&["docker-registry"]).is_empty() {
        eprintln!("SKIPPED: this test needs docker-registry");
        return None;
    }
    let started = if closed { Registry::start_closed(PASSWORDS) } else { Registry::start() };
    Some(started.unwrap())
}

#[test]
fn an_image_goes_to_a_registry_and_comes_back() {
    let Some(registry) = registry(false) else { return };
    let (here, there) = (Agent::start(), Agent::start());
    let name = registry.name("tools:1");
    here.ok(&["tag", "busybox", &name]);
    let pushed = here.porthole(&["push", &name]);
    assert_eq!(pushed.status, 0, "{}", pushed.stderr);
    let digest = pushed.stdout.lines().next().unwrap().strip_prefix("Digest: ").unwrap().to_owned();
    assert_eq!(pushed.stdout, format!("Digest: {digest}\n{name}\n"));

    there.ok(&["rmi", "busybox"]);
    let pulled = there.porthole(&["pull", &name]);
    assert_eq!((pulled.status, &pulled.stdout), (0, &pushed.stdout), "{}", pulled.stderr);
    assert!(pulled.stderr.contains(": Pull complete\n"), "{}", pulled.stderr);
    assert_eq!(there.ok(&["run", "--rm", &name, "echo", "here"]), "here\n");
    let again = there.porthole(&["pull", &name]);
    assert!(!again.stderr.contains("Downloading"), "nothing is downloaded twice: {}", again.stderr);
    assert_eq!(there.ok(&["pull", "-q", &name]), format!("{name}\n"));
    let by_digest = format!("{}@{digest}", registry.name("tools"));
    assert_eq!(there.porthole(&["pull", &by_digest]).status, 0);

    let refused = there.porthole(&["pull", &registry.name("nothing")]);
    assert_eq!((refused.status, refused.stdout.as_str()), (1, ""));
    assert!(refused.stderr.starts_with("porthole: "), "{}", refused.stderr);
    let refused = there.porthole(&["pull", "--platform", "linux/s390x", &name]);
    assert_eq!(refused.status, 1, "{}", refused.stdout);
}

#[test]
fn run_pulls_what_is_not_here() {
    let Some(registry) = registry(false) else { return };
    let agent = Agent::start();
    let name = registry.name("tools:1");
    agent.ok(&["tag", "busybox", &name]);
    agent.ok(&["push", "-q", &name]);
    agent.ok(&["rmi", "busybox", &name]);

    let refused = agent.porthole(&["run", "--pull", "never", &name, "true"]);
    assert_eq!(refused.status, 125);
    let ran = agent.porthole(&["run", "--rm", &name, "echo", "here"]);
    assert_eq!((ran.status, ran.stdout.as_str()), (0, "here\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("is not here; pulling it"), "{}", ran.stderr);
    let ran = agent.porthole(&["run", "--rm", &name, "true"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "what is here is not pulled again");
    let ran = agent.porthole(&["run", "--rm", "--pull", "always", &name, "true"]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    assert!(!ran.stderr.contains("Downloading"), "nothing is downloaded twice: {}", ran.stderr);
    let refused = agent.porthole(&["run", "--rm", &registry.name("nothing"), "true"]);
    assert_eq!(refused.status, 125, "{}", refused.stderr);
    assert!(refused.stderr.lines().last().is_some_and(|line| !line.is_empty()), "{}", refused.stderr);
}

#[test]
fn credentials_come_from_dockers_file_and_from_its_helpers() {
    let Some(registry) = registry(true) else { return };
    let agent = Agent::start();
    let name = registry.name("tools:1");
    agent.ok(&["tag", "busybox", &name]);
    let directory = tempfile::tempdir().unwrap();
    let docker = directory.path().join("docker");
    fs::create_dir(&docker).unwrap();
    let push = |config: &str| {
        fs::write(docker.join("config.json"), config.replace("REGISTRY", &registry.address().to_string()))
            .unwrap();
        let path = format!("{}:{}", docker.display(), std::env::var("PATH").unwrap());
        let mut command = agent.command(&["push", "-q", &name]);
        let command = command.env("DOCKER_CONFIG", &docker).env("HOME", &docker).env("PATH", path);
        command.output().unwrap()
    };
    let status = |config: &str| push(config).status.code();

    assert_eq!(status("{}"), Some(1), "nobody is let in without");
    assert_eq!(
        status(r#"{"auths": {"REGISTRY": {"auth": "bWU6d3Jvbmc="}}}"#),
        Some(1),
        "nor with a wrong one"
    );
    assert_eq!(status(&format!(r#"{{"auths": {{"http://REGISTRY/v2/": {{"auth": "{AUTH}"}}}}}}"#)), Some(0));

    let answer = r#"{"ServerURL": "", "Username": "me", "Secret": "open sesame"}"#;
    let helper = |name: &str, script: &str| program(&docker, &format!("docker-credential-{name}"), script);
    helper("right", &format!("read server; test \"$server\" = {} && echo '{answer}'", registry.address()));
    helper("empty", "echo credentials not found in native keychain; exit 1");
    helper("broken", "echo open sesame; exit 1");
    assert_eq!(status(r#"{"credHelpers": {"REGISTRY": "right"}, "credsStore": "broken"}"#), Some(0));
    assert_eq!(status(r#"{"credsStore": "right"}"#), Some(0));
    let fallback = format!(r#"{{"credsStore": "empty", "auths": {{"REGISTRY": {{"auth": "{AUTH}"}}}}}}"#);
    assert_eq!(status(&fallback), Some(0), "what the helper does not have may be in the file");
    let told = push(r#"{"credsStore": "broken"}"#);
    let stderr = String::from_utf8(told.stderr).unwrap();
    assert_eq!(told.status.code(), Some(1));
    assert!(stderr.contains("docker-credential-broken") && !stderr.contains("sesame"), "{stderr}");
}

fn program(directory: &Path, name: &str, script: &str) {
    let file = directory.join(name);
    fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_terminal_shows_a_bar_for_each_layer() {
    let Some(registry) = registry(false) else { return };
    let agent = Agent::start();
    let name = registry.name("tools:1");
    agent.ok(&["tag", "busybox", &name]);
    agent.ok(&["push", "-q", &name]);
    agent.ok(&["rmi", "busybox", &name]);
    let mut screen = Screen::open(&agent, &["pull", &name]);
    screen.shows(": Pull complete");
    screen.shows("Digest: sha256:");
    screen.shows(&name);
    assert_eq!(screen.ends(), Some(0));
}

#[test]
fn ctrl_c_gives_up_and_says_what_is_kept() {
    // A registry that takes the connection and never answers: nothing else is as sure to be under way still.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("{}/tools:1", silent.local_addr().unwrap());
    let agent = Agent::start();
    let child = agent.spawn(&["pull", &name]);
    let patience = Timespec { tv_sec: 20, tv_nsec: 0 };
    let asked = poll(&mut [PollFd::new(&silent, PollFlags::IN)], Some(&patience)).unwrap();
    assert_eq!(asked, 1, "the registry is asked");
    let _connection: TcpStream = silent.accept().unwrap().0;
    send(&child, Signal::INT);
    let outcome = child.wait_with_output().unwrap();
    assert_eq!(outcome.status.code(), Some(130));
    let told = String::from_utf8(outcome.stderr).unwrap();
    assert!(told.contains("What has arrived is kept"), "{told}");
}
