//! Many terminals that do the same, in as few containers as may hold them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;

use anyhow::Result;
use porthole_driver::{Agent, Client, Event, Opening, Resuming};
use porthole_protocol::ids::{ContainerId, ProcessNumber};
use porthole_protocol::limits::MAX_PROCESSES;
use std::time::{Duration, Instant};

use super::{launch, on_terminal};

/// How many one thread looks at.
const EACH: usize = 25;

/// Terminals, nobody attached.
pub(super) struct Crowd {
    containers: Vec<ContainerId>,
    terminals: Vec<(ContainerId, ProcessNumber)>,
}

impl Crowd {
    /// Starts so many.
    pub(super) fn gather(agent: &Agent, client: &mut Client, count: usize, script: &str) -> Result<Self> {
        let mut crowd = Self { containers: Vec::new(), terminals: Vec::new() };
        while crowd.terminals.len() < count {
            let (_, first) = client.launch(launch(on_terminal("exec sleep 100000")))?;
            crowd.containers.push(first.container.clone());
            // A socket of its own, which ends with its attachments.
            let mut starter = Client::connect(agent.address)?;
            for _ in 0..MAX_PROCESSES.min(count - crowd.terminals.len()) {
                let process = starter.exec(&first.container, on_terminal(script))?;
                crowd.terminals.push((process.container, process.process));
            }
        }
        Ok(crowd)
    }

    /// Does this while somebody looks at each of them.
    pub(super) fn watched<T>(&self, agent: &Agent, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let over = AtomicBool::new(false);
        scope(|scope| {
            let look = |terminals: &[(ContainerId, ProcessNumber)]| -> Result<()> {
                let mut viewers: Vec<_> = terminals
                    .iter()
                    .enumerate()
                    .map(|(n, (container, process))| {
                        let opening = Opening::Attach(container.clone(), *process);
                        let mut viewer = Resuming::new(agent.address, opening, n as u64 + 1);
                        viewer.silence = Duration::from_secs(60);
                        viewer
                    })
                    .collect();
                while !over.load(Ordering::Relaxed) {
                    for viewer in &mut viewers {
                        if let Some(Event::Refused(error)) =
                            viewer.next(Instant::now() + Duration::from_millis(2))?
                        {
                            anyhow::bail!("{error}");
                        }
                    }
                }
                Ok(())
            };
            let looks: Vec<_> =
                self.terminals.chunks(EACH).map(|terminals| scope.spawn(move || look(terminals))).collect();
            let done = work();
            over.store(true, Ordering::Relaxed);
            let looked = looks.into_iter().map(|look| look.join().expect("a viewer does not panic"));
            looked.fold(Ok(()), Result::and).and(done)
        })
    }

    /// Removes them.
    pub(super) fn disperse(self, client: &mut Client) -> Result<()> {
        self.containers.iter().try_for_each(|container| client.remove(container))
    }
}
