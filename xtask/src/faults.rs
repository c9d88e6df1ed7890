//! `cargo xtask faults`: clients through a network that misbehaves, to an agent that is killed; nothing is lost, nothing
//! comes twice.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

/// Builds the agent and who tries it, and runs it; `arguments` are its own: `--rounds N`, `--seed N`, `--round N`.
///
/// # Errors
/// When something does not build or cannot be started.
pub fn run(arguments: &[OsString]) -> Result<ExitCode> {
    crate::run::try_by("porthole-faults", "building the network", arguments)
}
