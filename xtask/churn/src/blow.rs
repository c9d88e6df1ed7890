//! What happens to agent and launcher in the middle of it all.

use std::fs;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use porthole_driver::Agent;

use porthole_driver::Numbers;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blow {
    /// The agent is killed: the next one takes over what lives.
    Agent,
    /// The launcher is killed: its containers die, the agent ends, the next launcher sweeps.
    Launcher,
    /// Both at once.
    Both,
    /// The agent is asked to end, and ends everything.
    Stop,
}

const BLOWS: [Blow; 7] =
    [Blow::Agent, Blow::Agent, Blow::Agent, Blow::Launcher, Blow::Launcher, Blow::Both, Blow::Stop];

impl Blow {
    pub(crate) fn pick(numbers: &mut Numbers) -> Self {
        *numbers.pick(&BLOWS)
    }

    /// Strikes, and waits until agent (and launcher, if it was meant) are gone.
    ///
    /// # Errors
    /// When one of them does not go.
    pub(crate) fn strike(self, agent: &mut Agent) -> Result<()> {
        let launcher = agent.launcher();
        let launcher = launcher.context("there is no launcher")?;
        match self {
            Self::Agent => kill(pid(agent.pid()), Signal::SIGKILL)?,
            Self::Launcher => kill(pid(launcher), Signal::SIGKILL)?,
            Self::Both => {
                kill(pid(agent.pid()), Signal::SIGKILL)?;
                kill(pid(launcher), Signal::SIGKILL)?;
            }
            Self::Stop => kill(pid(agent.pid()), Signal::SIGTERM)?,
        }
        let status = agent.wait()?;
        if self == Self::Stop && !status.success() {
            bail!("asked to end, the agent ended with {status}");
        }
        Ok(())
    }
}

/// Waits for those who were left to process 1, which is us in our room.
pub(crate) fn reap(but: u32) {
    let Ok(entries) = fs::read_dir("/proc") else { return };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for orphan in pids.filter(|pid| *pid != but) {
        let status = fs::read_to_string(format!("/proc/{orphan}/stat")).unwrap_or_default();
        let fields = status.rsplit_once(") ").map_or("", |(_, fields)| fields);
        let own = std::process::id().to_string();
        if fields.starts_with("Z ") && fields.split(' ').nth(1) == Some(&own) {
            // Gone meanwhile: what was wanted.
            let _ = waitpid(pid(orphan), Some(WaitPidFlag::WNOHANG));
        }
    }
}

fn pid(raw: u32) -> Pid {
    Pid::from_raw(i32::try_from(raw).expect("a process id is a positive i32"))
}
