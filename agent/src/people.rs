//! Who is at a terminal: one [`Room`] for each that somebody is attached to.
//!
//! [`state`] is the pure part: who may type, and whose size counts. What everybody is told is made once for all of them, and what
//! changes within a moment is told together: a hundred who come at once do not make a hundred lists for each of a hundred.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use porthole_protocol::ids::{ContainerId, PersonId, ProcessNumber};
use porthole_protocol::limits::MAX_VIEWERS;
use porthole_protocol::session::Person;
use porthole_protocol::spec::Size;
use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;

use crate::terminal::Terminal;

mod name;
mod state;

use name::Numbers;
pub(crate) use name::tidy;
use state::State;

/// Least time between two tellings, in milliseconds, and how much longer it is for each who is told: the work is that of the
/// square of their number.
const PAUSE_MS: u64 = 250;
const PAUSE_EACH_MS: u64 = 2;

/// Why somebody cannot have what is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PeopleError {
    /// No more may look on.
    #[error("There are {MAX_VIEWERS} clients at this terminal already.")]
    TooMany,
    /// The keyboard cannot go to somebody who is not there, or may only watch.
    #[error("Nobody who may type is here by that number.")]
    NoSuchPerson,
}

/// All rooms; clones share them.
#[derive(Clone)]
pub(crate) struct People {
    rooms: Arc<Mutex<Rooms>>,
    numbers: Arc<Numbers>,
    tasks: TaskTracker,
}

type Rooms = HashMap<(ContainerId, ProcessNumber), Weak<Room>>;

/// The people at one terminal.
pub(crate) struct Room {
    container: ContainerId,
    process: ProcessNumber,
    terminal: Terminal,
    tasks: TaskTracker,
    inner: Mutex<Inner>,
    news: watch::Sender<Arc<Telling>>,
}

struct Inner {
    state: State,
    /// Woken when there is news, by seat.
    wakes: HashMap<u64, Arc<Notify>>,
    last_told: Option<Instant>,
    /// Whether a task is about to tell.
    telling: bool,
}

/// The message `people`, but for the number of whoever gets it.
#[derive(Debug, Default)]
struct Telling {
    head: String,
    tail: String,
}

/// One client's place at a terminal. Dropping it leaves.
pub(crate) struct Seat {
    room: Arc<Room>,
    id: u64,
    /// Whether what was typed last was refused.
    refused: AtomicBool,
}

/// What becomes of something typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typing {
    /// It goes to the program.
    Accepted,
    /// It goes nowhere, and this is to be told.
    RefusedFirst,
    /// It goes nowhere, as was told.
    Refused,
}

/// What one client is told of the people.
#[derive(Debug)]
pub(crate) struct News {
    told: watch::Receiver<Arc<Telling>>,
    you: PersonId,
}

impl News {
    /// The newest message `people`, if it has not been taken.
    pub(crate) fn take(&mut self) -> Option<String> {
        if !self.told.has_changed().unwrap_or(false) {
            return None;
        }
        let Telling { head, tail } = &**self.told.borrow_and_update();
        Some(format!("{head}{}{tail}", self.you))
    }
}

impl People {
    /// Nobody anywhere; `tasks` joins what tells.
    pub(crate) fn new(tasks: TaskTracker) -> Self {
        Self { rooms: Arc::default(), numbers: Arc::default(), tasks }
    }

    /// A number for somebody new.
    pub(crate) fn number(&self) -> PersonId {
        self.numbers.next()
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place at a terminal; `wake` is notified of news.
    ///
    /// # Errors
    /// [`PeopleError::TooMany`].
    pub(crate) fn join(
        &self,
        (container, process): (&ContainerId, ProcessNumber),
        terminal: &Terminal,
        person: &Person,
        wake: Arc<Notify>,
    ) -> Result<(Seat, News), PeopleError> {
        let room = {
            let mut rooms = self.rooms();
            rooms.retain(|_, room| room.strong_count() > 0);
            let key = (container.clone(), process);
            let there = rooms.get(&key).and_then(Weak::upgrade);
            there.unwrap_or_else(|| {
                let inner = Inner {
                    state: State::new(terminal.size()),
                    wakes: HashMap::new(),
                    last_told: None,
                    telling: false,
                };
                let room = Arc::new(Room {
                    container: container.clone(),
                    process,
                    terminal: terminal.clone(),
                    tasks: self.tasks.clone(),
                    inner: Mutex::new(inner),
                    news: watch::Sender::new(Arc::default()),
                });
                rooms.insert(key, Arc::downgrade(&room));
                room
            })
        };
        let told = room.news.subscribe();
        let id = {
            let mut inner = room.inner();
            if inner.wakes.len() >= MAX_VIEWERS {
                return Err(PeopleError::TooMany);
            }
            let id = inner.state.join(person.clone());
            inner.wakes.insert(id, wake);
            id
        };
        room.changed();
        Ok((Seat { room, id, refused: AtomicBool::new(false) }, News { told, you: person.id }))
    }

    /// Hands the keyboard of a terminal to somebody, or to all who may type.
    ///
    /// # Errors
    /// [`PeopleError::NoSuchPerson`].
    pub(crate) fn hand(
        &self,
        container: &ContainerId,
        process: ProcessNumber,
        holder: Option<PersonId>,
    ) -> Result<(), PeopleError> {
        let room = self.rooms().get(&(container.clone(), process)).and_then(Weak::upgrade);
        match (room, holder) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(PeopleError::NoSuchPerson),
            (Some(room), holder) => {
                if !room.inner().state.hand(holder) {
                    return Err(PeopleError::NoSuchPerson);
                }
                room.changed();
                Ok(())
            }
        }
    }
}

