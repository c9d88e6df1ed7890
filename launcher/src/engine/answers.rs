//! Requests that only ask.

use std::ops::Bound;
use std::os::fd::OwnedFd;

use rustix::io::Errno;

use super::{Engine, failure, refused};
use crate::container::{Child, Container, Process, Streams};
use crate::disk::Disk;
use crate::facts;
use crate::wire::{Failure, FailureKind, Known, MAX_MESSAGE_BYTES, ProcessRequest, Reply};
use crate::{image_file, inspect};

/// Bytes of containers in one reply.
const MAX_LIST_BYTES: usize = MAX_MESSAGE_BYTES / 2;

impl Engine {
    /// The container of that id.
    pub(crate) fn container(&mut self, id: &str) -> Result<&mut Container, Failure> {
        self.containers.get_mut(id).ok_or_else(|| no_container(id))
    }

    /// A process of a container.
    pub(crate) fn process(&mut self, id: &str, number: u32) -> Result<&mut Process, Failure> {
        self.container(id)?.processes.get_mut(&number).ok_or_else(|| {
            failure(FailureKind::NoSuchProcess, format!("The container {id} has no process {number}."))
        })
    }

    /// The containers after `after`, as many as fit into one message.
    pub(crate) fn list(&self, after: Option<&str>) -> Reply {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut bytes = 0;
        let mut known = Vec::new();
        for container in self.containers.range::<str, _>((from, Bound::Unbounded)).map(|(_, c)| c) {
            // Its launch has not been answered.
            if self.is_being_made(&container.id) {
                continue;
            }
            let next = container.known();
            bytes += postcard::to_stdvec(&next).map_or(MAX_MESSAGE_BYTES, |bytes| bytes.len());
            // One alone fits: it is smaller than its request and its steps.
            if bytes > MAX_LIST_BYTES && !known.is_empty() {
                break;
            }
            known.push(next);
        }
        Reply::Containers(known)
    }

    /// A process whose descriptors are wanted again.
    pub(crate) fn adopt(&mut self, id: &str, number: u32) -> Result<Reply, Failure> {
        let pid = self.process(id, number)?.child.as_ref().map_or(0, Child::number);
        Ok(Reply::Started { process: number, pid })
    }

    /// Closes the launcher's own copy of a process's standard input.
    pub(crate) fn close_input(&mut self, id: &str, number: u32) -> Result<Reply, Failure> {
        if let Some(streams) = &mut self.process(id, number)?.streams {
            streams.forget_stdin();
        }
        Ok(Reply::Done)
    }

    /// Duplicates of a process's descriptors for the agent, the pidfd first while it lives; nothing when it was released.
    pub(crate) fn descriptors(&self, id: &str, number: u32) -> Vec<OwnedFd> {
        let process = self.containers.get(id).and_then(|container| container.processes.get(&number));
        let Some(process) = process else { return Vec::new() };
        let pidfd = process.child.as_ref().map(|child| &child.pidfd);
        let fds: Option<Vec<OwnedFd>> = pidfd
            .into_iter()
            .chain(process.streams.iter().flat_map(Streams::descriptors))
            .map(|fd| fd.try_clone().ok())
            .collect();
        fds.unwrap_or_default()
    }

    /// What the kernel says about a container.
    pub(crate) fn inspect(&self, id: &str) -> Result<Reply, Failure> {
        let container = self.containers.get(id).ok_or_else(|| no_container(id))?;
        container.running()?;
        let init = container.init_pid().unwrap_or_default();
        Ok(Reply::Kernel(Box::new(self.texts(container, init))))
    }

    /// What listens in a container.
    pub(crate) fn listening(&self, id: &str) -> Result<Reply, Failure> {
        let life = self.containers.get(id).ok_or_else(|| no_container(id))?.running()?;
        Ok(Reply::Listening(inspect::tcp(life.init.number())))
    }

    /// The device of a container's writable layer, where it has one of its own.
    pub(crate) fn own_disk(&self, disk: &Disk) -> Option<String> {
        let device = rustix::fs::fstat(disk.root()).ok()?.st_dev;
        facts::disk(device).filter(|disk| Some(disk) != self.host.disk.as_ref())
    }

    /// Limits and use of a container.
    pub(crate) fn usage(&self, id: &str) -> Result<Reply, Failure> {
        let container = self.containers.get(id).ok_or_else(|| no_container(id))?;
        container.running()?;
        let mut usage =
            self.cgroups.usage(id, self.host.disk.as_deref(), self.own_disk(&container.disk).as_deref());
        usage.extend(container.disk.usage());
        Ok(Reply::Usage(usage))
    }

    /// A file of an image.
    pub(crate) fn open_file(&self, layers: &[String], path: &str) -> Result<OwnedFd, Failure> {
        self.require_layers(layers)?;
        image_file::open(&self.store, layers, path).map_err(|errno| match errno {
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::XDEV | Errno::INVAL => {
                failure(FailureKind::NoSuchFile, format!("The image has no regular file {path}."))
            }
            errno => refused(format_args!("The file {path} cannot be opened"), &errno.into()),
        })
    }

    /// Refuses layers that are not there.
    pub(crate) fn require_layers(&self, layers: &[String]) -> Result<(), Failure> {
        match layers.iter().find(|layer| !self.store.has_layer(layer)) {
            Some(layer) => Err(failure(FailureKind::NoSuchLayer, format!("There is no layer {layer}."))),
            None => Ok(()),
        }
    }
}

impl Container {
    fn known(&self) -> Known {
        let process = |(number, process): (&u32, &Process)| {
            (*number, ProcessRequest { env: Vec::new(), ..process.request.clone() }, process.ending)
        };
        Known {
            container: self.id.clone(),
            label: self.label.clone(),
            init_pid: self.init_pid(),
            processes: self.processes.iter().map(process).collect(),
            steps: self.steps.clone(),
            lacks: self.lacks.clone(),
            addresses: self.addresses.clone(),
        }
    }
}

pub(super) fn no_container(id: &str) -> Failure {
    failure(FailureKind::NoSuchContainer, format!("There is no container {id}."))
}
