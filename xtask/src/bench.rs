//! `cargo xtask bench`: builds what is measured and what measures, in release mode, and runs it.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::setup;
use crate::step::{quietly, step};
use crate::workspace::{root, target};

/// Runs the benchmark of this name; `options` go to it, such as `--rounds 200`.
///
/// # Errors
/// When something does not build or cannot be started.
pub fn command(name: &str, options: &[OsString]) -> Result<ExitCode> {
    let image = match name {
        "pull" | "share" => {
            setup::ensure_peers();
            crate::image::debian()?
        }
        _ => setup::busybox_image_path(),
    };
    let porthole = crate::run::build()?;
    step("building the benchmarks", || {
        let words = ["build", "--release", "--package", "porthole-bench"];
        quietly(Command::new("cargo").args(words).current_dir(root()))
    })?;
    let reports = target().join("bench");
    std::fs::create_dir_all(&reports)?;
    println!();
    let status = Command::new(target().join("release/porthole-bench"))
        .arg(name)
        .arg("--porthole")
        .arg(porthole)
        .arg("--image")
        .arg(image)
        .arg("--report")
        .arg(reports.join(format!("{name}.json")))
        .args(options)
        .status()
        .context("cannot start the benchmark")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