impl Seat {
    /// Whether this client may type now; if so, it is the last who did.
    pub(crate) fn types(&self) -> Typing {
        let (may, resized) = {
            let mut inner = self.room.inner();
            (inner.state.types(self.id), inner.state.settle())
        };
        self.room.resized(resized);
        match (may, self.refused.swap(!may, Ordering::Relaxed)) {
            (true, _) => Typing::Accepted,
            (false, false) => Typing::RefusedFirst,
            (false, true) => Typing::Refused,
        }
    }

    /// This client's screen has a new size. It is the terminal's when it counts.
    pub(crate) fn resize(&self, size: Size) {
        let resized = {
            let mut inner = self.room.inner();
            inner.state.resize(self.id, size);
            inner.state.settle()
        };
        self.room.resized(resized);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let resized = {
            let mut inner = self.room.inner();
            inner.wakes.remove(&self.id);
            inner.state.leave(self.id);
            inner.state.settle()
        };
        self.room.resized(resized);
        self.room.changed();
    }
}

impl Room {
    /// Held for look-ups and changes only, never across an await.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the terminal the size that counts now, if that has changed.
    fn resized(self: &Arc<Self>, size: Option<Size>) {
        if let Some(size) = size {
            self.terminal.resize(size);
            self.changed();
        }
    }

    /// Tells everybody, now or as soon as it is time again.
    fn changed(self: &Arc<Self>) {
        let mut inner = self.inner();
        if inner.telling {
            return;
        }
        let pause = Duration::from_millis(PAUSE_MS + PAUSE_EACH_MS * inner.wakes.len() as u64);
        match inner.last_told.map(|last| last + pause).filter(|next| *next > Instant::now()) {
            None => self.tell(&mut inner),
            Some(next) => {
                inner.telling = true;
                let room = Arc::downgrade(self);
                self.tasks.spawn(async move {
                    sleep_until(next).await;
                    if let Some(room) = room.upgrade() {
                        let mut inner = room.inner();
                        inner.telling = false;
                        room.tell(&mut inner);
                    }
                });
            }
        }
    }

    fn tell(&self, inner: &mut Inner) {
        inner.last_told = Some(Instant::now());
        self.news.send_replace(Arc::new(self.telling(&inner.state)));
        inner.wakes.values().for_each(|wake| wake.notify_one());
    }

    fn telling(&self, state: &State) -> Telling {
        let head = format!(
            "{{\"type\":\"people\",\"container\":{},\"process\":{},\"people\":{},\"you\":",
            json(&self.container),
            self.process,
            json(&state.people())
        );
        let keyboard = state.keyboard().map(|holder| format!(",\"keyboard\":{holder}")).unwrap_or_default();
        Telling { head, tail: format!("{keyboard},\"size\":{}}}", json(&state.size())) }
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("it has no map with other keys than text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use porthole_protocol::control::ServerMessage;
    use porthole_protocol::session::May;

    #[test]
    fn what_is_told_is_the_message_as_everyone_reads_it() {
        let mut state = State::new(Size { rows: 24, cols: 80 });
        let person = Person { id: 7, name: "A \"quoted\" name".into(), may: May::Type, owner: true };
        state.join(person.clone());
        for holder in [None, Some(7)] {
            assert!(state.hand(holder));
            let container: ContainerId = "0123456789ab".parse().unwrap();
            let head = format!(
                "{{\"type\":\"people\",\"container\":{},\"process\":3,\"people\":{},\"you\":",
                json(&container),
                json(&state.people())
            );
            let keyboard =
                state.keyboard().map(|holder| format!(",\"keyboard\":{holder}")).unwrap_or_default();
            let text = format!("{head}7{keyboard},\"size\":{}}}", json(&state.size()));
            let message = ServerMessage::People {
                container,
                process: 3,
                people: vec![person.clone()],
                you: 7,
                keyboard: holder,
                size: Size { rows: 24, cols: 80 },
            };
            assert_eq!(text, serde_json::to_string(&message).unwrap());
        }
    }
}
