//! Requests and events that end something.

use std::os::fd::AsFd;

use rustix::process::{Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_send_signal, waitid};

use super::{Engine, failure};
use crate::container::{Child, Container};
use crate::ranges::Range;
use crate::wire::{Ending, Event, Failure, FailureKind, Reply};

impl Engine {
    /// Takes back what a launch that failed has made.
    pub(crate) fn forget(&mut self, id: &str, range: &Range) {
        self.containers.remove(id);
        self.discard(id);
        self.ranges.give_back(range);
    }

    /// Takes back a container whose first process did not become its command.
    pub(crate) fn abandon(&mut self, id: &str) {
        let Some(container) = self.containers.remove(id) else { return };
        if let Some(life) = container.life {
            for child in container.processes.values().filter_map(|process| process.child.as_ref()) {
                child.kill_and_wait();
            }
            life.init.kill_and_wait();
            self.forget(id, &life.range);
        }
    }

    /// Moves a container's directory to the trash.
    fn discard(&mut self, id: &str) {
        self.trash_count += 1;
        let name = format!("{id}.{}", self.trash_count);
        // Not there when its creation was what failed; the sweep of the next start finds anything else.
        let _ = self.store.discard_container(id, &name);
    }

    /// Sends a signal to a process.
    pub(crate) fn signal(&mut self, id: &str, number: u32, signal: i32) -> Result<Reply, Failure> {
        let container = self.container(id)?;
        let process = container.processes.get(&number).ok_or_else(|| {
            failure(FailureKind::NoSuchProcess, format!("The container {id} has no process {number}."))
        })?;
        let child = process.child.as_ref().ok_or_else(|| {
            failure(FailureKind::NotRunning, format!("The process {number} of {id} has ended."))
        })?;
        let signal = Signal::from_named_raw(signal)
            .ok_or_else(|| failure(FailureKind::BadRequest, format!("There is no signal {signal}.")))?;
        match pidfd_send_signal(&child.pidfd, signal) {
            // Dead and about to be reaped.
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(Reply::Done),
            Err(errno) => Err(failure(FailureKind::Internal, format!("The signal cannot be sent: {errno}."))),
        }
    }

    /// Kills everything in a container.
    pub(crate) fn kill(&mut self, id: &str) -> Result<Reply, Failure> {
        let container = self.container(id)?;
        container.kill();
        Ok(Reply::Done)
    }

    /// Deletes what an ended container left.
    pub(crate) fn remove(&mut self, id: &str) -> Result<Reply, Failure> {
        if self.container(id)?.life.is_some() {
            return Err(failure(FailureKind::StillRunning, format!("The container {id} is running.")));
        }
        self.containers.remove(id);
        self.discard(id);
        Ok(Reply::Done)
    }

    /// A process of a container has ended: reaps it.
    pub(crate) fn process_ended(&mut self, id: &str, number: u32) -> Option<Event> {
        let container = self.containers.get_mut(id)?;
        let process = container.processes.get_mut(&number)?;
        let status = process.child.as_ref()?.reap()?;
        process.child = None;
        let ending = ending(&status);
        process.ending = Some(ending);
        if number == 0 {
            container.kill();
        }
        Some(Event::Exited { container: id.to_owned(), process: number, ending })
    }

    /// Process 1 of a container has ended, and with it all others.
    pub(crate) fn init_ended(&mut self, id: &str) -> Option<Event> {
        let container = self.containers.get_mut(id)?;
        container.life.as_ref()?.init.reap()?;
        let life = container.life.take()?;
        self.ranges.give_back(&life.range);
        Some(Event::Ended { container: id.to_owned() })
    }
}

impl Container {
    /// Kills process 1: the kernel kills all others of its process id namespace with it.
    pub(crate) fn kill(&self) {
        if let Some(life) = &self.life {
            // Fails only when it is dead already.
            let _ = pidfd_send_signal(&life.init.pidfd, Signal::KILL);
        }
    }

    /// Process 1 as the host numbers it.
    pub(crate) fn init_pid(&self) -> Option<u32> {
        self.life.as_ref().map(|life| life.init.pid.as_raw_nonzero().get().unsigned_abs())
    }
}

impl Child {
    /// Its status, once, when it has ended.
    fn reap(&self) -> Option<WaitIdStatus> {
        waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED | WaitIdOptions::NOHANG).ok()?
    }
}

fn ending(status: &WaitIdStatus) -> Ending {
    let byte = |value: i32| u8::try_from(value & 0xff).unwrap_or_default();
    match status.terminating_signal() {
        Some(signal) => Ending { code: byte(128 + signal), signal: Some(byte(signal)), out_of_memory: false },
        None => Ending {
            code: byte(status.exit_status().unwrap_or_default()),
            signal: None,
            out_of_memory: false,
        },
    }
}
