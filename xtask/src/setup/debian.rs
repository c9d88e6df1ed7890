//! Programs from Debian's or Ubuntu's archive: installed when we are root, else named with the command to type.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step::{quietly, step};
use crate::workspace::find_program;

/// A program that a package brings.
pub struct Package {
    /// Its name in the archive.
    pub name: &'static str,
    /// What the user gets it for.
    pub purpose: &'static str,
    /// Whether what it brings is already there, from wherever.
    pub present: fn() -> bool,
}

/// Installs the packages whose programs are missing.
///
/// # Errors
/// When something is missing and cannot be installed: the error is the command to type.
pub fn ensure(packages: &[Package]) -> Result<()> {
    let missing: Vec<_> = packages.iter().filter(|package| !(package.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = missing.iter().map(|package| package.name).collect();
    let purposes: Vec<_> = missing.iter().map(|p| format!("{} ({})", p.name, p.purpose)).collect();
    if find_program("apt-get").is_none() {
        bail!("missing: {}. Install them with this system's package manager", purposes.join(", "));
    }
    if !is_root() {
        bail!("missing: {}. Type\n\n    sudo apt-get install -y {}\n", purposes.join(", "), names.join(" "));
    }
    step(&format!("installing {}", names.join(", ")), || {
        let _no_services = NoServices::declare()?;
        if apt(&["install", "-y", "--no-install-recommends"], &names).is_ok() {
            return Ok(());
        }
        apt(&["update"], &[])?;
        apt(&["install", "-y", "--no-install-recommends"], &names)
    })
}

/// Keeps packages from starting their services, by the program that they ask first (invoke-rc.d(8)): what we install
/// is for tests, which start their own. Somebody else's policy stays.
struct NoServices {
    ours: bool,
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl NoServices {
    fn declare() -> Result<Self> {
        let ours = !Path::new(POLICY).exists();
        if ours {
            fs::write(POLICY, "#!/bin/sh\nexit 101\n").with_context(|| format!("cannot write {POLICY}"))?;
            fs::set_permissions(POLICY, Permissions::from_mode(0o755))?;
        }
        Ok(Self { ours })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = fs::remove_file(POLICY)
        {
            eprintln!("{POLICY} keeps services from being started and could not be removed: {error}");
        }
    }
}

/// Whether this process may install packages.
fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0)
}

fn apt(words: &[&str], names: &[&str]) -> Result<()> {
    quietly(Command::new("apt-get").args(words).args(names).env("DEBIAN_FRONTEND", "noninteractive"))
}
