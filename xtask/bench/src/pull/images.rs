//! What is pulled: the Debian image, and one that has a program more on top of it.

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
        let insert = ["insert", "--image", &first, "--tag", "second"];
        succeed(Command::new("umoci").args(insert).arg(program).arg("/usr/local/bin/porthole"))?;
        registry.fill(&format!("oci:{first}"), "debian:12")?;
        registry.fill(&format!("oci:{second}"), "debian:more")?;
        Ok(Self {
            first: registry.name("debian:12"),
            second: registry.name("debian:more"),
            told: format!("the Debian image, {} MB compressed", archive.metadata()?.len() / 1_000_000),
        })
    }
}
