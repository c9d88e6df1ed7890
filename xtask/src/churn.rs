//! `cargo xtask churn`: containers come and go by the thousands while agent and launcher are killed, and nothing is left.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::setup::{Package, ensure_packages};
use crate::step::{quietly, step};
use crate::workspace::{find_program, root, target};

/// Builds the agent and who wears it out, and runs it; `arguments` are its own: a number of rounds, `--seed N`.
///
/// # Errors
/// When something does not build or cannot be started.
pub fn run(arguments: &[OsString]) -> Result<ExitCode> {
    ensure_packages(&[Package {
        name: "nftables",
        purpose: "looking for firewall entries that are left",
        present: || find_program("nft").is_some(),
    }])?;
    let porthole = crate::run::build()?;
    step("building who wears it out", || {
        quietly(Command::new("cargo").args(["build", "--package", "porthole-churn"]).current_dir(root()))
    })?;
    let status = Command::new(target().join("debug/porthole-churn"))
        .arg("--porthole")
        .arg(porthole)
        .args(arguments)
        .env("PORTHOLE_LOG", "error")
        .status()
        .context("cannot start it")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
