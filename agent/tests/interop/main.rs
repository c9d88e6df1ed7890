//! Images that go to Docker, Podman, skopeo and umoci and come back, each of them the real program in directories of its
//! own: what they make of our images, and we of theirs, describes itself in the same words.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

#[path = "../cli/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod support;

mod docker;
mod engine;
mod engines;
mod podman;
mod sample;
mod tools;
