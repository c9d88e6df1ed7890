//! Porthole by its command line, as the others are used.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use porthole_driver::Agent;

/// A running agent and the program that is its client.
pub(crate) struct Ours {
    program: PathBuf,
    pub(crate) agent: Agent,
}

impl Ours {
    /// Starts the agent.
    pub(crate) fn start(porthole: &Path) -> Result<Self> {
        Ok(Self { program: porthole.to_path_buf(), agent: Agent::start(porthole)? })
    }

    /// Runs a verb to its end.
    pub(crate) fn ok(&self, words: &[&str]) -> Result<()> {
        let host = format!("http://{}", self.agent.address);
        succeed(Command::new(&self.program).args(words).env("PORTHOLE_HOST", host))
    }
}

/// Runs a command to its end.
///
/// # Errors
/// When it does not succeed; the error is what it printed.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let program = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        bail!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
