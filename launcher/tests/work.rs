//! Jobs in a jail, on the real kernel: what they are shown of images and containers, and that they reach nothing else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::io::{PipeWriter, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;

use porthole_launcher::wire::{Failure, FailureKind, LaunchRequest, Message, Place, Reply, RequestBody};
use support::{BUSYBOX, Launcher, eventually, on_pipes, possible, read_all, shell};

/// An id that no other test has.
fn id(launcher: &Launcher) -> String {
    format!("{:012x}", launcher.process.id())
}

/// Starts a job and returns what to write to it, and to read from it.
fn begin(launcher: &mut Launcher, place: Place, pause: bool, script: &str) -> (u32, PipeWriter, OwnedFd) {
    let (input, ours) = std::io::pipe().unwrap();
    let (theirs, output) = std::io::pipe().unwrap();
    let body = RequestBody::Work { place, pause, job: script.into() };
    let seq = launcher.send_beside(body, &[input.as_fd(), output.as_fd()]);
    (seq, ours, theirs.into())
}

fn outcome(launcher: &mut Launcher, job: u32) -> Result<(), Failure> {
    loop {
        match launcher.receive() {
            (Message::Reply { seq, reply: Reply::Done }, _) if seq == job => return Ok(()),
            (Message::Reply { seq, reply: Reply::Failed(failure) }, _) if seq == job => return Err(failure),
            (Message::Event(event), _) => launcher.events.push(event),
            (other, _) => panic!("{other:?}"),
        }
    }
}

/// The same on a place of this launcher's container.
fn at(
    launcher: &mut Launcher,
    place: fn(&Launcher) -> Place,
    script: &str,
    input: &str,
) -> Result<String, Failure> {
    let place = place(launcher);
    work(launcher, place, script, input)
}

/// Starts a job on what the container has written.
fn begin_at(launcher: &mut Launcher, pause: bool, script: &str) -> (u32, PipeWriter, OwnedFd) {
    let place = stack(launcher);
    begin(launcher, place, pause, script)
}

fn work(launcher: &mut Launcher, place: Place, script: &str, input: &str) -> Result<String, Failure> {
    let (job, mut ours, theirs) = begin(launcher, place, false, script);
    // Refused without being read, when it is.
    let _ = ours.write_all(input.as_bytes());
    drop(ours);
    let said = read_all(theirs);
    outcome(launcher, job).map(|()| said)
}

fn stack(launcher: &Launcher) -> Place {
    Place::Stack { container: id(launcher) }
}

fn root(launcher: &Launcher) -> Place {
    Place::Root { container: id(launcher) }
}

fn running(launcher: &mut Launcher, script: &str) -> (u32, Vec<OwnedFd>) {
    let request = LaunchRequest { process: on_pipes(&["sh", "-c", script]), ..shell(&id(launcher)) };
    match launcher.ask(RequestBody::Launch(Box::new(request))) {
        (Reply::Launched { pid, .. }, fds) => (pid, fds),
        other => panic!("{other:?}"),
    }
}

/// A file of a running container, as the host reaches it.
fn inside((pid, _): &(u32, Vec<OwnedFd>), name: &str) -> std::path::PathBuf {
    format!("/proc/{pid}/root/{name}").into()
}

#[test]
fn a_job_sees_layers_and_what_was_written_and_cannot_change_them() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let layers = Place::Layers(vec![BUSYBOX.into()]);
    assert_eq!(work(&mut launcher, layers.clone(), "roots\nowner 0 etc", "").unwrap(), "1\n0\n");
    let failure = work(&mut launcher, layers, "put 0 etc/passwd", "x").unwrap_err();
    assert!(failure.message.contains("Read-only"), "{failure:?}");

    let container = running(&mut launcher, "echo hello > /new; rm /etc/passwd; sleep 1000");
    eventually("it has written", || inside(&container, "etc/passwd").symlink_metadata().is_err());
    assert_eq!(at(&mut launcher, stack, "roots\nnames 0\ncat 0 new", "").unwrap(), "2\netc new\nhello\n\n");
    assert!(at(&mut launcher, stack, "put 0 new", "x").unwrap_err().message.contains("Read-only"));
}

#[test]
fn a_job_sees_a_root_as_the_container_does_and_writes_as_its_root() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let container = running(
        &mut launcher,
        "rm /etc/passwd; until [ -s /given ]; do :; done; cat /given > /taken; sleep 1000",
    );
    eventually("it has written", || inside(&container, "etc/passwd").symlink_metadata().is_err());
    assert!(!at(&mut launcher, root, "names 0", "").unwrap().contains("given"));
    assert!(at(&mut launcher, root, "cat 0 etc/passwd", "").is_err(), "what was deleted is not there");
    assert_eq!(at(&mut launcher, root, "put 0 given\nowner 0 given", "hello").unwrap(), "5\n0\n");
    eventually("the container has read it", || {
        fs::read_to_string(inside(&container, "taken")).is_ok_and(|text| text == "hello")
    });
    let host = at(&mut launcher, root, "cat 0 ../../../../../../etc/hostname", "");
    let name = fs::read_to_string("/etc/hostname").unwrap_or_default();
    assert!(host.as_ref().map_or(true, |text| !text.contains(name.trim())), "{host:?}");
}

