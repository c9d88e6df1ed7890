//! The command line against a real agent with real containers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod files;
mod images;
mod late;
mod pipes;
mod play;
mod reconnect;
mod registry;
mod run;
mod screen;
mod storage;
mod support;
mod terminal;
mod verbs;
