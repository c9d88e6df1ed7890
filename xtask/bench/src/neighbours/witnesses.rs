//! Those who have nothing to do with it and must live on.

use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};
use porthole_driver::{Agent, Attached, Client};
use porthole_protocol::spec::{LaunchSpec, ProcessSpec};

/// Agent, launcher, two containers, and two processes of the host that an out-of-memory killer may choose.
pub(super) struct Witnesses {
    agent: u32,
    launcher: u32,
    containers: Vec<Attached>,
    processes: Vec<Child>,
}

impl Witnesses {
    /// Starts those that are not there yet.
    pub(super) fn gather(agent: &Agent, client: &mut Client) -> Result<Self> {
        let mut witnesses = Self {
            agent: agent.pid(),
            launcher: agent.launcher().context("there is no launcher")?,
            containers: Vec::new(),
            processes: Vec::new(),
        };
        for _ in 0..2 {
            let command = ["sleep", "100000"].map(str::to_owned).into();
            let process = ProcessSpec { command, ..ProcessSpec::default() };
            let spec = LaunchSpec { image: "busybox".into(), process, ..LaunchSpec::default() };
            witnesses.containers.push(client.launch(spec)?.1);
            let process = Command::new("sleep").arg("100000").stdin(Stdio::null()).spawn()?;
            witnesses.processes.push(process);
        }
        Ok(witnesses)
    }

    /// Each of them lives and answers.
    pub(super) fn check(&mut self, agent: &Agent, client: &mut Client) -> Result<()> {
        if agent.pid() != self.agent || agent.launcher() != Some(self.launcher) {
            bail!("agent or launcher has ended");
        }
        for container in &self.containers {
            let command = ["echo", "here"].map(str::to_owned).into();
            let echo = client.exec(&container.container, ProcessSpec { command, ..ProcessSpec::default() });
            let echo = echo.context("another container has ended")?;
            let exit = client.exit(&echo)?;
            if exit.code != 0 {
                bail!("a process in another container ended with {exit:?}");
            }
        }
        for process in &mut self.processes {
            if let Some(status) = process.try_wait()? {
                bail!("a process of the host was ended: {status}");
            }
        }
        Ok(())
    }
}

impl Drop for Witnesses {
    fn drop(&mut self) {
        for process in &mut self.processes {
            // Only when it has ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
