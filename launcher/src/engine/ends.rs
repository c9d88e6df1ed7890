//! Requests and events that end something.

use std::os::fd::AsFd;

use rustix::io::Errno;
use rustix::process::{Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_send_signal, waitid};

use super::{Engine, failure, refused};
use crate::container::{Child, Container, Life};
use crate::sys;
use crate::wire::{Ending, EngineKind, Event, Failure, FailureKind, Reply};

/// The signal that nobody survives.
const SIGKILL: u8 = 9;

impl Engine {
    /// Takes back a process that did not become its command; with the first one the whole container.
    pub(crate) fn abandon(&mut self, id: &str, number: u32) {
        if number > 0 {
            let process = self.containers.get_mut(id).and_then(|c| c.processes.remove(&number));
            if let Some(child) = process.and_then(|process| process.child) {
                child.kill_and_wait();
            }
            return;
        }
        let Some(container) = self.containers.remove(id) else { return };
        if let Some(life) = container.life {
            let processes = container.processes.values().filter_map(|process| process.child.as_ref());
            for child in processes.chain([&life.init]) {
                // Process 1 ends when all others have been waited for, those as well that a runtime has left to us: to wait
                // for it here would be to wait for ourselves.
                if container.engine == EngineKind::Builtin { child.kill_and_wait() } else { child.kill() }
            }
            // Everything in there has been waited for, but for what a runtime keeps beside it.
            self.end_cgroups(id);
            self.oci.clean(id);
            self.discard(id, Some(container.disk));
            self.ranges.give_back(&life.range);
            self.net.release(id);
        }
    }

    pub(super) fn trash_name(&mut self, name: &str) -> String {
        self.trash_count += 1;
        self.fill_trash();
        format!("{name}-{}-{}", std::process::id(), self.trash_count)
    }

    /// Something was put into the trash.
    pub(crate) fn fill_trash(&mut self) {
        self.trash_filled = true;
    }

    /// Whether there is new trash since the last call.
    pub(crate) fn take_trash(&mut self) -> bool {
        std::mem::take(&mut self.trash_filled)
    }

    /// Sends a signal to a process.
    pub(crate) fn signal(&mut self, id: &str, number: u32, signal: i32) -> Result<Reply, Failure> {
        let sandboxed = self.is_sandboxed(id) && signal != i32::from(SIGKILL);
        let child = self.process(id, number)?.child.as_ref().ok_or_else(|| {
            failure(FailureKind::NotRunning, format!("The process {number} of {id} has ended."))
        })?;
        if sandboxed {
            self.oci_signal(id, number, signal)?;
            return Ok(Reply::Done);
        }
        match sys::send_signal(child.pidfd.as_fd(), signal) {
            Ok(()) => {}
            // Dead and about to be reaped.
            Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => {}
            Err(error) => {
                return Err(refused("The signal cannot be sent", &error));
            }
        }
        if number == 0 && signal == i32::from(SIGKILL) {
            self.container(id)?.killed = true;
        }
        Ok(Reply::Done)
    }

    /// Kills everything in a container.
    pub(crate) fn kill(&mut self, id: &str) -> Result<Reply, Failure> {
        if self.is_being_made(id) {
            self.kill_start(id);
        } else {
            self.container(id)?.kill();
        }
        Ok(Reply::Done)
    }

    /// Deletes what an ended container left.
    pub(crate) fn remove(&mut self, id: &str) -> Result<Reply, Failure> {
        if self.container(id)?.life.is_some() {
            return Err(failure(FailureKind::StillRunning, format!("The container {id} is running.")));
        }
        self.forget(id);
        Ok(Reply::Done)
    }

