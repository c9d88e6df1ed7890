//! Docker: a daemon of one's own, without a network.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{self, Command};

use anyhow::Result;
use tempfile::TempDir;

use crate::engine::{Engine, remove_cgroups};
use crate::process::Daemon;

/// The client of the same package as the daemon: another one may come first in PATH.
const CLIENT: &str = "/usr/bin/docker";

const DAEMON: &str = "/usr/sbin/dockerd";

/// What Docker keeps outside of its directories is hidden, and a hierarchy that its runtime refuses beside the older ones.
const PRIVATE: &str = "
for dir in /etc/docker /run/docker; do mkdir -p $dir && mount -t tmpfs none $dir; done
umount /sys/fs/cgroup/unified 2>/dev/null
exec \"$@\"";

/// The daemon; ended when dropped, its images with it.
pub struct Docker {
    /// Its client.
    pub engine: Engine,
    /// Dropped before its directory.
    daemon: Option<Daemon>,
    cgroup: String,
    dir: TempDir,
}

impl Docker {
    /// What has to be installed.
    pub const PROGRAMS: [&str; 2] = [CLIENT, DAEMON];

    /// Starts it and waits until it listens.
    ///
    /// # Errors
    /// When it does not start; the error is its log.
    pub fn start() -> Result<Self> {
        let dir = TempDir::with_prefix("porthole-docker-")?;
        let cgroup = format!("porthole-docker-{}", process::id());
        let at = |name: &str| dir.path().join(name).display().to_string();
        let host = format!("unix://{}", at("socket"));
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-c", PRIVATE, "sh", DAEMON])
            .args(["--data-root", &at("data"), "--exec-root", &at("exec"), "--pidfile", &at("pid")])
            .args(["--host", &host, "--storage-driver", "overlay2", "--bridge=none", "--iptables=false"])
            .args(["--ip6tables=false", "--ip-forward=false", "--ip-masq=false"])
            .args(["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", &format!("/{cgroup}")]);
        let socket = dir.path().join("socket");
        let daemon = Daemon::start(command, dir.path(), || UnixStream::connect(&socket).is_ok())?;
        let (global, run) = (vec!["--host".into(), host], vec!["--network=none".into()]);
        let engine = Engine { program: CLIENT, global, run };
        Ok(Self { engine, daemon: Some(daemon), cgroup, dir })
    }

    /// Where it stores images and containers.
    #[must_use]
    pub fn storage(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        self.daemon = None;
        remove_cgroups(&self.cgroup);
    }
}
