//! An agent of our own: a free port and a state directory that goes with it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// For an agent to end, far above what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running agent; stopped, containers included, when dropped.
pub struct Agent {
    porthole: PathBuf,
    process: Child,
    output: BufReader<ChildStdout>,
    /// Where it listens.
    pub address: SocketAddr,
    state: TempDir,
}

impl Agent {
    /// Starts it and waits until it has printed its address.
    ///
    /// # Errors
    /// When it cannot be started, or ends before it listens.
    pub fn start(porthole: &Path) -> Result<Self> {
        let state = tempfile::Builder::new().prefix("porthole-bench-").tempdir()?;
        let (process, output, address) = spawn(porthole, state.path())?;
        Ok(Self { porthole: porthole.to_path_buf(), process, output, address, state })
    }

    /// Starts another one on the state of one that has ended.
    ///
    /// # Errors
    /// As [`Agent::start`].
    pub fn restart(&mut self) -> Result<()> {
        (self.process, self.output, self.address) = spawn(&self.porthole, self.state.path())?;
        Ok(())
    }

    /// Where it stores images and containers.
    #[must_use]
    pub fn state(&self) -> &Path {
        self.state.path()
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its launcher's process id, while there is one.
    #[must_use]
    pub fn launcher(&self) -> Option<u32> {
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let state = self.state.path().to_string_lossy();
        pids.find(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = line.split(|byte| *byte == 0);
            words.nth(1) == Some(b"launcher") && words.next() == Some(state.as_bytes()) && is_leader(*pid)
        })
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        kill(pid(self.process.id()), Signal::SIGTERM)?;
        self.wait()
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                bail!("porthole serve (process {}) does not end", self.process.id());
            }
            #[expect(clippy::disallowed_methods, reason = "one may wait for another program here")]
            sleep(Duration::from_millis(5));
        }
    }
}

/// Whether it is the first of its session, as a launcher is: a child of one has its words until it becomes what it is to be.
fn is_leader(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let session = status.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(3)?.parse().ok());
    session == Some(pid)
}

fn spawn(porthole: &Path, state: &Path) -> Result<(Child, BufReader<ChildStdout>, SocketAddr)> {
    let mut process = Command::new(porthole)
        .args(["serve", "--listen", "127.0.0.1:0", "--state"])
        .arg(state)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", porthole.display()))?;
    let mut output = BufReader::new(process.stdout.take().expect("its output is piped"));
    let mut line = String::new();
    while output.read_line(&mut line)? > 0 {
        if let Some((_, address)) = line.split_once("http://") {
            let end = address.find('/').unwrap_or(address.len());
            let address = address[..end].trim().parse()?;
            return Ok((process, output, address));
        }
        line.clear();
    }
    bail!("porthole serve ended: {}", process.wait()?)
}

impl Drop for Agent {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None))
            && let Err(error) = self.stop()
        {
            eprintln!("{error:#}");
        }
    }
}

fn pid(raw: u32) -> Pid {
    Pid::from_raw(i32::try_from(raw).expect("a process id is a positive i32"))
}
