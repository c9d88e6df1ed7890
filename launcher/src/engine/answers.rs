//! Requests that only ask.

use std::os::fd::OwnedFd;

use super::{Engine, failure};
use crate::container::Process;
use crate::wire::{Failure, FailureKind, Known, Reply};

impl Engine {
    /// Every container.
    pub(crate) fn list(&self) -> Reply {
        let known = |(id, container): (&String, &crate::container::Container)| Known {
            container: id.clone(),
            label: container.label.clone(),
            init_pid: container.init_pid(),
            processes: container
                .processes
                .iter()
                .map(|(number, process)| (*number, process.request.clone(), process.ending))
                .collect(),
            steps: container.steps.clone(),
            lacks: container.lacks.clone(),
        };
        Reply::Containers(self.containers.iter().map(known).collect())
    }

    /// A process whose descriptors are wanted again.
    pub(crate) fn adopt(&self, id: &str, number: u32) -> Result<(&Process, Reply), Failure> {
        let container = self
            .containers
            .get(id)
            .ok_or_else(|| failure(FailureKind::NoSuchContainer, format!("There is no container {id}.")))?;
        let process = container.processes.get(&number).ok_or_else(|| {
            failure(FailureKind::NoSuchProcess, format!("The container {id} has no process {number}."))
        })?;
        let child = process.child.as_ref().ok_or_else(|| {
            failure(FailureKind::NotRunning, format!("The process {number} of {id} has ended."))
        })?;
        let pid = child.pid.as_raw_nonzero().get().unsigned_abs();
        Ok((process, Reply::Started { process: number, pid }))
    }

    /// Duplicates of a process's descriptors for the agent, the pidfd first; nothing when it has ended.
    pub(crate) fn descriptors(&mut self, id: &str, number: u32) -> Vec<OwnedFd> {
        let process = self.containers.get_mut(id).and_then(|c| c.processes.get_mut(&number));
        let Some(process) = process else { return Vec::new() };
        let Some(child) = &process.child else { return Vec::new() };
        let fds: Option<Vec<OwnedFd>> = std::iter::once(&child.pidfd)
            .chain(process.streams.descriptors())
            .map(|fd| fd.try_clone().ok())
            .collect();
        process.streams.forget_stdin();
        fds.unwrap_or_default()
    }
}
