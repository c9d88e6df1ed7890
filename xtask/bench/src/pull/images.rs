//! What is pulled: the Debian image, and one that has a program more on top of it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use porthole_peers::Registry;

use crate::ours::succeed;

/// Their names in the registry.
pub(super) struct Images {
    pub(super) first: String,
    pub(super) second: String,
    /// The first in words.
    pub(super) told: String,
}

impl Images {
    /// Puts them into the registry.
    pub(super) fn put(registry: &Registry, archive: &Path, program: &Path) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let layout = dir.path().join("layout").display().to_string();
        let (first, second) = (format!("{layout}:first"), format!("{layout}:second"));
        let from = format!("oci-archive:{}", archive.display());
        let to = format!("oci:{first}");
        succeed(Command::new("skopeo").args(["--insecure-policy", "copy", "--quiet", &from, &to]))?;
        // Not by `umoci insert`, which leaves out the end of the archive.
        let bundle = dir.path().join("bundle");
        succeed(Command::new("umoci").args(["unpack", "--image", &first]).arg(&bundle))?;
        fs::copy(program, bundle.join("rootfs/usr/local/bin/porthole"))?;
        succeed(Command::new("umoci").args(["repack", "--image", &second]).arg(&bundle))?;
        registry.fill(&format!("oci:{first}"), "debian:12")?;
        registry.fill(&format!("oci:{second}"), "debian:more")?;
        Ok(Self {
            first: registry.name("debian:12"),
            second: registry.name("debian:more"),
            told: format!("the Debian image, {} MB compressed", archive.metadata()?.len() / 1_000_000),
        })
    }
}
