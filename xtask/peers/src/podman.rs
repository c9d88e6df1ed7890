//! Podman, with storage of one's own.

use std::path::Path;
use std::process::{self, Command};

use anyhow::Result;
use tempfile::TempDir;

use crate::engine::{Engine, remove_cgroups};

/// Its storage; removed when dropped.
pub struct Podman {
    /// Its command line.
    pub engine: Engine,
    cgroup: String,
    dir: TempDir,
}

impl Podman {
    /// What has to be installed.
    pub const PROGRAMS: [&str; 1] = ["podman"];

    /// Nothing runs until a verb is called.
    ///
    /// # Errors
    /// When there can be no directory for it.
    pub fn new() -> Result<Self> {
        let dir = TempDir::with_prefix("porthole-podman-")?;
        let cgroup = format!("porthole-podman-{}", process::id());
        let at = |option: &str, name: &str| format!("--{option}={}", dir.path().join(name).display());
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let engine = Engine {
            program: "podman",
            global: words(&[
                &at("root", "root"),
                &at("runroot", "run"),
                &at("tmpdir", "tmp"),
                "--cgroup-manager=cgroupfs",
                "--events-backend=none",
                "--runtime=runc",
            ]),
            // Its own defaults for these are above what an administrator without CAP_SYS_RESOURCE may set.
            run: words(&[
                "--network=none",
                "--ulimit=nofile=1024:1024",
                "--ulimit=nproc=1024:1024",
                &format!("--cgroup-parent=/{cgroup}"),
            ]),
        };
        Ok(Self { engine, cgroup, dir })
    }

    /// Where it stores images and containers.
    #[must_use]
    pub fn storage(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        // Its storage is a mount of its own once it has been used.
        let _ = Command::new("umount").arg(self.dir.path().join("root/overlay")).output();
        remove_cgroups(&self.cgroup);
    }
}
