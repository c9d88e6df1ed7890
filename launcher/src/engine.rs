//! All that the launcher owns, and what each request does to it.

mod answers;
mod disks;
mod ends;
mod sites;
mod socket;
mod starts;
mod update;
mod weights;

pub(crate) use starts::{no_range, step_failed};

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::libc::sock_filter;
use rustix::io::Errno;

use crate::cgroup::{Cgroups, Weights};
use crate::container::Container;
use crate::disk::{Pool, Projects};
use crate::net::Net;
use crate::oci::Oci;
use crate::plan::{Host, Storage};
use crate::ranges::Ranges;
use crate::store::Store;
use crate::trash::Trash;
use crate::wire::{Failure, FailureKind};
use crate::{facts, init, launch, seccomp, worker};

/// The launcher's state.
#[derive(Debug)]
pub(crate) struct Engine {
    /// The state directory.
    pub(crate) state: PathBuf,
    pub(crate) host: Host,
    pub(crate) store: Store,
    pub(crate) cgroups: Cgroups,
    weights: Weights,
    pub(crate) ranges: Ranges,
    pub(crate) net: Net,
    /// The containers' seccomp filter, compiled once.
    pub(crate) filter: Vec<sock_filter>,
    /// The containers' init, in a sealed memory file.
    pub(crate) init: Arc<OwnedFd>,
    /// The launcher's own process id namespace; none when it may not return to it.
    pub(crate) home: Option<OwnedFd>,
    /// Its own network namespace, likewise.
    network: Option<OwnedFd>,
    /// Engines beside our own.
    pub(crate) oci: Oci,
    pub(crate) containers: BTreeMap<String, Container>,
    pub(crate) trash: Trash,
    /// Images for writable layers, where those are what limits them.
    pub(crate) pool: Option<Pool>,
    /// Projects of containers, where quotas are what limits them.
    pub(crate) projects: Projects,
    /// What takes long to close, until a child does it.
    doomed: Vec<OwnedFd>,
    /// Containers of an earlier launcher that are still dying.
    pub(crate) left: Vec<String>,
    trash_count: u64,
    /// Whether something was put into the trash since [`Engine::take_trash`].
    trash_filled: bool,
}

impl Engine {
    /// Finds out what this host can do and prepares everything that all containers share.
    pub(crate) fn new(state: &Path, rootless: bool, ranges: Ranges) -> io::Result<Self> {
        let store = Store::open(state)?;
        let cgroups = Cgroups::set_up(state, rootless);
        let mut left = cgroups.left();
        left.retain(|container| !cgroups.end(container));
        store.sweep()?;
        worker::sweep(store.layers(), store.trash())?;
        let trash_filled = !store.is_trash_empty()?;
        let host = facts::look(state, rootless, &cgroups);
        let pool = match host.storage {
            Storage::Image => Some(Pool::new(store.containers(), ranges.store().0)?),
            _ => None,
        };
        Ok(Self {
            state: state.to_owned(),
            host,
            cgroups,
            weights: Weights::default(),
            store,
            ranges,
            net: Net::new(state, rootless)?,
            filter: seccomp::filter(),
            init: Arc::new(init::load()?),
            network: socket::home()?,
            home: if rootless { None } else { Some(launch::home()?) },
            oci: Oci::new(state, rootless)?,
            containers: BTreeMap::new(),
            trash: Trash::default(),
            pool,
            projects: Projects::default(),
            doomed: Vec::new(),
            left,
            trash_count: 0,
            trash_filled,
        })
    }
}

pub(crate) fn failure(kind: FailureKind, message: impl Into<String>) -> Failure {
    Failure { kind, message: message.into() }
}

/// The failure of `what`, which the kernel refused: for want of something that may come free, or unexpectedly.
pub(crate) fn refused(what: impl Display, error: &io::Error) -> Failure {
    let kind = match Errno::from_io_error(error) {
        Some(
            Errno::MFILE
            | Errno::NFILE
            | Errno::AGAIN
            | Errno::NOBUFS
            | Errno::NOMEM
            | Errno::NOSPC
            | Errno::USERS,
        ) => FailureKind::TooMany,
        _ => FailureKind::Internal,
    };
    failure(kind, format!("{what}: {}.", reason(error)))
}

/// The kernel's words for an error, without the number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

impl Engine {
    /// Makes what the next launch needs, while nobody waits.
    pub(crate) fn prepare(&mut self) {
        // Both fail for want of something that the launch itself will find missing, and say so.
        if let Some(range) = self.ranges.next() {
            let _ = self.store.prepare(range.ids.store);
        }
        let _ = self.ranges.prepare();
    }
}
