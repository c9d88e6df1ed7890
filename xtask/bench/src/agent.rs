//! An agent of our own: a free port and a state directory that goes with it.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A running agent; stopped, containers included, when dropped.
pub(crate) struct Agent {
    process: Child,
    output: BufReader<ChildStdout>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    state: TempDir,
}

impl Agent {
    /// Starts it and waits until it has printed its address.
    pub(crate) fn start(porthole: &Path) -> Result<Self> {
        let state = tempfile::Builder::new().prefix("porthole-bench-").tempdir()?;
        let mut process = Command::new(porthole)
            .args(["serve", "--listen", "127.0.0.1:0", "--state"])
            .arg(state.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", porthole.display()))?;
        let output = BufReader::new(process.stdout.take().expect("its output is piped"));
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut agent = Self { process, output, address: unknown, state };
        agent.address = agent.printed_address()?;
        Ok(agent)
    }

    /// Where it stores images and containers.
    pub(crate) fn state(&self) -> &Path {
        self.state.path()
    }

    fn printed_address(&mut self) -> Result<SocketAddr> {
        let mut line = String::new();
        while self.output.read_line(&mut line)? > 0 {
            if let Some((_, address)) = line.split_once("http://") {
                let end = address.find('/').unwrap_or(address.len());
                return Ok(address[..end].trim().parse()?);
            }
            line.clear();
        }
        bail!("porthole serve ended: {}", self.process.wait()?)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let pid = i32::try_from(self.process.id()).expect("a process id is a positive i32");
        let stopped = kill(Pid::from_raw(pid), Signal::SIGTERM).is_ok()
            && self.output.read_to_end(&mut Vec::new()).is_ok()
            && self.process.wait().is_ok();
        if !stopped {
            eprintln!("porthole (process {pid}) could not be stopped");
        }
    }
}
