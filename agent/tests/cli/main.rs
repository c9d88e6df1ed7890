//! The command line against a real agent with real containers.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod images;
mod pipes;
mod run;
mod support;
mod terminal;
mod verbs;
