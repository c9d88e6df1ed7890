//! The targets of `rust-toolchain.toml`: rustup adds them by itself, other installations of Rust may lack them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step::{quietly, step};
use crate::workspace::{find_program, root};

/// What the page is compiled to, and what runs inside containers and on machines with another libc.
const TARGETS: [&str; 2] = ["wasm32-unknown-unknown", "x86_64-unknown-linux-musl"];

/// Adds the targets that are missing.
///
/// # Errors
/// When one is missing and there is no rustup to add it.
pub fn ensure_targets() -> Result<()> {
    for target in TARGETS {
        if is_installed(target)? {
            continue;
        }
        if find_program("rustup").is_none() {
            bail!("the Rust in use has no standard library for {target}; install Rust by https://rustup.rs");
        }
        step(&format!("adding the Rust target {target}"), || {
            quietly(Command::new("rustup").args(["target", "add", target]).current_dir(root()))
        })?;
    }
    Ok(())
}

fn is_installed(target: &str) -> Result<bool> {
    let answer = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", target])
        .current_dir(root())
        .output()
        .context("cannot start rustc")?;
    let dir = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    Ok(answer.status.success() && dir.read_dir().is_ok_and(|mut entries| entries.next().is_some()))
}
