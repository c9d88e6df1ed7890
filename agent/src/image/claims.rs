//! Who is at work on a layer or a download, and what must stay meanwhile.
//!
//! Whatever is added is *pinned* before anybody looks whether it is there, and each layer is made or removed by whoever
//! holds its *claim*: so two additions never make one layer twice, and a removal never takes what an addition relies on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::OwnedMutexGuard;

use super::digest::Digest;

/// A lock for each digest, there as long as somebody holds it or waits for it. Nobody may wait for one while holding another.
#[derive(Debug, Default)]
pub(super) struct Claims {
    locks: Mutex<BTreeMap<Digest, Weak<tokio::sync::Mutex<()>>>>,
}

/// Held by whoever is at work.
pub(super) type Claim = OwnedMutexGuard<()>;

impl Claims {
    /// Waits until nobody else is at work on it.
    pub(super) async fn claim(&self, digest: &Digest) -> Claim {
        self.lock(digest).lock_owned().await
    }

    /// Claims it unless somebody else is at work on it.
    pub(super) fn try_claim(&self, digest: &Digest) -> Option<Claim> {
        self.lock(digest).try_lock_owned().ok()
    }

    fn lock(&self, digest: &Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = held(&self.locks);
        locks.retain(|_, lock| lock.strong_count() > 0);
        if let Some(lock) = locks.get(digest).and_then(Weak::upgrade) {
            return lock;
        }
        let lock = Arc::default();
        locks.insert(digest.clone(), Arc::downgrade(&lock));
        lock
    }
}

/// Layers and blobs that additions under way rely on, each with how many do.
#[derive(Debug, Default)]
pub(super) struct Pins {
    counts: Mutex<BTreeMap<Digest, usize>>,
}

/// Keeps what it names from being removed.
#[derive(Debug)]
pub(super) struct Pinned {
    pins: Arc<Pins>,
    digests: Vec<Digest>,
}

impl Pins {
    /// Pins all of these until the answer is dropped.
    pub(super) fn pin(self: &Arc<Self>, digests: impl IntoIterator<Item = Digest>) -> Pinned {
        let digests: Vec<_> = digests.into_iter().collect();
        let mut counts = held(&self.counts);
        for digest in &digests {
            *counts.entry(digest.clone()).or_default() += 1;
        }
        Pinned { pins: Arc::clone(self), digests }
    }

    /// Everything that is pinned at this moment.
    pub(super) fn all(&self) -> BTreeSet<Digest> {
        held(&self.counts).keys().cloned().collect()
    }

    /// Whether it is pinned at this moment.
    pub(super) fn has(&self, digest: &Digest) -> bool {
        held(&self.counts).contains_key(digest)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let mut counts = held(&self.pins.counts);
        for digest in &self.digests {
            if let Some(count) = counts.get_mut(digest) {
                *count -= 1;
                if *count == 0 {
                    counts.remove(digest);
                }
            }
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time_is_at_work_on_a_layer() {
        let claims = Claims::default();
        let (one, two) = (Digest::of(b"1"), Digest::of(b"2"));
        let first = claims.claim(&one).await;
        assert!(claims.try_claim(&one).is_none());
        assert!(claims.try_claim(&two).is_some());
        let mut second = Box::pin(claims.claim(&one));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        drop(second.await);
        assert!(claims.try_claim(&one).is_some());
        assert_eq!(held(&claims.locks).len(), 1, "locks that nobody holds go");
    }

    #[test]
    fn what_is_pinned_twice_stays_until_both_let_go() {
        let pins = Arc::new(Pins::default());
        let digest = Digest::of(b"x");
        let (one, two) = (pins.pin([digest.clone(), digest.clone()]), pins.pin([digest.clone()]));
        drop(one);
        assert!(pins.has(&digest));
        drop(two);
        assert!(!pins.has(&digest) && pins.all().is_empty());
    }
}
