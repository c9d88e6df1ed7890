//! What is typed, on its way into a program that may not be reading.
//!
//! Whoever has input hands it over here, and it goes as far as it can at once: a keystroke is with the program before this
//! returns. What the [ledger](super::ledger) has no room for waits in the order it came, each client's up to a bound.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Buf, BytesMut};
use porthole_protocol::ids::Typist;
use porthole_protocol::limits::MAX_PENDING_INPUT;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Notify, watch};

use super::ledger::{Ledger, Number};

/// Input of one client to one process, and how much of it was accepted.
#[derive(Debug)]
pub(crate) struct Meter {
    sent: AtomicU64,
    taken: AtomicU64,
    /// Who the client types as, where it said so, and the number of the first byte that it sends.
    from: Option<Number>,
    /// Wakes the client's writer.
    wake: Arc<Notify>,
    /// Wakes whoever waits for room.
    room: Notify,
}

impl Meter {
    /// A meter at zero; `wake` is notified when it grows.
    /// Of a `typist`, so many bytes were accepted before.
    pub(crate) fn new(typist: Option<(Typist, u64)>, wake: Arc<Notify>) -> Arc<Self> {
        let from = typist.map(|(typist, next)| Number { typist, next });
        Arc::new(Self { sent: AtomicU64::new(0), taken: AtomicU64::new(0), from, wake, room: Notify::new() })
    }

    /// Of the next byte that is taken: the client's bytes are taken in order.
    fn next(&self) -> Option<Number> {
        self.from.map(|Number { typist, next }| Number { typist, next: next + self.taken() })
    }

    /// Bytes taken so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Whether so many more bytes may wait. One frame always may.
    fn has_room(&self, bytes: usize) -> bool {
        let waiting = self.sent.load(Ordering::Relaxed) - self.taken();
        waiting == 0 || waiting + bytes as u64 <= MAX_PENDING_INPUT as u64
    }

    fn add(&self, bytes: usize) {
        self.taken.fetch_add(bytes as u64, Ordering::Relaxed);
        self.wake.notify_one();
        self.room.notify_one();
    }

    /// Resolves when there may be room for more.
    pub(crate) async fn room(&self) {
        self.room.notified().await;
    }
}

/// Something for a process to read.
#[derive(Debug)]
pub(crate) enum Input {
    /// Bytes, and the meter to add them to when they were accepted.
    Bytes(bytes::Bytes, Arc<Meter>),
    /// So many bytes that count as accepted, in their turn, and go nowhere: who sent them may not type.
    Dropped(usize, Arc<Meter>),
    /// The end of file, for a process on pipes; nothing to a terminal.
    End,
}

/// The input side of a process.
#[derive(Debug)]
pub(super) struct Inbox {
    inner: Mutex<Inner>,
    /// Wakes the process's task when something must wait for the program.
    wake: Notify,
    /// Whether a process on pipes has been given all there is and its standard input was closed.
    over: watch::Sender<bool>,
}

#[derive(Debug)]
struct Inner {
    /// None of a process that takes no input.
    ledger: Option<Ledger>,
    /// Standard input, or the terminal. None once nobody can read it.
    program: Option<Arc<AsyncFd<OwnedFd>>>,
    waiting: VecDeque<Waiting>,
    /// Whether it has an end: pipes do, a terminal does not.
    ends: bool,
}

#[derive(Debug)]
enum Waiting {
    Bytes(BytesMut, Arc<Meter>),
    Dropped(usize, Arc<Meter>),
    End,
}

impl Inbox {
    /// Input that goes by `ledger` to `program`; it `ends` when that is a pipe.
    pub(super) fn new(
        ledger: Option<Ledger>,
        program: Option<Arc<AsyncFd<OwnedFd>>>,
        ends: bool,
    ) -> Arc<Self> {
        let inner = Inner { ledger, program, waiting: VecDeque::new(), ends };
        let inbox = Self { inner: Mutex::new(inner), wake: Notify::new(), over: watch::Sender::new(false) };
        inbox.pump();
        Arc::new(inbox)
    }

    /// Held for some system calls that do not wait.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much of a typist's input was ever accepted; none where nothing can be typed.
    pub(super) fn accepted(&self, typist: Typist) -> Option<u64> {
        self.lock().ledger.as_mut().map(|ledger| ledger.accepted(typist))
    }

