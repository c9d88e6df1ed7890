//! One stream's output on its way from the task that reads it to any number of viewers.
//!
//! The reader appends to one [log](super::log); each viewer has a cursor into it and takes at its own pace, so memory
//! does not depend on how many watch or how slow they are. Credit decides who paces the program: output is read while
//! some viewer may still be sent more and keeps up, or nobody watches. A viewer that falls behind what is kept is skipped ahead.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use porthole_protocol::http::Exit;
use porthole_protocol::limits::{LOG_BYTES, MAX_CREDIT};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::log::Log;

/// Most bytes read ahead of the quickest viewer's socket: a few frames, so that a socket that can be written to always
/// finds some, and nothing is dropped that a viewer with credit is about to take.
const AHEAD: usize = 256 * 1024;

const _: () = assert!(AHEAD * 2 <= LOG_BYTES, "what is read ahead must be kept");

/// One stream of one process, shared by its reader and its viewers.
#[derive(Debug)]
pub(crate) struct Fanout {
    inner: Mutex<Inner>,
    /// Wakes the reader when it may have become allowed to read.
    demand: Notify,
}

#[derive(Debug)]
struct Inner {
    log: Log,
    /// How the process ended, once the last byte is in the log.
    exit: Option<Exit>,
    seats: HashMap<u64, Seat>,
    next_seat: u64,
    /// When the last viewer left; when it was made, while none has come.
    left: Instant,
}

/// What the stream knows of a viewer.
#[derive(Debug)]
struct Seat {
    /// Offset up to which the viewer may be sent.
    limit: u64,
    /// Offset of the next byte to send.
    cursor: u64,
    /// Wakes the viewer.
    wake: Arc<Notify>,
}

impl Seat {
    /// Whether the viewer may be sent more than the log holds, and its socket keeps up with it.
    fn wants(&self, end: u64) -> bool {
        self.limit > end && end - self.cursor < AHEAD as u64
    }
}

/// What a viewer finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// So many bytes were taken, and there may be more.
    Bytes(usize),
    /// Output was left out; the next byte has this offset.
    Skipped(u64),
    /// All output has been taken and the process has ended.
    Ended(Exit),
    /// Nothing, until woken.
    Nothing,
}

impl Fanout {
    pub(super) fn new() -> Arc<Self> {
        let log = Log::new(LOG_BYTES);
        let inner = Inner { log, exit: None, seats: HashMap::new(), next_seat: 0, left: Instant::now() };
        Arc::new(Self { inner: Mutex::new(inner), demand: Notify::new() })
    }

    /// The lock is held for a copy of one frame at most and never across an await.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the program's output is wanted now.
    pub(super) fn wants_output(&self) -> bool {
        let inner = self.lock();
        inner.seats.is_empty() || inner.seats.values().any(|seat| seat.wants(inner.log.end()))
    }

    /// Resolves when [`Self::wants_output`] may have changed.
    pub(super) async fn demand_changed(&self) {
        self.demand.notified().await;
    }

    /// Appends output and wakes the viewers.
    pub(super) fn append(&self, bytes: &[u8]) {
        let mut inner = self.lock();
        inner.log.append(bytes);
        inner.wake_all();
    }

    /// Says that the process has ended and its last byte is in the log.
    pub(super) fn finish(&self, exit: Exit) {
        let mut inner = self.lock();
        inner.exit = Some(exit);
        inner.wake_all();
    }

    /// How long there has been no viewer; none while there is one.
    pub(super) fn quiet_for(&self) -> Option<Duration> {
        let inner = self.lock();
        inner.seats.is_empty().then(|| inner.left.elapsed())
    }

    /// A copy of everything kept.
    pub(crate) fn kept(&self) -> Vec<u8> {
        let inner = self.lock();
        let mut bytes = Vec::new();
        inner.log.copy(inner.log.start(), LOG_BYTES, &mut bytes);
        bytes
    }

    /// Attaches a viewer at `from`, or at the nearest byte that is kept; `wake` is notified when there is something to
    /// take.
    pub(crate) fn view(self: &Arc<Self>, from: Option<u64>, credit: u32, wake: Arc<Notify>) -> Viewer {
        let mut inner = self.lock();
        let (start, end) = (inner.log.start(), inner.log.end());
        let cursor = from.unwrap_or(start).clamp(start, end);
        let id = inner.next_seat;
        inner.next_seat += 1;
        let limit = cursor + u64::from(credit.min(MAX_CREDIT));
        inner.seats.insert(id, Seat { limit, cursor, wake });
        drop(inner);
        self.demand.notify_one();
        Viewer { fanout: Arc::clone(self), id, offset: cursor, end }
    }

    /// Lets a viewer be sent so many more bytes; what is granted in advance never exceeds [`MAX_CREDIT`].
    pub(crate) fn grant(&self, viewer: u64, bytes: u32) {
        let mut inner = self.lock();
        if let Some(seat) = inner.seats.get_mut(&viewer) {
            seat.limit = (seat.limit + u64::from(bytes)).min(seat.cursor + u64::from(MAX_CREDIT));
            seat.wake.notify_one();
        }
        drop(inner);
        self.demand.notify_one();
    }
}

