//! `cargo xtask image`: images for machines without a registry.

mod archive;
mod debian;
mod layer;
mod software;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

/// Makes the image, and writes it to `output` or else adds it to the agent that runs.
///
/// # Errors
/// When there is no recipe for it, when it cannot be made, or when no agent takes it.
pub fn command(name: &str, output: Option<&Path>) -> Result<ExitCode> {
    if name != "debian" {
        bail!("there is no recipe for `{name}`; there is one for `debian`");
    }
    let archive = debian()?;
    let Some(output) = output else { return add(&archive) };
    fs::copy(&archive, output).with_context(|| format!("cannot write {}", output.display()))?;
    println!("\n{} is in {}\n", debian::NAME, output.display());
    println!("    porthole load -i {}\n    porthole run -it --rm {}", output.display(), debian::NAME);
    Ok(ExitCode::SUCCESS)
}

/// The archive with the Debian image, made unless this very recipe was followed before.
///
/// # Errors
/// When it cannot be made.
pub fn debian() -> Result<PathBuf> {
    debian::ensure()
}

/// The archive of a Debian with packages to install in it.
///
/// # Errors
/// When it cannot be made.
pub fn software() -> Result<PathBuf> {
    software::ensure()
}

/// Hands it to the agent that `PORTHOLE_HOST` names, or the one at the usual address.
fn add(archive: &Path) -> Result<ExitCode> {
    let porthole = crate::run::build()?;
    println!();
    let status = Command::new(&porthole)
        .args(["load", "-i"])
        .arg(archive)
        .status()
        .with_context(|| format!("cannot start {}", porthole.display()))?;
    if !status.success() {
        bail!(
            "the image is made and lies in {}, but no agent has taken it. With an agent running, or a file to \
             write, once more:\n\n    cargo xtask image debian [--output FILE]\n",
            archive.display()
        );
    }
    println!("\n    porthole run -it --rm {}", debian::NAME);
    Ok(ExitCode::SUCCESS)
}
