//! Workers in jails: those that unpack layers, and those that do the agent's jobs.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll;

use super::Server;
use super::sources::Source;
use crate::container::Caller;
use crate::engine::{failure, refused};
use crate::host;
use crate::wire::{Failure, FailureKind, HostReport, Place, Reply};
use crate::worker::{Jail, Job, Layer, Programs};

/// Layers that are unpacked at a time: each may use a processor and up to two gibibytes.
const MAX_LAYERS: usize = 4;

/// Jobs that are done at a time. Most take milliseconds.
const MAX_JOBS: usize = 32;

/// What is under way, with the request to answer.
pub(super) struct Working {
    programs: Programs,
    layers: BTreeMap<String, (Caller, Layer)>,
    jobs: BTreeMap<u64, (Caller, Job, Option<Pause>)>,
    /// The number of the next job.
    next: u64,
    /// What this host can do, once somebody has asked.
    report: Option<HostReport>,
    /// The same with other engines tried.
    tried: Option<HostReport>,
}

/// A container that is frozen until its job is done.
struct Pause {
    container: String,
}

impl Working {
    pub(super) fn new(programs: Programs) -> Self {
        Self { programs, layers: BTreeMap::new(), jobs: BTreeMap::new(), next: 0, report: None, tried: None }
    }
}

impl Server {
    /// Starts a worker on the archive that came with the request; it is answered when the worker has ended.
    pub(super) fn unpack(&mut self, caller: Caller, layer: String, fds: Vec<OwnedFd>) -> Result<(), Failure> {
        let [tar] = descriptors(fds)?;
        if self.working.layers.contains_key(&layer) {
            return Err(failure(FailureKind::InUse, "The layer is being unpacked."));
        }
        if self.working.layers.len() >= MAX_LAYERS {
            return Err(failure(
                FailureKind::TooMany,
                "Too many layers are being unpacked at the same time.",
            ));
        }
        let (ids, count) = self.engine.ranges.store();
        let layers = self.engine.store.layers();
        let jail = Jail {
            ids,
            count,
            filter: &self.engine.filter,
            root: layers,
            input: tar.as_fd(),
            output: None,
            kept: &[],
        };
        let running = Layer::start(layers, &layer, jail, self.working.programs.unpack)?;
        let source = Source::Unpacked { layer: layer.clone() };
        self.sources.watch(running.pidfd(), source, epoll::EventFlags::IN).map_err(unwatched)?;
        self.working.layers.insert(layer, (caller, running));
        Ok(())
    }

    /// Answers the request whose worker has ended.
    pub(super) fn unpacked(&mut self, layer: &str) {
        let Some((caller, running)) = self.working.layers.remove(layer) else { return };
        if caller.agent != self.agents {
            // A new agent has come, and has looked already at what there is.
            running.discard(self.engine.store.layers(), self.engine.store.trash());
            return self.engine.fill_trash();
        }
        let outcome = running.finish(self.engine.store.layers(), self.engine.store.trash());
        if outcome.is_err() {
            self.engine.fill_trash();
        }
        self.reply(caller, outcome.map(|unpacked| (Reply::Unpacked(unpacked), Vec::new())));
    }

    /// Starts a worker on the files at `place`; the request is answered when it has ended.
    pub(super) fn work(
        &mut self,
        caller: Caller,
        place: &Place,
        pause: bool,
        job: &[u8],
        fds: Vec<OwnedFd>,
    ) -> Result<(), Failure> {
        let [input, output] = descriptors(fds)?;
        if self.working.jobs.len() >= MAX_JOBS {
            return Err(failure(
                FailureKind::TooMany,
                "Too many files are being worked on at the same time.",
            ));
        }
        let site = self.engine.site(place)?;
        let pause = if pause { self.pause(place)? } else { None };
        let jail = Jail {
            ids: site.ids,
            count: site.count,
            filter: &self.engine.filter,
            root: site.nothing.as_fd(),
            input: input.as_fd(),
            output: Some(output.as_fd()),
            kept: &site.roots,
        };
        let started = Job::start(&jail, job, self.working.programs.work).and_then(|running| {
            self.working.next += 1;
            let source = Source::Worked { job: self.working.next };
            self.sources.watch(running.pidfd(), source, epoll::EventFlags::IN).map_err(unwatched)?;
            Ok(running)
        });
        match started {
            Ok(running) => {
                self.working.jobs.insert(self.working.next, (caller, running, pause));
                Ok(())
            }
            Err(failure) => {
                self.resume(pause);
                Err(failure)
            }
        }
    }

    /// Answers the request whose worker has ended.
    pub(super) fn worked(&mut self, job: u64) {
        let Some((caller, running, pause)) = self.working.jobs.remove(&job) else { return };
        let outcome = running.finish();
        self.resume(pause);
        self.reply(caller, outcome.map(|()| (Reply::Done, Vec::new())));
    }

    /// Ends the workers of an agent that is gone: nobody waits for what they do.
    pub(super) fn abandon_work(&mut self) {
        self.working.layers.values().for_each(|(_, layer)| layer.kill());
        self.working.jobs.values().for_each(|(_, job, _)| job.kill());
    }

    /// Freezes the container at `place`, where the host can and it runs.
    fn pause(&mut self, place: &Place) -> Result<Option<Pause>, Failure> {
        let (Place::Stack { container } | Place::Root { container }) = place else { return Ok(None) };
        let frozen = self.engine.freeze(container)?;
        Ok(frozen.then(|| Pause { container: container.clone() }))
    }

    fn resume(&mut self, pause: Option<Pause>) {
        if let Some(Pause { container }) = pause {
            self.engine.thaw(&container);
        }
    }

    /// What this host can do: found out when it is first asked for.
    pub(super) fn report(&mut self, tried: bool) -> HostReport {
        let (state, host) = (&self.engine.state, &self.engine.host);
        let report = || host::report(state, host.rootless, host.storage, tried);
        let known = if tried { &mut self.working.tried } else { &mut self.working.report };
        known.get_or_insert_with(report).clone()
    }
}

fn descriptors<const N: usize>(fds: Vec<OwnedFd>) -> Result<[OwnedFd; N], Failure> {
    fds.try_into().map_err(|_| {
        failure(FailureKind::BadRequest, format!("A request of this kind comes with {N} descriptors."))
    })
}

fn unwatched(error: std::io::Error) -> Failure {
    refused("A worker cannot be watched", &error)
}
