//! `cargo xtask dist`: one static binary, page and busybox image inside, that runs alone on another Linux machine.

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::elf;
use crate::setup::Package;
use crate::stamp::hex;
use crate::step::{quietly, step};
use crate::workspace::{find_program, root, target};
use crate::{page, setup};

/// The C library that links statically.
const TARGET: &str = "x86_64-unknown-linux-musl";

/// What the part of TLS that is in C and assembly is built with.
const C_COMPILER: Package = Package {
    name: "musl-tools",
    purpose: "a C compiler for static programs",
    present: || find_program("musl-gcc").is_some(),
};

/// Builds it, and prints path, size and checksum.
///
/// # Errors
/// When something is missing and cannot be installed, or does not build.
pub fn command() -> Result<ExitCode> {
    setup::ensure_targets()?;
    setup::ensure_packages(&[C_COMPILER])?;
    setup::busybox_image()?;
    page::build()?;
    step("building the static binary", || {
        quietly(
            Command::new("cargo")
                .args(["build", "--release", "--package", "porthole", "--target", TARGET])
                .current_dir(root()),
        )
    })?;
    let path = target().join(TARGET).join("release/porthole");
    let binary = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    if !elf::is_static(&binary) {
        bail!("{} asks for an interpreter: something links dynamically", path.display());
    }
    println!("\n{}\n{} bytes\nsha256 {}", path.display(), binary.len(), hex(&Sha256::digest(&binary)));
    Ok(ExitCode::SUCCESS)
}
