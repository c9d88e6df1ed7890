//! `cargo xtask run`: from a fresh clone to the page, in one command.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::step::{quietly, step};
use crate::workspace::{root, target};
use crate::{page, setup};

/// Builds everything and becomes `porthole serve`.
///
/// # Errors
/// When something is missing and cannot be installed, or does not build.
pub fn run(arguments: &[OsString]) -> Result<ExitCode> {
    let porthole = build()?;
    println!();
    let error = Command::new(&porthole).arg("serve").args(arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", porthole.display()))
}

/// The release build of the agent, with the page and the busybox image in it.
///
/// # Errors
/// As [`run`].
pub fn build() -> Result<PathBuf> {
    setup::ensure_targets()?;
    setup::busybox_image()?;
    page::build()?;
    step("building the agent", || {
        quietly(
            Command::new("cargo").args(["build", "--release", "--package", "porthole"]).current_dir(root()),
        )
    })?;
    Ok(target().join("release/porthole"))
}

/// Builds the agent and the program of our own that tries it, `package`, and runs that: `--porthole` comes before its own
/// `arguments`. `told` says what is being built.
///
/// # Errors
/// When something does not build or cannot be started; what it finds is a failing status.
pub fn try_by(package: &str, told: &str, arguments: &[OsString]) -> Result<ExitCode> {
    let porthole = build()?;
    step(told, || quietly(Command::new("cargo").args(["build", "--package", package]).current_dir(root())))?;
    let status = Command::new(target().join("debug").join(package))
        .arg("--porthole")
        .arg(porthole)
        .args(arguments)
        .env("PORTHOLE_LOG", "error")
        .status()
        .context("cannot start it")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
