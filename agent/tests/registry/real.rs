//! Debian's `docker-registry`, on a port and a directory of its own.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// For the registry to answer, far above what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A registry that runs until it is dropped.
pub struct Real {
    dir: tempfile::TempDir,
    process: Child,
    /// Where it listens.
    pub host: String,
}

impl Real {
    /// Starts one; none when it is not installed or the test is not run as root, which is said loudly.
    pub fn start(test: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED {test}: needs root");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let data = dir.path().join("data");
        let config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {host}\n",
            data.display()
        );
        let file = dir.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let Ok(process) = command.spawn() else {
            eprintln!("SKIPPED {test}: docker-registry is not installed");
            return None;
        };
        let registry = Self { dir, process, host };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(&registry.host).is_err() {
            assert!(Instant::now() < deadline, "the registry does not answer");
            #[expect(clippy::disallowed_methods, reason = "a test may wait for another program")]
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }

    /// A directory for the test's own files.
    pub fn scratch(&self) -> PathBuf {
        let dir = self.dir.path().join("scratch");
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
