//! The gate that every launch passes: while this machine has no room, launches wait in the order in which they came.
//!
//! The first in the queue looks whether there is room, whenever a container has changed and now and then; the others only
//! learn their position. A launch that finds an empty queue and room passes without waiting or touching the machine: what
//! was seen a moment ago still holds.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

mod room;

use room::Facts;
pub use room::Policy;

/// How long what was seen of the machine holds. Starts meanwhile are counted by themselves.
const FRESH: Duration = Duration::from_secs(1);

/// How often the first in the queue looks when nothing tells it to: memory and disk come free without a word.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A place in the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// 1 is next.
    pub(crate) position: u32,
    /// What there is too little of, in a sentence.
    pub(crate) reason: String,
}

/// So many wait already that no more may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Full(pub(crate) Place);

/// The gate; clones are the same one.
#[derive(Clone)]
pub(crate) struct Admission(Arc<Gate>);

struct Gate {
    policy: Policy,
    /// Whose disk counts.
    state: PathBuf,
    /// Held for a moment, never across an await.
    inner: Mutex<Inner>,
    /// Grows when the queue moves, or its reason changes.
    moved: watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    queue: VecDeque<u64>,
    next: u64,
    /// Launches that have passed and are not counted among the living yet.
    passing: usize,
    /// What was last seen, and the launches that have passed since.
    seen: Option<(Instant, Facts)>,
    since: u64,
    reason: String,
}

/// Leave to launch one container; dropped when that counts among the living.
pub(crate) struct Permit(Admission);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.lock().passing -= 1;
    }
}

/// A number in the queue, given back when it is dropped.
struct Ticket<'a> {
    admission: &'a Admission,
    number: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.admission.lock().queue.retain(|number| *number != self.number);
        self.admission.bump();
    }
}

impl Admission {
    /// A gate by this policy for containers whose files are below `state`.
    pub(crate) fn new(policy: Policy, state: PathBuf) -> Self {
        Self(Arc::new(Gate { policy, state, inner: Mutex::default(), moved: watch::Sender::new(0) }))
    }

    /// Most containers that live at a time.
    pub(crate) fn max_containers(&self) -> usize {
        self.0.policy.max_containers
    }

    /// Waits for room; dropped, it leaves the queue. `alive` tells how many containers there are, `changed` when that may be
    /// another number; `told` hears every change of the place.
    ///
    /// # Errors
    /// [`Full`].
    pub(crate) async fn enter(
        &self,
        alive: impl Fn() -> usize,
        mut changed: watch::Receiver<u64>,
        mut told: impl FnMut(&Place),
    ) -> Result<Permit, Full> {
        let number = match self.try_enter(&alive) {
            Ok(permit) => return Ok(permit),
            Err(number) => number?,
        };
        let ticket = Ticket { admission: self, number };
        let mut moved = self.0.moved.subscribe();
        let mut last = Place::default();
        loop {
            moved.mark_unchanged();
            changed.mark_unchanged();
            let place = match self.stand(number, &alive) {
                Ok(permit) => {
                    drop(ticket);
                    return Ok(permit);
                }
                Err(place) => place,
            };
            if place != last {
                told(&place);
                last = place;
            }
            tokio::select! {
                _ = moved.changed() => {}
                Ok(()) = changed.changed() => {}
                () = sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Passes, or takes a number.
    fn try_enter(&self, alive: &impl Fn() -> usize) -> Result<Permit, Result<u64, Full>> {
        let mut inner = self.lock();
        if inner.queue.is_empty() && self.has_room(&mut inner, alive) {
            return Ok(self.permit(&mut inner));
        }
        let waiting = inner.queue.len();
        if waiting >= self.0.policy.queue {
            let position = u32::try_from(waiting + 1).unwrap_or(u32::MAX);
            return Err(Err(Full(Place { position, reason: inner.reason.clone() })));
        }
        let number = inner.next;
        inner.next += 1;
        inner.queue.push_back(number);
        Err(Ok(number))
    }

    /// Passes when it is this number's turn and there is room; else tells its place.
    fn stand(&self, number: u64, alive: &impl Fn() -> usize) -> Result<Permit, Place> {
        let mut inner = self.lock();
        let before = inner.queue.iter().position(|waiting| *waiting == number).unwrap_or(0);
        if before == 0 {
            let reason = inner.reason.clone();
            if self.has_room(&mut inner, alive) {
                return Ok(self.permit(&mut inner));
            }
            if inner.reason != reason {
                self.bump();
            }
        }
        Err(Place { position: u32::try_from(before + 1).unwrap_or(u32::MAX), reason: inner.reason.clone() })
    }

    fn has_room(&self, inner: &mut Inner, alive: &impl Fn() -> usize) -> bool {
        let facts = match inner.seen {
            Some((when, facts)) if when.elapsed() < FRESH => facts,
            _ => {
                let facts = Facts::look(&self.0.state);
                inner.seen = Some((Instant::now(), facts));
                inner.since = 0;
                facts
            }
        };
        let lack = self.0.policy.lack(&facts, alive() + inner.passing, inner.since);
        if let Some(lack) = lack {
            inner.reason = lack.to_string();
        }
        lack.is_none()
    }

    fn permit(&self, inner: &mut Inner) -> Permit {
        inner.passing += 1;
        inner.since += 1;
        Permit(self.clone())
    }

    fn bump(&self) {
        self.0.moved.send_modify(|count| *count += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::poll;

    use super::*;

    fn gate(max_containers: usize, queue: usize) -> Admission {
        let policy = Policy { max_containers, queue, reserve_memory: Some(0), reserve_disk: Some(0) };
        Admission::new(policy, "/".into())
    }

    #[tokio::test]
    async fn launches_wait_in_order_and_whoever_leaves_makes_way() {
        let (gate, alive, changed) = (gate(1, 2), AtomicUsize::new(0), watch::Sender::new(0));
        let places: [Mutex<Vec<u32>>; 3] = Default::default();
        let enter = |n: usize| {
            let heard = &places[n];
            let told = move |place: &Place| heard.lock().unwrap().push(place.position);
            gate.enter(|| alive.load(Ordering::Relaxed), changed.subscribe(), told)
        };
        let told = |n: usize| places[n].lock().unwrap().clone();
        let permit = enter(0).await.unwrap();
        alive.store(1, Ordering::Relaxed);
        drop(permit);
        let (mut first, mut second) = (Box::pin(enter(1)), Box::pin(enter(2)));
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        assert_eq!((told(1), told(2)), (vec![1], vec![2]));
        let Err(Full(place)) = enter(0).await else { panic!("the queue is full") };
        assert_eq!(place.position, 3);
        assert!(place.reason.contains("no more may"), "{}", place.reason);
        drop(first);
        assert!(poll!(&mut second).is_pending());
        assert_eq!(told(2), [2, 1]);
        alive.store(0, Ordering::Relaxed);
        changed.send_modify(|count| *count += 1);
        assert!(second.await.is_ok());
    }

    #[tokio::test]
    async fn a_permit_counts_until_its_container_does() {
        let gate = gate(1, 1);
        let changed = watch::Sender::new(0);
        let enter = || gate.enter(|| 0, changed.subscribe(), |_| {});
        let permit = enter().await.unwrap();
        let mut next = Box::pin(enter());
        assert!(poll!(&mut next).is_pending());
        drop(permit);
        assert!(next.await.is_ok());
    }
}
