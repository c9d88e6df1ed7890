//! Docker: a daemon of the test's own, without a network.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::engine::{Engine, remove_cgroups};
use crate::support::send;

/// The client of the same package as the daemon; another one may come first in PATH.
pub(crate) const CLIENT: &str = "/usr/bin/docker";

/// The daemon.
pub(crate) const DAEMON: &str = "/usr/sbin/dockerd";

/// For the daemon to begin or to end, far above what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What Docker keeps outside of its directories is hidden, and a hierarchy that its runtime refuses beside the older ones.
const PRIVATE: &str = "
for dir in /etc/docker /run/docker; do mkdir -p $dir && mount -t tmpfs none $dir; done
umount /sys/fs/cgroup/unified 2>/dev/null
exec \"$@\"";

/// The daemon; ended when dropped.
pub(crate) struct Docker {
    daemon: Child,
    dir: TempDir,
    cgroup: String,
    pub(crate) engine: Engine,
}

impl Docker {
    /// Starts it and waits until it listens.
    pub(crate) fn start() -> Self {
        let dir = TempDir::with_prefix("porthole-docker-").unwrap();
        let cgroup = format!("porthole-test-docker-{}", std::process::id());
        let at = |name: &str| dir.path().join(name).display().to_string();
        let host = format!("unix://{}", at("socket"));
        let log = File::create(dir.path().join("log")).unwrap();
        let daemon = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", PRIVATE, "sh", DAEMON])
            .args(["--data-root", &at("data"), "--exec-root", &at("exec"), "--pidfile", &at("pid")])
            .args(["--host", &host, "--storage-driver", "overlay2", "--bridge=none", "--iptables=false"])
            .args(["--ip6tables=false", "--ip-forward=false", "--ip-masq=false"])
            .args(["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", &format!("/{cgroup}")])
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let engine = Engine {
            program: CLIENT,
            global: vec!["--host".into(), host],
            run: vec!["--network".into(), "none".into()],
        };
        let mut docker = Self { daemon, dir, cgroup, engine };
        docker.wait_for_socket();
        docker
    }

    fn wait_for_socket(&mut self) {
        let socket = self.dir.path().join("socket");
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(&socket).is_err() {
            let ended = self.daemon.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "dockerd: {ended:?}\n{}", self.log());
            pause();
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.dir.path()).join(name)
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // It ends its containers and its containerd first.
        send(&self.daemon, Signal::TERM);
        let _ = self.daemon.wait();
        remove_cgroups(&self.cgroup);
    }
}

fn pause() {
    #[expect(clippy::disallowed_methods, reason = "a test may wait for another program")]
    std::thread::sleep(Duration::from_millis(50));
}
