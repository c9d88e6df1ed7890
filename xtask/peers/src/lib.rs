//! Docker, Podman and a registry as tests and benchmarks start them: the programs of Debian's packages, each with
//! directories of its own and without a network, and nothing left of them afterwards.

mod docker;
mod engine;
mod podman;
mod process;
mod registry;

pub use docker::Docker;
pub use engine::{Engine, missing};
pub use podman::Podman;
pub use registry::Registry;