    /// The same for all that have ended.
    pub(crate) fn remove_ended(&mut self) {
        let ended = self.containers.iter().filter(|(_, container)| container.life.is_none());
        let ids: Vec<String> = ended.map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.forget(&id);
        }
    }

    fn forget(&mut self, id: &str) {
        if let Some(container) = self.containers.remove(id) {
            self.discard(id, Some(container.disk));
        }
    }

    /// Whether there is no container and nothing of one.
    pub(crate) fn is_empty(&self) -> bool {
        self.containers.is_empty() && !self.has_starts() && !self.trash_filled && self.trash.is_empty()
    }

    /// Deletes a layer that no container uses.
    pub(crate) fn remove_layer(&mut self, layer: &str) -> Result<Reply, Failure> {
        if self.containers.values().any(|container| container.layers.iter().any(|used| used == layer)) {
            return Err(failure(FailureKind::InUse, format!("A container uses the layer {layer}.")));
        }
        let name = self.trash_name(layer);
        match self.store.discard_layer(layer, &name) {
            Ok(()) => Ok(Reply::Done),
            Err(rustix::io::Errno::NOENT) => {
                Err(failure(FailureKind::NoSuchLayer, format!("There is no layer {layer}.")))
            }
            Err(errno) => Err(refused("The layer cannot be deleted", &errno.into())),
        }
    }

    /// A process of a container has ended: reaps it.
    pub(crate) fn process_ended(&mut self, id: &str, number: u32) -> Option<Event> {
        let container = self.containers.get_mut(id)?;
        let sandbox_ended = container.engine == EngineKind::Runsc && container.init_has_ended();
        let process = container.processes.get_mut(&number)?;
        let status = process.child.as_ref()?.reap()?;
        process.child = None;
        let mut ending = ending(&status);
        // With a sandbox ends whoever was waiting for a process in it.
        if sandbox_ended {
            ending = Ending { code: 128 + SIGKILL, signal: Some(SIGKILL), out_of_memory: false };
        }
        // The victim may have been a child, whose status a shell passes on.
        if ending.code == 128 + SIGKILL {
            if !container.killed && self.cgroups.oom_kills(id) > 0 {
                container.memory_ran_out();
            }
            ending.out_of_memory = container.out_of_memory;
        }
        if let Some(process) = container.processes.get_mut(&number) {
            process.ending = Some(ending);
        }
        if number == 0 {
            container.kill();
        }
        Some(Event::Exited { container: id.to_owned(), process: number, ending })
    }

    /// The kernel has told that a container's memory has run out, or that its cgroup is gone: what is left of a container
    /// without one of its processes, chosen for its size, is nothing that anybody has started, so all of it ends.
    pub(crate) fn memory_event(&mut self, id: &str) {
        let Some(container) = self.containers.get_mut(id) else { return };
        let Some(event) =
            container.life.as_ref().filter(|life| !life.over).and_then(|life| life.memory.as_ref())
        else {
            return;
        };
        if rustix::io::read(event, &mut [0; 8]).is_ok() && !container.killed {
            container.memory_ran_out();
        }
    }

    /// The agent has all of an ended process: of further ones there may be any number in the life of a container.
    pub(crate) fn release(&mut self, id: &str, number: u32) -> Result<Reply, Failure> {
        let container = self.container(id)?;
        let Some(process) = container.processes.get_mut(&number) else { return Ok(Reply::Done) };
        if process.ending.is_none() {
            let why = format!("The process {number} of {id} is running.");
            return Err(failure(FailureKind::StillRunning, why));
        }
        process.streams = None;
        if number > 0 {
            container.processes.remove(&number);
        }
        Ok(Reply::Done)
    }

    /// Process 1 of a container has ended, and with it all others: tells of each that has not been told of.
    pub(crate) fn init_ended(&mut self, id: &str) -> Vec<Event> {
        let Some(container) = self.containers.get_mut(id) else { return Vec::new() };
        let Some(life) = container.life.as_mut().filter(|life| life.init.reap().is_some()) else {
            return Vec::new();
        };
        life.over = true;
        let numbers: Vec<u32> = container.processes.keys().copied().collect();
        numbers.into_iter().filter_map(|number| self.process_ended(id, number)).collect()
    }

    /// Removes the cgroups of containers that are over. Returns the events, and whether some are left to try again.
    pub(crate) fn tidy(&mut self) -> (Vec<Event>, bool) {
        // Those of a killed launcher die with it; the kernel waits for their reaping by whoever got them.
        let cgroups = &self.cgroups;
        self.left.retain(|container| !cgroups.end(container));
        let (mut events, mut left) = (Vec::new(), !self.left.is_empty());
        for (id, container) in &mut self.containers {
            // The answer to its launch comes first.
            if !container.life.as_ref().is_some_and(|life| life.over) || self.oci.is_starting(id) {
                continue;
            }
            // What a runtime keeps beside the container is in its cgroups, and not of its process 1.
            let runtime = container.engine != EngineKind::Builtin;
            let removed = if runtime { self.cgroups.end(id) } else { self.cgroups.remove(id).is_ok() };
            if !removed {
                left = true;
            } else if let Some(life) = container.life.take() {
                if runtime {
                    self.oci.clean(id);
                }
                self.ranges.give_back(&life.range);
                self.net.release(id);
                events.push(Event::Ended { container: id.clone() });
            }
        }
        left |= self.oci.reap_strays();
        (events, left)
    }

    /// Whether its processes are those of a kernel of its own.
    fn is_sandboxed(&self, id: &str) -> bool {
        self.containers.get(id).is_some_and(|container| container.engine == EngineKind::Runsc)
    }
}

impl Container {
    fn memory_ran_out(&mut self) {
        self.out_of_memory = true;
        self.kill();
    }

    /// Kills process 1: the kernel kills all others of its process id namespace with it, and every process of the container
    /// is in there.
    pub(crate) fn kill(&mut self) {
        if let Some(life) = &self.life {
            self.killed = true;
            // The frozen do not die.
            self.frozen = None;
            // Fails only when it is dead already.
            let _ = pidfd_send_signal(&life.init.pidfd, Signal::KILL);
        }
    }

    /// The kernel's part of it, when it runs.
    pub(crate) fn running(&self) -> Result<&Life, Failure> {
        self.life
            .as_ref()
            .filter(|life| !life.over)
            .ok_or_else(|| failure(FailureKind::NotRunning, format!("The container {} has ended.", self.id)))
    }

    /// Whether process 1 has ended, waited for or not.
    fn init_has_ended(&self) -> bool {
        let Some(life) = self.life.as_ref().filter(|life| !life.over) else { return true };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::PidFd(life.init.pidfd.as_fd()), look).is_ok_and(|status| status.is_some())
    }

    /// Process 1 as the host numbers it.
    pub(crate) fn init_pid(&self) -> Option<u32> {
        self.life.as_ref().map(|life| life.init.number())
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
    let (code, signal) = match status.terminating_signal() {
        Some(signal) => (byte(128 + signal), Some(byte(signal))),
        None => (byte(status.exit_status().unwrap_or_default()), None),
    };
    Ending { code, signal, out_of_memory: false }
}
