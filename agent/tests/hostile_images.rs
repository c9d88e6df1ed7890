//! Hostile images on the way that a client's upload takes: agent, launcher, the jailed worker. Each is refused with a
//! sentence or contained, and leaves nothing behind.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![allow(unreachable_pub, dead_code, reason = "the crafted archives are another test's as well")]

#[path = "image/catalogue.rs"]
mod catalogue;
#[path = "image/craft.rs"]
mod craft;
mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use catalogue::Outcome;
use craft::Craft;
use porthole::image::Digest;
use porthole_protocol::image::ImageSummary;
use support::{Agent, Response, possible};

/// What anybody may write to, beside the state directory and below `/tmp`: nothing but the jail protects them.
struct Canaries(Vec<PathBuf>);

impl Canaries {
    fn beside(state: &Path) -> Self {
        let beside = state.parent().unwrap();
        fs::set_permissions(beside, Permissions::from_mode(0o777)).unwrap();
        fs::create_dir(beside.join("out")).unwrap();
        fs::set_permissions(beside.join("out"), Permissions::from_mode(0o777)).unwrap();
        let files: Vec<_> = ["canary", "out/canary"].map(|name| beside.join(name)).into();
        for file in &files {
            fs::write(file, "untouched").unwrap();
            fs::set_permissions(file, Permissions::from_mode(0o666)).unwrap();
        }
        Self(files)
    }

    #[track_caller]
    fn check(&self, what: &str) {
        for file in &self.0 {
            assert_eq!(fs::read(file).unwrap(), b"untouched", "{what}");
            assert_eq!(fs::metadata(file).unwrap().mode() & 0o7777, 0o666, "{what}");
        }
        let beside = self.0[0].parent().unwrap();
        assert_eq!(fs::read_dir(beside).unwrap().count(), 3, "{what}: canary, out and state");
        assert_eq!(fs::read_dir(beside.join("out")).unwrap().count(), 1, "{what}");
    }
}

async fn import(agent: &Agent, archive: &[u8]) -> Response {
    agent.request("POST", "/api/v1/images/import?name=hostile", &[], archive).await
}

/// Names of the layers on disk, sorted.
fn layers(agent: &Agent) -> Vec<String> {
    let entries = fs::read_dir(agent.state().join("layers")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Files of the store's blobs and partial files.
fn blobs(agent: &Agent) -> usize {
    let images = agent.state().join("agent/images");
    let count = |name| fs::read_dir(images.join(name)).unwrap().count();
    count("blobs/sha256") + count("partial")
}

#[track_caller]
fn refused(what: &str, response: &Response, why: &str) {
    let body = String::from_utf8_lossy(&response.body);
    assert!((400..500).contains(&response.status), "{what}: {} {body}", response.status);
    response.code();
    let said: serde_json::Value = response.json();
    assert!(said["message"].as_str().unwrap().contains(why), "{what}: {body} instead of {why:?}");
}

#[tokio::test]
async fn every_row_of_the_catalogue_is_refused_or_contained() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let canaries = Canaries::beside(&agent.state());
    let (clean, files) = (layers(&agent), blobs(&agent));
    for (what, archive, outcome) in catalogue::rows() {
        let response = import(&agent, &archive).await;
        match outcome {
            Outcome::Refused(why) => {
                refused(what, &response, why);
                assert_eq!((layers(&agent), blobs(&agent)), (clean.clone(), files), "{what}");
            }
            Outcome::Holds(names) => {
                assert_eq!(response.status, 200, "{what}: {}", String::from_utf8_lossy(&response.body));
                let layer = agent.state().join("layers").join(Digest::of(&archive).hex());
                assert_eq!(contents(&layer), names, "{what}");
                let gone = agent.request("DELETE", "/api/v1/images?name=hostile", &[], b"").await;
                assert_eq!((gone.status, layers(&agent)), (200, clean.clone()), "{what}");
            }
        }
        canaries.check(what);
    }
    let left: Vec<ImageSummary> = agent.get("/images").await;
    assert!(left.iter().all(|image| image.names.iter().all(|name| !name.contains("hostile"))), "{left:?}");
}

/// Paths below a layer's directory, sorted. Nothing in it belongs to anybody of the host, and no device is more than a
/// whiteout.
fn contents(layer: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut open = vec![layer.to_owned()];
    let store = fs::metadata(layer).unwrap().uid();
    assert!(store >= 65_536, "root of the layer is nobody of the host");
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            assert!((store..store + 65_536).contains(&meta.uid()), "{}", path.display());
            assert!((store..store + 65_536).contains(&meta.gid()), "{}", path.display());
            assert_eq!(meta.rdev(), 0, "{}", path.display());
            names.push(path.strip_prefix(layer).unwrap().to_str().unwrap().to_owned());
            if meta.is_dir() {
                open.push(path);
            }
        }
    }
    names.sort();
    names
}

#[tokio::test]
async fn bombs_end_before_they_fill_the_disk() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let (clean, files) = (layers(&agent), blobs(&agent));
    // Zstandard: a block with a header, then blocks of 4 bytes for 128 KiB each.
    let header = Craft::new().member(b'0', "zeros", "", b"", |header| header.set_size(128 << 20)).cut();
    let block = |kind: u32, length: u32| (kind << 1 | length << 3).to_le_bytes()[..3].to_vec();
    let zeros = [block(1, 128 << 10), vec![0]].concat().repeat(1024);
    let bomb = [b"\x28\xb5\x2f\xfd\x00\x58".to_vec(), block(0, 512), header, zeros].concat();
    let skippable = b"\x50\x2a\x4d\x18\xff\xff\xff\xffabc";
    // A window of 512 MiB.
    let window = b"\x28\xb5\x2f\xfd\x00\x98\x01\x00\x00";
    for (what, archive, why) in [
        ("a bomb", &bomb[..], "more than 1000 times"),
        ("a window", window, "window"),
        ("half a skippable frame", skippable, ""),
        ("xz", b"\xfd7zXZ\0", "xz or bzip2"),
        ("half a gzip header", b"\x1f\x8b\x08", ""),
    ] {
        refused(what, &import(&agent, archive).await, why);
        assert_eq!((layers(&agent), blobs(&agent)), (clean.clone(), files), "{what}");
    }
}

#[tokio::test]
async fn a_setuid_program_of_an_image_is_nothing_to_the_host() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let capability =
        b"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    let archive = Craft::new()
        .pax(&[("SCHILY.xattr.security.capability", &capability[..20])])
        .member(b'0', "su", "", b"#!/bin/sh\n", |header| header.set_mode(0o6755))
        .end();
    assert_eq!(import(&agent, &archive).await.status, 200);
    let program = agent.state().join("layers").join(Digest::of(&archive).hex()).join("su");
    let meta = fs::metadata(&program).unwrap();
    assert_eq!(meta.mode() & 0o7777, 0o6755, "containers see it as it was made");
    assert!(meta.uid() >= 65_536 && meta.gid() >= 65_536);
    assert_eq!(
        fs::metadata(agent.state().join("layers")).unwrap().mode() & 0o777,
        0o700,
        "and nobody else does"
    );
    // A capability that was set in the jail names the jail's root, so that the host's kernel heeds it for nobody else
    // (`capabilities(7)`, "Namespaced file capabilities"): revision 3, with the id on disk.
    let mut value = [0; 64];
    let length = rustix::fs::lgetxattr(&program, "security.capability", &mut value).unwrap();
    let root = u32::from_le_bytes(value[20..24].try_into().unwrap());
    assert_eq!((length, value[3], root), (24, 3, meta.uid()));
}
