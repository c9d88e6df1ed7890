//! Podman, with storage of the test's own.

use std::process::Command;

use tempfile::TempDir;

use crate::engine::{Engine, remove_cgroups};

/// Its storage; removed when dropped.
pub(crate) struct Podman {
    dir: TempDir,
    cgroup: String,
    pub(crate) engine: Engine,
}

impl Podman {
    /// Nothing runs until a verb is called.
    pub(crate) fn new() -> Self {
        let dir = TempDir::with_prefix("porthole-podman-").unwrap();
        let cgroup = format!("porthole-test-podman-{}", std::process::id());
        let at = |name: &str| dir.path().join(name).display().to_string();
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect();
        let engine = Engine {
            program: "podman",
            global: words(&[
                "--root",
                &at("root"),
                "--runroot",
                &at("run"),
                "--tmpdir",
                &at("tmp"),
                "--cgroup-manager",
                "cgroupfs",
                "--events-backend",
                "none",
                "--runtime",
                "runc",
            ]),
            // Its own defaults for these are above what an administrator without CAP_SYS_RESOURCE may set.
            run: words(&[
                "--network=none",
                "--ulimit=nofile=1024:1024",
                "--ulimit=nproc=1024:1024",
                &format!("--cgroup-parent=/{cgroup}"),
            ]),
        };
        Self { dir, cgroup, engine }
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        // Its layers are mounted below, where somebody has looked into them.
        let _ = Command::new("umount").arg(self.dir.path().join("root/overlay")).output();
        remove_cgroups(&self.cgroup);
    }
}
