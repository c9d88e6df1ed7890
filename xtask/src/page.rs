//! The page: built by Trunk, skipped when nothing it is made of has changed.

use std::process::Command;

use anyhow::Result;

use crate::setup::{self, Tools};
use crate::stamp::Stamp;
use crate::step::{quietly, step};
use crate::workspace::root;

/// Everything the page is made of.
const INPUTS: [&str; 8] = [
    "Cargo.lock",
    "Cargo.toml",
    "Trunk.toml",
    "package-lock.json",
    "rust-toolchain.toml",
    "frontend",
    "shared",
    "static",
];

/// Builds `frontend/dist`, the page as a browser loads it.
///
/// # Errors
/// When a tool is missing and cannot be installed, or the build fails; its output has then been printed.
pub fn build() -> Result<()> {
    let tools = setup::ensure_tools()?;
    setup::install_npm(".")?;
    let stamp = Stamp::of("page", &INPUTS, &tools.versions())?;
    if stamp.is_current() && root().join("frontend/dist/index.html").is_file() {
        return Ok(());
    }
    step("building the page", || trunk(&tools))?;
    stamp.made()
}

fn trunk(tools: &Tools) -> Result<()> {
    let path = tools.path()?;
    quietly(Command::new("trunk").args(["build", "--release"]).env("PATH", path).current_dir(root()))
}