    /// Takes input, or gives it back when too much of this client's waits.
    pub(super) fn push(&self, input: Input) -> Result<(), Input> {
        let mut inner = self.lock();
        match input {
            Input::Bytes(bytes, meter) if !meter.has_room(bytes.len()) => {
                return Err(Input::Bytes(bytes, meter));
            }
            Input::Bytes(bytes, meter) => {
                meter.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                match inner.waiting.back_mut() {
                    // Keystrokes come one byte at a time, and each entry costs more than its bytes.
                    Some(Waiting::Bytes(before, other)) if Arc::ptr_eq(other, &meter) => {
                        before.extend_from_slice(&bytes)
                    }
                    _ => inner.waiting.push_back(Waiting::Bytes(BytesMut::from(&bytes[..]), meter)),
                }
            }
            Input::Dropped(count, meter) => {
                meter.sent.fetch_add(count as u64, Ordering::Relaxed);
                inner.waiting.push_back(Waiting::Dropped(count, meter));
            }
            Input::End if inner.ends => inner.waiting.push_back(Waiting::End),
            Input::End => {}
        }
        let over = inner.pump();
        let waits = inner.is_pending();
        drop(inner);
        self.told(over, waits);
        Ok(())
    }

    /// Moves on what the program has room for.
    pub(super) fn pump(&self) {
        let over = self.lock().pump();
        self.told(over, false);
    }

    fn told(&self, over: bool, waits: bool) {
        if over {
            self.over.send_replace(true);
        }
        if waits {
            self.wake.notify_one();
        }
    }

    /// Whether something waits for [`Self::writable`].
    pub(super) fn is_pending(&self) -> bool {
        self.lock().is_pending()
    }

    /// Resolves when the program has room for more.
    pub(super) async fn writable(&self) {
        let program = self.lock().program.clone();
        match program {
            Some(fd) => {
                if let Ok(mut guard) = fd.writable().await {
                    guard.retain_ready();
                }
            }
            None => std::future::pending().await,
        }
    }

    /// Resolves when something has begun to wait.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Nobody reads any more: what waits, and what comes, goes nowhere.
    pub(super) fn close(&self) {
        let over = self.lock().close();
        self.told(over, false);
    }

    /// Resolves when a process on pipes has been given the last of its input; never of another.
    pub(super) async fn over(&self) {
        let mut over = self.over.subscribe();
        if over.wait_for(|over| *over).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Inner {
    fn is_pending(&self) -> bool {
        self.program.is_some()
            && (!self.waiting.is_empty() || self.ledger.as_ref().is_some_and(|ledger| ledger.waiting() > 0))
    }

    /// Accepts and delivers until either has to wait; answers whether the input is over.
    fn pump(&mut self) -> bool {
        loop {
            let accepted = self.accept();
            let delivered = self.deliver();
            if !accepted && !delivered {
                break;
            }
        }
        let is_over = |ledger: &Ledger| ledger.is_over() && ledger.waiting() == 0;
        if self.ends && self.ledger.as_ref().is_some_and(is_over) { self.close() } else { false }
    }

    /// Accepts what waits, as there is room; answers whether any was.
    fn accept(&mut self) -> bool {
        let mut any = false;
        while let Some(next) = self.waiting.front_mut() {
            let (Some(ledger), true) = (&mut self.ledger, self.program.is_some()) else {
                // Input that nobody can read counts as taken.
                match self.waiting.pop_front() {
                    Some(Waiting::Bytes(bytes, meter)) => meter.add(bytes.len()),
                    Some(Waiting::Dropped(count, meter)) => meter.add(count),
                    Some(Waiting::End) | None => {}
                }
                continue;
            };
            match next {
                Waiting::End => ledger.end(),
                Waiting::Dropped(count, meter) => {
                    if let Err(error) = ledger.skip(meter.next(), *count) {
                        tracing::error!(%error, "input cannot be accepted");
                    }
                    meter.add(*count);
                    any = true;
                }
                Waiting::Bytes(bytes, meter) => {
                    let taken = match ledger.accept(meter.next(), bytes) {
                        Ok(0) => return any,
                        Ok(count) => count,
                        Err(error) => {
                            tracing::error!(%error, "input cannot be accepted");
                            bytes.len()
                        }
                    };
                    bytes.advance(taken);
                    meter.add(taken);
                    any = true;
                    if !bytes.is_empty() {
                        return any;
                    }
                }
            }
            self.waiting.pop_front();
        }
        any
    }

    /// Delivers what was accepted; answers whether any was.
    fn deliver(&mut self) -> bool {
        let (Some(ledger), Some(program)) = (&mut self.ledger, &self.program) else { return false };
        if ledger.waiting() == 0 {
            return false;
        }
        match program.try_io(Interest::WRITABLE, |fd| ledger.deliver(fd)) {
            Ok(count) => count > 0,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => false,
            Err(_) => {
                self.close();
                true
            }
        }
    }

    /// Closes it; answers whether that is news to a process on pipes.
    fn close(&mut self) -> bool {
        let was_open = self.program.take().is_some();
        if let Some(ledger) = &mut self.ledger {
            ledger.discard();
        }
        self.accept();
        was_open && self.ends
    }
}
