//! One stream's output on its way from the task that reads it to any number of viewers.
//!
//! The reader appends to one [log](super::log); each viewer has a cursor into it and takes at its own pace, so memory
//! does not depend on how many watch or how slow they are. Credit decides who paces the program: output is read while
//! everyone who may type has been sent nearly all of it and may be sent more. Who only watches paces nothing, and is skipped
//! ahead when too far behind; so is whoever falls behind what is kept. With nobody there the program runs on.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use porthole_protocol::control::Stream;
use porthole_protocol::http::Exit;
use porthole_protocol::limits::{LOG_BYTES, MAX_CREDIT};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::log::Log;
use super::screen::{Screen, Snapshot};

/// Most bytes read ahead of the socket of a viewer who paces: a few frames, so that a socket that can be written to always
/// finds some.
const AHEAD: u64 = 256 * 1024;

/// How far a viewer who only watches may be behind, in bytes, before it is skipped ahead: some seconds on a slow line.
const BEHIND: u64 = 1024 * 1024;

const _: () = assert!(AHEAD * 2 <= LOG_BYTES && BEHIND * 2 <= LOG_BYTES, "what is sent must be kept");

/// One stream of one process, shared by its reader and its viewers.
#[derive(Debug)]
pub(crate) struct Fanout {
    log: Arc<Log>,
    /// The terminal's screen, of a stream that has one.
    screen: Option<Arc<Screen>>,
    inner: Mutex<Inner>,
    /// Wakes the reader when it may have become allowed to read.
    demand: Notify,
}

#[derive(Debug)]
struct Inner {
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
    /// Whether the program is to wait for this viewer.
    paces: bool,
    /// Whether it has been sent all that there was once: until then it catches up, and holds up nobody.
    present: bool,
    place: Place,
    /// Wakes the viewer.
    wake: Arc<Notify>,
}

/// Where a viewer stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In the log, at its cursor.
    Reading,
    /// What it asked for is gone.
    Lost,
    /// It waits for a screen.
    Waiting,
}

impl Seat {
    /// Whether the program must wait for the viewer.
    fn holds_up(&self, end: u64) -> bool {
        let wants = self.limit > end && end.saturating_sub(self.cursor) < AHEAD;
        self.paces && self.present && self.place == Place::Reading && !wants
    }

    fn look(&mut self, end: u64) {
        self.present |= end.saturating_sub(self.cursor) < AHEAD;
    }
}

/// What a viewer finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// So many bytes were taken, and there may be more.
    Bytes(usize),
    /// Output was left out; the next byte has this offset.
    Skipped(u64),
    /// Output was left out, or is gone: the viewer needs [`Viewer::screen`] and finds nothing before [`Viewer::resume`].
    Lost,
    /// All output has been taken and the process has ended.
    Ended(Exit),
    /// Nothing, until woken.
    Nothing,
}

impl Fanout {
    pub(super) fn new(log: Arc<Log>, stream: Stream) -> Arc<Self> {
        let inner = Inner { exit: None, seats: HashMap::new(), next_seat: 0, left: Instant::now() };
        let screen = (stream == Stream::Terminal).then(Arc::default);
        Arc::new(Self { log, screen, inner: Mutex::new(inner), demand: Notify::new() })
    }

    /// The lock is held for looks and never across an await or a system call.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its output.
    pub(crate) fn log(&self) -> &Arc<Log> {
        &self.log
    }

    /// Whether the program's output is wanted now.
    pub(super) fn wants_output(&self) -> bool {
        let end = self.log.end();
        !self.lock().seats.values().any(|seat| seat.holds_up(end))
    }

    /// Resolves when [`Self::wants_output`] may have changed.
    pub(super) async fn demand_changed(&self) {
        self.demand.notified().await;
    }

    /// Moves output that a pipe holds to the log and wakes the viewers; see [`Log::append_from`].
    ///
    /// # Errors
    /// `WouldBlock` when the pipe is empty.
    pub(super) fn append_from(&self, pipe: &OwnedFd, max: usize) -> io::Result<usize> {
        let moved = self.log.append_from(pipe, max)?;
        self.lock().wake_all();
        Ok(moved)
    }

    /// Appends output of the agent's own and wakes the viewers.
    pub(super) fn append(&self, bytes: &[u8]) {
        self.log.append(bytes);
        self.lock().wake_all();
    }

    /// Says that the process has ended and its last byte is in the log.
    pub(super) fn finish(&self, exit: Exit) {
        self.log.settle();
        let mut inner = self.lock();
        inner.exit = Some(exit);
        inner.wake_all();
    }

    /// How long there has been no viewer; none while there is one.
    pub(super) fn quiet_for(&self) -> Option<Duration> {
        let inner = self.lock();
        inner.seats.is_empty().then(|| inner.left.elapsed())
    }

    /// A copy of everything kept, as far as it can be read.
    pub(crate) fn kept(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let range = self.log.range();
        let most = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        if let Err(error) = self.log.read(range.start, most, &mut bytes) {
            tracing::warn!(%error, "a log cannot be read");
        }
        bytes
    }

