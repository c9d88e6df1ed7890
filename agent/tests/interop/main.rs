//! Images that go to Docker, Podman, skopeo and umoci and come back, each of them the real program in directories of its
//! own: what they make of our images, and we of theirs, describes itself in the same words.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

#[path = "../cli/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod support;

mod engines;
mod registry;
mod sample;
mod tools;

/// Whether this can be tested: as root, with these programs. Says so when not.
fn possible(programs: &[&str]) -> bool {
    let root = rustix::process::geteuid().is_root();
    let missing = porthole_peers::missing(programs);
    if !root {
        eprintln!("SKIPPED: other engines are tested as root");
    } else if !missing.is_empty() {
        eprintln!("SKIPPED: not installed: {missing:?}; `cargo xtask test` installs them where it can");
    }
    root && missing.is_empty()
}
