//! A daemon: waited for until it listens, ended and reaped when dropped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// For a daemon to begin, far above what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// It runs as long as this lives.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts it, what it prints in a file `log` in `dir`, and waits until it can be reached.
    pub(crate) fn start(mut command: Command, dir: &Path, is_reachable: impl Fn() -> bool) -> Result<Self> {
        let path = dir.join("log");
        let log = File::create(&path)?;
        let child = command
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let mut daemon = Self { child, log: path };
        let deadline = Instant::now() + PATIENCE;
        while !is_reachable() {
            if let Some(status) = daemon.child.try_wait()? {
                bail!("{} ended: {status}\n{}", command.get_program().display(), daemon.log());
            }
            if Instant::now() > deadline {
                bail!("{} is not reached\n{}", command.get_program().display(), daemon.log());
            }
            #[expect(clippy::disallowed_methods, reason = "one may wait for another program here")]
            sleep(Duration::from_millis(20));
        }
        Ok(daemon)
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).expect("a process id is a positive i32");
        if let Err(error) = kill(Pid::from_raw(pid), Signal::SIGTERM) {
            eprintln!("process {pid} cannot be ended: {error}");
        }
        if let Err(error) = self.child.wait() {
            eprintln!("process {pid} cannot be waited for: {error}");
        }
    }
}
