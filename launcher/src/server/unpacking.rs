//! Layers that are being unpacked, each by a worker of its own.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use rustix::event::epoll;

use super::Server;
use super::sources::Source;
use crate::engine::failure;
use crate::host;
use crate::wire::{Failure, FailureKind, HostReport, Reply};
use crate::worker::{self, Jail, Running, UnpackFn};

/// Workers at a time: each may use a processor and up to two gibibytes.
const MAX_WORKERS: usize = 4;

/// What is under way, by layer, with the request to answer.
pub(super) struct Unpacking {
    unpack: UnpackFn,
    running: BTreeMap<String, (u32, Running)>,
    /// What this host can do, once somebody has asked.
    pub(super) report: Option<HostReport>,
}

impl Unpacking {
    pub(super) fn new(unpack: UnpackFn) -> Self {
        Self { unpack, running: BTreeMap::new(), report: None }
    }
}

impl Server {
    /// Starts a worker on the archive that came with the request; it is answered when the worker has ended.
    pub(super) fn unpack(&mut self, seq: u32, layer: String, fds: Vec<OwnedFd>) -> Result<(), Failure> {
        let [tar] = <[OwnedFd; 1]>::try_from(fds)
            .map_err(|_| failure(FailureKind::BadRequest, "An archive comes as one descriptor."))?;
        if self.unpacking.running.len() >= MAX_WORKERS {
            return Err(failure(
                FailureKind::TooMany,
                "Too many layers are being unpacked at the same time.",
            ));
        }
        let (store, count) = self.engine.ranges.store();
        let jail = Jail { store, count, filter: &self.engine.filter };
        let running = worker::start(self.engine.store.layers(), &layer, tar, jail, self.unpacking.unpack)?;
        let source = Source::Unpacked { layer: layer.clone() };
        if let Err(error) = self.sources.watch(&running.pidfd, source, epoll::EventFlags::IN) {
            return Err(failure(FailureKind::Internal, format!("Cannot watch a worker: {error}.")));
        }
        self.unpacking.running.insert(layer, (seq, running));
        Ok(())
    }

    /// Answers the request whose worker has ended.
    pub(super) fn unpacked(&mut self, layer: &str) {
        let Some((seq, running)) = self.unpacking.running.remove(layer) else { return };
        let outcome = running.finish(self.engine.store.layers(), self.engine.store.trash());
        if outcome.is_err() {
            self.engine.fill_trash();
        }
        self.reply(seq, outcome.map(|unpacked| (Reply::Unpacked(unpacked), Vec::new())));
    }

    /// What this host can do: tried when it is first asked for.
    pub(super) fn report(&mut self) -> HostReport {
        let (state, rootless) = (&self.engine.state, self.engine.host.rootless);
        self.unpacking.report.get_or_insert_with(|| host::examine(state, rootless)).clone()
    }
}
