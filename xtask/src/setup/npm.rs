//! What the page's build and the browser specs take from npm, exactly as their lock files name it.

use std::process::Command;

use anyhow::{Result, bail};

use crate::stamp::Stamp;
use crate::step::{quietly, step};
use crate::workspace::{find_program, root};

/// Runs `npm ci` in a folder of the repository, unless its lock file is the one of the last time.
///
/// # Errors
/// When Node.js is missing or npm fails.
pub fn install(folder: &str) -> Result<()> {
    let lock = format!("{folder}/package-lock.json");
    let stamp = Stamp::of(&format!("npm-{}", folder.replace(['.', '/'], "_")), &[&lock], &[])?;
    let dir = root().join(folder);
    if stamp.is_current() && dir.join("node_modules").is_dir() {
        return Ok(());
    }
    if find_program("npm").is_none() {
        bail!(
            "Node.js (20 or newer, with npm) is missing: install it from https://nodejs.org or your system's packages"
        );
    }
    let what = if folder == "." { "the page" } else { folder };
    step(&format!("installing npm packages for {what}"), || {
        quietly(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&dir))
    })?;
    stamp.made()
}
