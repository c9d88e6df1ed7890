//! The agent that everybody works with, and that is killed under their hands.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Where the agent is now, if it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch {
    /// Counts the blows.
    pub(crate) number: u64,
    address: Option<SocketAddr>,
}

/// What workers share.
pub(crate) struct World {
    epoch: Mutex<Epoch>,
    changed: Condvar,
    /// Rounds that were begun, of the whole run.
    pub(crate) begun: AtomicU64,
    /// Rounds that a blow cut off.
    pub(crate) cut: AtomicU64,
    /// Features that this build or host does not offer.
    pub(crate) missing: Mutex<BTreeSet<&'static str>>,
}

impl World {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            epoch: Mutex::new(Epoch { number: 0, address: Some(address) }),
            changed: Condvar::new(),
            begun: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            missing: Mutex::default(),
        }
    }

    /// A blow is about to fall: whatever fails from here on may be its fault.
    pub(crate) fn struck(&self) {
        let mut epoch = self.lock();
        epoch.number += 1;
        epoch.address = None;
    }

    /// There is an agent again.
    pub(crate) fn mended(&self, address: SocketAddr) {
        self.lock().address = Some(address);
        self.changed.notify_all();
    }

    /// The epoch of an agent that can be worked with; waits for it.
    pub(crate) fn agent(&self) -> (u64, SocketAddr) {
        let mut epoch = self.lock();
        loop {
            if let Some(address) = epoch.address {
                return (epoch.number, address);
            }
            epoch = self.changed.wait(epoch).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether a blow has fallen since that epoch.
    pub(crate) fn is_past(&self, epoch: u64) -> bool {
        self.lock().number != epoch
    }

    /// A number for the next round, counted from 1.
    pub(crate) fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn lock(&self) -> MutexGuard<'_, Epoch> {
        self.epoch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
