//! The privileged half of Porthole: creates containers, and nothing else.
//!
//! One thread, no network, no HTTP, no JSON. It is started by `exec` before any other thread exists, and outlives the
//! agent that asks it for containers.
#![warn(missing_docs)]

pub mod capabilities;
mod child;
mod container;
mod engine;
mod facts;
mod init;
mod launch;
mod page;
pub mod plan;
mod program;
mod ranges;
mod seccomp;
pub mod server;
pub mod socket;
mod spawn;
mod stage;
mod store;
mod streams;
mod sys;
mod validate;
pub mod wire;
