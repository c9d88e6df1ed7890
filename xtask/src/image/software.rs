//! A Debian with packages as files in it, to be installed inside a container: containers have no way to Debian's archive.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::debian::{self, BASE, mmdebstrap};
use crate::setup::{Package, ensure_packages};
use crate::stamp::hex;
use crate::step::{quietly, step};
use crate::workspace::{cache, find_program};

/// What `agent/tests/software.rs` installs.
const PACKAGES: &str =
    "python3 python3-venv nodejs git gcc libc6-dev make sudo iputils-ping tmux strace cron";

/// Has apt fetch all of them, and lay them down where a list of packages is made of them.
fn hooks() -> [String; 2] {
    [
        format!(
            "--customize-hook=APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -qy --no-install-recommends --download-only install {PACKAGES}"
        ),
        "--customize-hook=mkdir $1/srv/packages && mv $1/var/cache/apt/archives/*.deb $1/srv/packages/ && cd $1/srv/packages && \
         dpkg-scanpackages . >Packages 2>/dev/null && \
         echo 'deb [trusted=yes] file:/srv/packages ./' >$1/etc/apt/sources.list"
            .to_owned(),
    ]
}

/// The archive of its root file system, made unless this recipe was followed before.
///
/// # Errors
/// When a program is missing and cannot be installed, or Debian's archive cannot be reached.
pub(super) fn ensure() -> Result<PathBuf> {
    let hooks = hooks();
    let recipe =
        &hex(&Sha256::digest([&BASE.join(" "), &hooks[0], &hooks[1]].map(String::as_str).join("\n")))[..12];
    let path = cache()?.join("images").join(format!("software-{recipe}.tar"));
    if path.is_file() {
        return Ok(path);
    }
    debian::ensure_tools()?;
    ensure_packages(&[Package {
        name: "dpkg-dev",
        purpose: "listing packages",
        present: || find_program("dpkg-scanpackages").is_some(),
    }])?;
    let dir = path.parent().expect("the archive lies in a folder");
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let work = tempfile::Builder::new().prefix("making-").tempdir_in(dir)?;
    let unfinished = work.path().join("software.tar");
    step("fetching Debian 12 and packages (a minute)", || {
        quietly(mmdebstrap(&BASE).args(&hooks).arg(&unfinished))
    })?;
    fs::rename(&unfinished, &path)?;
    Ok(path)
}