impl Inner {
    fn wake_all(&self) {
        self.seats.values().for_each(|seat| seat.wake.notify_one());
    }
}

/// A viewer's place. Dropping it detaches.
#[derive(Debug)]
pub(crate) struct Viewer {
    fanout: Arc<Fanout>,
    id: u64,
    /// Offset of the first byte to come.
    offset: u64,
    /// Offset at which the output ended when the viewer came.
    end: u64,
}

impl Viewer {
    /// Offset at which the viewer began.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Offset at which the output ended when the viewer came: what it is sent before that is old.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// For [`Fanout::grant`].
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Appends at most `max` bytes of output to `target`, as far as credit reaches.
    pub(crate) fn take(&mut self, max: usize, target: &mut Vec<u8>) -> Taken {
        let mut inner = self.fanout.lock();
        let Inner { log, exit, seats, .. } = &mut *inner;
        let Some(seat) = seats.get_mut(&self.id) else { return Taken::Nothing };
        let credit = seat.limit - seat.cursor;
        if seat.cursor == log.end() {
            return exit.map_or(Taken::Nothing, Taken::Ended);
        }
        if credit == 0 {
            return Taken::Nothing;
        }
        if seat.cursor < log.start() {
            seat.cursor = log.start();
            seat.limit = seat.cursor + credit;
            self.fanout.demand.notify_one();
            return Taken::Skipped(seat.cursor);
        }
        let max = max.min(usize::try_from(credit).unwrap_or(usize::MAX));
        let count = log.copy(seat.cursor, max, target);
        let wanted = seat.wants(log.end());
        seat.cursor += count as u64;
        if !wanted && seat.wants(log.end()) {
            self.fanout.demand.notify_one();
        }
        Taken::Bytes(count)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let mut inner = self.fanout.lock();
        inner.seats.remove(&self.id);
        inner.left = Instant::now();
        drop(inner);
        // The last one to go lets the program run on.
        self.fanout.demand.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXIT: Exit = Exit { code: 0, signal: None, out_of_memory: false };

    fn view(fanout: &Arc<Fanout>, from: Option<u64>, credit: u32) -> Viewer {
        fanout.view(from, credit, Arc::new(Notify::new()))
    }

    #[test]
    fn output_comes_as_far_as_credit_reaches_and_the_exit_after_the_last_byte() {
        let fanout = Fanout::new();
        let mut viewer = view(&fanout, None, 3);
        fanout.append(b"hello");
        fanout.finish(EXIT);
        let mut got = Vec::new();
        assert_eq!(viewer.take(99, &mut got), Taken::Bytes(3));
        assert_eq!(viewer.take(99, &mut got), Taken::Nothing);
        fanout.grant(viewer.id(), 9);
        assert_eq!(viewer.take(99, &mut got), Taken::Bytes(2));
        assert_eq!(viewer.take(99, &mut got), Taken::Ended(EXIT));
        assert_eq!(got, b"hello");
    }

    #[test]
    fn output_is_wanted_while_nobody_watches_or_somebody_has_credit() {
        let fanout = Fanout::new();
        assert!(fanout.wants_output());
        let slow = view(&fanout, None, 0);
        assert!(!fanout.wants_output());
        let quick = view(&fanout, None, 2);
        assert!(fanout.wants_output());
        fanout.append(b"ab");
        assert!(!fanout.wants_output());
        drop((slow, quick));
        assert!(fanout.wants_output());
    }

    #[test]
    fn no_more_is_read_than_the_quickest_viewer_with_credit_keeps_up_with() {
        let fanout = Fanout::new();
        let mut viewer = view(&fanout, None, MAX_CREDIT);
        fanout.append(&vec![b'x'; AHEAD]);
        assert!(!fanout.wants_output());
        viewer.take(1, &mut Vec::new());
        assert!(fanout.wants_output());
    }

    #[test]
    fn a_viewer_that_falls_behind_is_skipped_ahead_with_its_credit() {
        let fanout = Fanout::new();
        let mut viewer = view(&fanout, None, 5);
        fanout.append(&vec![b'x'; LOG_BYTES]);
        fanout.append(b"0123456789");
        let mut got = Vec::new();
        assert_eq!(viewer.take(99, &mut got), Taken::Skipped(10));
        assert_eq!(viewer.take(99, &mut got), Taken::Bytes(5));
        assert_eq!(viewer.take(99, &mut got), Taken::Nothing);
    }

    #[test]
    fn a_viewer_begins_where_it_asks_or_at_the_nearest_byte_kept() {
        let fanout = Fanout::new();
        fanout.append(&vec![b'x'; LOG_BYTES + 7]);
        let end = LOG_BYTES as u64 + 7;
        for (asked, given) in [(None, 7), (Some(0), 7), (Some(100), 100), (Some(u64::MAX), end)] {
            assert_eq!(view(&fanout, asked, 0).offset(), given, "{asked:?}");
        }
    }

    #[test]
    fn credit_in_advance_is_bounded() {
        let fanout = Fanout::new();
        let viewer = view(&fanout, None, u32::MAX);
        fanout.grant(viewer.id(), u32::MAX);
        fanout.append(&vec![b'x'; MAX_CREDIT as usize]);
        assert!(!fanout.wants_output());
    }
}
