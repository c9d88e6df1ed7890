//! Launches, and those that wait until there is a writable layer for them.

use std::collections::VecDeque;

use rustix::event::epoll;

use super::Server;
use super::sources::Source;
use crate::container::Caller;
use crate::disk::Size;
use crate::engine::failure;
use crate::wire::{Failure, FailureKind, LaunchRequest};

/// What waits, the first first.
#[derive(Debug, Default)]
pub(super) struct Launches {
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    caller: Caller,
    received: u64,
    request: Box<LaunchRequest>,
    size: Size,
}

impl Server {
    /// Starts a container; at once when there is a writable layer for it, else as soon as one has been made.
    pub(super) fn launch(
        &mut self,
        caller: Caller,
        received: u64,
        request: Box<LaunchRequest>,
    ) -> Result<(), Failure> {
        self.engine.require_launchable(&request)?;
        let waits = |other: &Waiting| other.request.container == request.container;
        if self.launches.waiting.iter().any(waits) {
            let why = format!("The container {} is being launched already.", request.container);
            return Err(failure(FailureKind::InUse, why));
        }
        let Some(size) = self.engine.disk_to_make(&request) else {
            self.engine.launch(caller, received, &request)?;
            return self.watch(&request.container, 0);
        };
        self.launches.waiting.push_back(Waiting { caller, received, request, size });
        self.make_disks(false);
        Ok(())
    }

    /// Has as many writable layers made as launches wait for, and when `idle` spare ones as well.
    pub(super) fn make_disks(&mut self, idle: bool) {
        let waiting: Vec<Size> = self.launches.waiting.iter().map(|waiting| waiting.size).collect();
        let idle = idle && self.shutdown.is_none();
        let Some(pool) = &mut self.engine.pool else { return };
        loop {
            match pool.start(&waiting, idle) {
                Ok(Some((maker, pidfd))) => {
                    let once = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
                    // Like `pool.start` it fails for want of memory or descriptors.
                    if let Err(error) = self.sources.watch(&pidfd, Source::Made { maker }, once) {
                        return self.no_disk(None, &error.to_string());
                    }
                }
                Ok(None) => return,
                Err(error) => return self.no_disk(None, &error.to_string()),
            }
        }
    }

    /// A maker has ended: starts the launches that have waited for what it has made.
    pub(super) fn made(&mut self, maker: u64) {
        let Some(pool) = &mut self.engine.pool else { return };
        if let Err((size, why)) = pool.finish(maker) {
            self.no_disk(Some(size), &why);
        }
        while let Some(at) =
            self.launches.waiting.iter().position(|waiting| self.engine.has_disk(waiting.size))
        {
            let Some(Waiting { caller, received, request, .. }) = self.launches.waiting.remove(at) else {
                break;
            };
            let started = self.engine.launch(caller, received, &request);
            if let Err(failure) = started.and_then(|()| self.watch(&request.container, 0)) {
                self.reply(caller, Err(failure));
            }
        }
        self.make_disks(false);
    }

    /// Refuses the first launch that waits for a writable layer of this size, or of any.
    fn no_disk(&mut self, size: Option<Size>, why: &str) {
        let fits = |waiting: &Waiting| size.is_none_or(|size| waiting.size == size);
        let Some(at) = self.launches.waiting.iter().position(fits) else { return };
        if let Some(Waiting { caller, .. }) = self.launches.waiting.remove(at) {
            let why = format!("The writable layer cannot be made: {why}.");
            self.reply(caller, Err(failure(FailureKind::Internal, why)));
        }
    }

    /// Drops launches of an agent that is gone, as if it had gone before it asked: the next one is told what there is.
    pub(super) fn abandon_launches(&mut self) {
        self.launches.waiting.clear();
    }

    /// Refuses all that wait, because the launcher ends.
    pub(super) fn refuse_launches(&mut self) {
        for Waiting { caller, .. } in std::mem::take(&mut self.launches.waiting) {
            self.reply(caller, Err(ending()));
        }
    }
}

pub(super) fn ending() -> Failure {
    failure(FailureKind::TooMany, "The launcher is ending and starts no more containers.")
}
