//! The privileged half of Porthole: creates containers, and nothing else.
//!
//! One thread, no network, no HTTP, no JSON. It is started by `exec` before any other thread exists, and outlives the
//! agent that asks it for containers.
#![warn(missing_docs)]

pub mod plan;
pub mod socket;
pub mod wire;