#[test]
fn what_an_ended_container_has_left_is_still_shown() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let _container = running(&mut launcher, "echo hello > /new; rm -r /etc");
    let id = id(&launcher);
    launcher.ended(&id);
    let names = at(&mut launcher, root, "names 0\ncat 0 new\nowner 0 new", "").unwrap();
    assert_eq!(names, "bin dev new proc root sys tmp\nhello\n\n0\n");
    assert!(at(&mut launcher, root, "put 0 new", "x").unwrap_err().message.contains("Read-only"));
    assert_eq!(at(&mut launcher, stack, "names 0", "").unwrap(), "etc new\n");
    launcher.ask(RequestBody::Remove { container: id });
    assert_eq!(at(&mut launcher, stack, "names 0", "").unwrap_err().kind, FailureKind::NoSuchContainer);
    launcher.assert_settled();
}

#[test]
fn a_paused_container_stands_still_until_its_job_is_done() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let container = running(&mut launcher, "while :; do echo x >> /growing; done");
    eventually("it writes", || inside(&container, "growing").exists());
    let length = || fs::metadata(inside(&container, "growing")).unwrap().len();
    let (job, input, _output) = begin_at(&mut launcher, true, "wait");
    let stands_still = |pauses| {
        let before = length();
        (0..pauses).all(|_| {
            let _ = rustix::thread::nanosleep(&rustix::time::Timespec { tv_sec: 0, tv_nsec: 10_000_000 });
            length() == before
        })
    };
    eventually("it stands still", || stands_still(5));
    assert!(stands_still(20));
    let before = length();
    // A second job may look, but not freeze it again.
    assert_eq!(at(&mut launcher, stack, "names 0", "").unwrap(), "growing\n");
    let (second, ..) = begin_at(&mut launcher, true, "wait");
    assert_eq!(outcome(&mut launcher, second).unwrap_err().kind, FailureKind::InUse);
    drop(input);
    outcome(&mut launcher, job).unwrap();
    eventually("it goes on", || length() > before);
    assert!(!frozen(&id(&launcher)));
}

/// Whether a cgroup of version 1 or 2 says that the container is.
fn frozen(id: &str) -> bool {
    let files = |name| format!("/sys/fs/cgroup -path */{id}/{name}");
    [files("freezer.state"), files("cgroup.freeze")].iter().any(|arguments| {
        let found = Command::new("find").args(arguments.split(' ')).output().unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        let state = |file| fs::read_to_string(file).unwrap_or_default();
        found.lines().any(|file| matches!(state(file).trim(), "FROZEN" | "1"))
    })
}

#[test]
fn the_frozen_can_be_killed_and_a_new_launcher_thaws_what_the_last_one_froze() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let id = id(&launcher);
    let _container = running(&mut launcher, "while :; do sleep 1; done");
    let (job, input, _output) = begin_at(&mut launcher, true, "wait");
    eventually("it is frozen", || frozen(&id));
    launcher.ask(RequestBody::Kill { container: id.clone() });
    launcher.ended(&id);
    drop(input);
    outcome(&mut launcher, job).unwrap();
    launcher.ask(RequestBody::Remove { container: id.clone() });

    let (pid, _fds) = running(&mut launcher, "while :; do sleep 1; done");
    let _paused = begin_at(&mut launcher, true, "wait");
    eventually("it is frozen", || frozen(&id));
    launcher.restart();
    eventually("the container is dead", || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        status.is_empty() || status.contains("State:\tZ")
    });
    launcher.ask(RequestBody::List { after: None });
    eventually("no freezer is left", || !frozen(&id));
}

#[test]
fn a_taken_over_job_reaches_nothing() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let _container = running(&mut launcher, "sleep 1000");
    for place in [Place::Layers(vec![BUSYBOX.into()]), stack(&launcher), root(&launcher)] {
        for attempt in
            ["read /etc/passwd", "read /proc/self/status", "write /x", "connect", "send", "device d"]
        {
            let failure = work(&mut launcher, place.clone(), attempt, "").unwrap_err();
            assert_eq!(failure.kind, FailureKind::BadRequest, "{place:?} {attempt}: {failure:?}");
        }
        let failure = work(&mut launcher, place.clone(), "panic", "").unwrap_err();
        assert_eq!(failure.kind, FailureKind::Internal, "{failure:?}");
        assert!(work(&mut launcher, place, "list / 0\nroots", "").is_ok(), "the same job, behaving");
    }
}

#[test]
fn a_job_for_nobody_ends() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let _container = running(&mut launcher, "sleep 1000");
    // The container's two; for a while, children that make spare disks are beside them.
    eventually("nothing else is done", || launcher.descendants().len() == 2);
    let (_job, input, _output) = begin_at(&mut launcher, false, "wait");
    eventually("it waits", || launcher.descendants().len() == 3);
    launcher.reconnect();
    drop(input);
    eventually("it has ended", || launcher.descendants().len() == 2);
    assert_eq!(at(&mut launcher, stack, "roots", "").unwrap(), "2\n");
}
