//! All that the launcher owns, and what each request does to it.

mod answers;
mod ends;
mod starts;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::libc::sock_filter;

use crate::container::Container;
use crate::plan::Host;
use crate::ranges::Ranges;
use crate::store::Store;
use crate::wire::{Failure, FailureKind};
use crate::{facts, init, launch, seccomp, worker};

/// The launcher's state.
#[derive(Debug)]
pub(crate) struct Engine {
    /// The state directory.
    pub(crate) state: PathBuf,
    pub(crate) host: Host,
    pub(crate) store: Store,
    pub(crate) ranges: Ranges,
    /// The containers' seccomp filter, compiled once.
    pub(crate) filter: Vec<sock_filter>,
    /// The containers' init, in a sealed memory file.
    pub(crate) init: Arc<OwnedFd>,
    /// The launcher's own process id namespace.
    pub(crate) home: OwnedFd,
    pub(crate) containers: BTreeMap<String, Container>,
    trash_count: u64,
}

impl Engine {
    /// Finds out what this host can do and prepares everything that all containers share.
    pub(crate) fn new(state: &Path, rootless: bool, ranges: Ranges) -> io::Result<Self> {
        let store = Store::open(state)?;
        let host = facts::look(rootless, &store);
        worker::sweep(store.layers(), store.trash())?;
        Ok(Self {
            state: state.to_owned(),
            host,
            store,
            ranges,
            filter: seccomp::filter(),
            init: Arc::new(init::load()?),
            home: launch::home()?,
            containers: BTreeMap::new(),
            trash_count: 0,
        })
    }

    /// The container of that id.
    pub(crate) fn container(&mut self, id: &str) -> Result<&mut Container, Failure> {
        self.containers
            .get_mut(id)
            .ok_or_else(|| failure(FailureKind::NoSuchContainer, format!("There is no container {id}.")))
    }
}

pub(crate) fn failure(kind: FailureKind, message: impl Into<String>) -> Failure {
    Failure { kind, message: message.into() }
}
