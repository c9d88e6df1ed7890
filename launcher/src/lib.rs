//! The privileged half of Porthole: creates containers, and nothing else.
//!
//! One thread, no network, no HTTP, no JSON. It is started by `exec` before any other thread exists, and outlives the
//! agent that asks it for containers.
#![warn(missing_docs)]

pub mod boot;
pub mod capabilities;
mod cgroup;
mod child;
mod container;
mod disk;
mod engine;
mod facts;
#[doc(hidden)]
pub mod fuzzing;
pub mod host;
pub mod ids;
mod image_file;
mod init;
mod inspect;
mod launch;
mod net;
mod oci;
mod page;
pub mod plan;
pub mod privilege;
mod program;
mod ranges;
pub mod rootless;
mod seccomp;
pub mod server;
pub mod socket;
pub mod space;
mod spawn;
mod stage;
pub mod state;
mod store;
mod streams;
mod sys;
mod trash;
mod validate;
pub mod wire;
pub mod worker;