    /// Attaches a viewer at `from`, or at the oldest byte kept. One that asks for what is gone begins with a screen where there
    /// is one. A viewer who `paces` holds the program up when it is slow. `wake` is notified when there is something to take.
    pub(crate) fn view(
        self: &Arc<Self>,
        from: Option<u64>,
        credit: u32,
        paces: bool,
        wake: Arc<Notify>,
    ) -> Viewer {
        let kept = self.log.range();
        let (cursor, place) = match from {
            None => (kept.start, Place::Reading),
            Some(from) if from == kept.end || kept.contains(&from) => (from, Place::Reading),
            Some(_) if self.screen.is_some() => (kept.end, Place::Lost),
            Some(from) => (from.clamp(kept.start, kept.end), Place::Reading),
        };
        let limit = cursor + u64::from(credit.min(MAX_CREDIT));
        let mut seat = Seat { limit, cursor, paces, present: false, place, wake };
        seat.look(kept.end);
        let mut inner = self.lock();
        let id = inner.next_seat;
        inner.next_seat += 1;
        inner.seats.insert(id, seat);
        drop(inner);
        self.demand.notify_one();
        Viewer { fanout: Arc::clone(self), id, offset: cursor, end: kept.end }
    }

    /// Draws the screen as it is now; none of a stream without one, or when that cannot be done.
    pub(crate) fn screen(&self) -> impl Future<Output = Option<Snapshot>> + use<> {
        let drawn = self.screen.as_ref().map(|screen| Arc::clone(screen).draw(Arc::clone(&self.log)));
        async move { drawn?.await }
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
        let kept = self.fanout.log.range();
        let mut inner = self.fanout.lock();
        let Inner { exit, seats, .. } = &mut *inner;
        let Some(seat) = seats.get_mut(&self.id) else { return Taken::Nothing };
        match seat.place {
            Place::Waiting => return Taken::Nothing,
            Place::Lost => {
                seat.place = Place::Waiting;
                return Taken::Lost;
            }
            Place::Reading => {}
        }
        let credit = seat.limit - seat.cursor;
        if seat.cursor >= kept.end {
            // The exit is told after the last byte: what was appended since is in the log before the exit is known.
            let is_last = seat.cursor == self.fanout.log.end();
            return exit.filter(|_| is_last).map_or(Taken::Nothing, Taken::Ended);
        }
        if credit == 0 {
            return Taken::Nothing;
        }
        let too_far = !seat.paces && seat.present && kept.end - seat.cursor > BEHIND;
        if seat.cursor < kept.start || too_far && self.fanout.screen.is_some() {
            if self.fanout.screen.is_some() {
                seat.place = Place::Waiting;
                self.fanout.demand.notify_one();
                return Taken::Lost;
            }
            seat.cursor = kept.start;
            seat.limit = seat.cursor + credit;
            self.fanout.demand.notify_one();
            return Taken::Skipped(seat.cursor);
        }
        let cursor = seat.cursor;
        drop(inner);
        let max = max.min(usize::try_from(credit).unwrap_or(usize::MAX));
        let count = self.fanout.log.read(cursor, max, target).unwrap_or_else(|error| {
            tracing::warn!(%error, "a log cannot be read");
            0
        });
        self.took(count)
    }

    fn took(&self, count: usize) -> Taken {
        let mut inner = self.fanout.lock();
        // What was appended since is what the reader may have stopped for: by an older end it would not be woken.
        let end = self.fanout.log.end();
        let Some(seat) = inner.seats.get_mut(&self.id) else { return Taken::Nothing };
        if count == 0 {
            // Dropped this moment, or it cannot be read: it is gone.
            self.fanout.demand.notify_one();
            seat.cursor = end;
            seat.limit = seat.limit.max(end);
            if self.fanout.screen.is_some() {
                seat.place = Place::Waiting;
                return Taken::Lost;
            }
            return Taken::Skipped(end);
        }
        let held_up = seat.holds_up(end);
        seat.cursor += count as u64;
        seat.look(end);
        if held_up && !seat.holds_up(end) {
            self.fanout.demand.notify_one();
        }
        Taken::Bytes(count)
    }

    /// Draws the screen for a viewer that is lost; none when that cannot be done.
    pub(crate) fn screen(&self) -> impl Future<Output = Option<Snapshot>> + use<> {
        self.fanout.screen()
    }

    /// Goes on at the offset of the screen, or after all there is when there was none; answers where that is, and whether the
    /// viewer expected another offset.
    pub(crate) fn resume(&mut self, screen: Option<&Snapshot>) -> (u64, bool) {
        let end = self.fanout.log.end();
        let offset = screen.map_or(end, |screen| screen.offset);
        let mut inner = self.fanout.lock();
        let Some(seat) = inner.seats.get_mut(&self.id) else { return (offset, false) };
        let jumped = seat.cursor != offset;
        let credit = seat.limit.saturating_sub(seat.cursor);
        seat.cursor = offset;
        seat.limit = offset + credit;
        seat.place = Place::Reading;
        seat.look(end);
        drop(inner);
        self.fanout.demand.notify_one();
        (offset, jumped)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let mut inner = self.fanout.lock();
        inner.seats.remove(&self.id);
        inner.left = Instant::now();
        let is_last = inner.seats.is_empty();
        drop(inner);
        if let Some(screen) = self.fanout.screen.as_ref().filter(|_| is_last) {
            screen.forget();
        }
        // The last one to go lets the program run on.
        self.fanout.demand.notify_one();
    }
}

#[cfg(test)]
mod tests;
