//! The jail in which layers are unpacked, on the real kernel: what its inhabitant can do, and what is left of it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use porthole_launcher::wire::{Failure, FailureKind, Reply, RequestBody};
use support::{Launcher, possible};

const LAYER: &str = "1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a";
const STORE: u32 = 524_288;

fn unpack(launcher: &mut Launcher, script: &str) -> Result<u64, Failure> {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(script.as_bytes()).unwrap();
    drop(writer);
    match launcher.ask_with(RequestBody::Unpack { layer: LAYER.into() }, &[reader.as_fd()]).0 {
        Reply::Unpacked(unpacked) => Ok(unpacked.entries),
        Reply::Failed(failure) => Err(failure),
        other => panic!("{other:?}"),
    }
}

/// Names in the layers' directory, but for the test's own.
fn layers(launcher: &Launcher) -> Vec<String> {
    let entries = fs::read_dir(launcher.state.path().join("layers")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != support::BUSYBOX).collect()
}

#[test]
fn what_is_unpacked_belongs_to_ids_that_nobody_runs_as() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let script = "write /a\nwrite b\nown b 1000\nwhiteout c\n";
    assert_eq!(unpack(&mut launcher, script), Ok(4));
    let layer = launcher.state.path().join("layers").join(LAYER);
    for (name, owner) in [("", STORE), ("a", STORE), ("b", STORE + 1000), ("c", STORE)] {
        assert_eq!(fs::symlink_metadata(layer.join(name)).unwrap().uid(), owner, "{name:?}");
    }
    assert_eq!(layers(&launcher), [LAYER]);
}

#[test]
fn a_layer_that_exists_is_not_unpacked_again() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    assert_eq!(unpack(&mut launcher, "write a\n"), Ok(1));
    assert_eq!(unpack(&mut launcher, "write b\n").unwrap_err().kind, FailureKind::InUse);
    assert!(!launcher.state.path().join("layers").join(LAYER).join("b").exists());
}

#[test]
fn a_taken_over_worker_reaches_nothing_and_leaves_nothing() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    for attempt in [
        "read /etc/passwd",
        "read ../../../../etc/passwd",
        "list / 0\nread /proc/self/status",
        "connect",
        "send",
        "device d",
        "own nothing 1",
        "allocate",
        "panic",
    ] {
        let failure = unpack(&mut launcher, &format!("{attempt}\n")).unwrap_err();
        assert_eq!(failure.kind, FailureKind::BadArchive, "{attempt}: {failure:?}");
        assert_eq!(layers(&launcher), [""; 0], "{attempt}");
    }
    // The same worker does its work when it behaves, so none of the above failed for another reason.
    assert_eq!(unpack(&mut launcher, "list / 0\nwrite d\nlist / 1\n"), Ok(3));
}

#[test]
fn an_endless_worker_dies_with_the_launcher_and_the_next_one_cleans_up() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"write a\nspin\n").unwrap();
    drop(writer);
    let body = RequestBody::Unpack { layer: LAYER.into() };
    launcher.send_beside(body, &[reader.as_fd()]);
    let partial = format!(".partial-{LAYER}-");
    support::eventually("the worker works", || {
        let unfinished = layers(&launcher).into_iter().find(|name| name.starts_with(&partial));
        unfinished.is_some_and(|name| launcher.state.path().join("layers").join(name).join("a").exists())
    });
    let mut worker = 0;
    support::eventually("nobody but the worker is at work", || {
        let workers = launcher.descendants();
        worker = workers[0];
        workers.len() == 1
    });
    assert_eq!(layers(&launcher).len(), 1);
    launcher.restart();
    launcher.ask(RequestBody::List { after: None });
    assert_eq!(layers(&launcher), [""; 0]);
    // The kernel has sent the signal; a busy machine may take a moment to deliver it.
    support::eventually("the worker is gone", || {
        let status = fs::read_to_string(format!("/proc/{worker}/status")).unwrap_or_default();
        status.is_empty() || status.contains("State:\tZ")
    });
}
