//! `cargo xtask faults`: clients through a network that misbehaves, to an agent that is killed; nothing is lost, nothing
//! comes twice.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::step::{quietly, step};
use crate::workspace::{root, target};

/// Builds the agent and who tries it, and runs it; `arguments` are its own: `--rounds N`, `--seed N`, `--round N`.
///
/// # Errors
/// When something does not build or cannot be started.
pub fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let porthole = crate::run::build()?;
    step("building the network", || {
        quietly(Command::new("cargo").args(["build", "--package", "porthole-faults"]).current_dir(root()))
    })?;
    let status = Command::new(target().join("debug/porthole-faults"))
        .arg("--porthole")
        .arg(porthole)
        .args(arguments)
        .env("PORTHOLE_LOG", "error")
        .status()
        .context("cannot start it")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
