//! What was typed, applied once.
//!
//! Bytes of a client become the agent's when they are in the *input pipe*, from which they go on to the program. The pipe and a
//! table of who typed how much, in a memory file, are kept by the launcher, so both outlive the agent. One entry of the table is
//! written by one system call; a signal that ends the agent comes before or after it:
//!
//! ```text
//!   1. the entry: so much was accepted; up to n bytes are being added to the f bytes in the pipe
//!   2. the bytes, into the pipe
//!   3. the entry: so much more was accepted
//! ```
//!
//! Between 1 and 3 nothing is taken out of the pipe, since whoever does holds the same lock. So an agent that finds an entry of
//! step 1 need only look how much is in the pipe, and knows how much of step 2 was done. Moving bytes on to the program is one
//! `splice(2)`, which has moved them or has not.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;

use porthole_protocol::ids::Typist;
use porthole_protocol::limits::MAX_TYPISTS;
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, fcntl_getpipe_size, splice};

/// Bytes of an entry.
const ENTRY: usize = 64;

/// Most typists known: those in the table, and as many again as may be at one terminal.
const MAX_KNOWN: usize = 1024;

/// The place of the table's first entry, which says whether the input is over.
const OVER: u64 = 0;

/// Accounts of one process's input.
#[derive(Debug)]
pub(super) struct Ledger {
    pipe: OwnedFd,
    table: OwnedFd,
    /// Bytes in the pipe.
    waiting: usize,
    /// Bytes that the pipe has room for.
    capacity: usize,
    known: HashMap<Typist, Account>,
    /// Grows with every entry: the oldest gives way.
    turn: u64,
    over: bool,
}

#[derive(Debug, Default)]
struct Account {
    accepted: u64,
    /// Its entry's place in the table, from 1.
    place: Option<u64>,
    turn: u64,
}

/// An entry as it is in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Entry {
    typist: Typist,
    accepted: u64,
    /// Bytes being added; none when that is done.
    adding: u64,
    /// Bytes in the pipe before.
    before: u64,
    turn: u64,
}

impl Entry {
    fn encode(self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        let words = [self.typist, self.accepted, self.adding, self.before, self.turn];
        for (target, word) in bytes.chunks_exact_mut(8).zip(words) {
            target.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Self {
        let mut words =
            bytes.chunks_exact(8).map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
        let mut next = || words.next().unwrap_or(0);
        Self { typist: next(), accepted: next(), adding: next(), before: next(), turn: next() }
    }
}

/// Where bytes of a typist belong: the number of the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) typist: Typist,
    pub(super) next: u64,
}

impl Ledger {
    /// Goes on with what an earlier agent left, or begins.
    ///
    /// # Errors
    /// Those of the descriptors.
    pub(super) fn open(pipe: OwnedFd, table: OwnedFd) -> io::Result<Self> {
        let waiting = usize::try_from(rustix::io::ioctl_fionread(&pipe)?).unwrap_or(0);
        let capacity = fcntl_getpipe_size(&pipe)?;
        let mut bytes = vec![0; ENTRY * (MAX_TYPISTS + 1)];
        let length = rustix::io::pread(&table, &mut bytes[..], 0)?;
        let mut ledger = Self { pipe, table, waiting, capacity, known: HashMap::new(), turn: 0, over: false };
        for (place, bytes) in (0u64..).zip(bytes[..length].chunks_exact(ENTRY)) {
            let mut entry = Entry::decode(bytes);
            if place == OVER {
                ledger.over = entry.typist != 0;
            } else if entry.turn > 0 {
                if entry.adding > 0 {
                    entry.accepted += (waiting as u64).saturating_sub(entry.before).min(entry.adding);
                    (entry.adding, entry.before) = (0, 0);
                    ledger.write(place, entry)?;
                }
                ledger.turn = ledger.turn.max(entry.turn);
                let Entry { typist, accepted, turn, .. } = entry;
                ledger.known.insert(typist, Account { accepted, place: Some(place), turn });
            }
        }
        Ok(ledger)
    }

    /// Bytes that were accepted and not delivered yet.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// How much of a typist's input was ever accepted.
    pub(super) fn accepted(&mut self, typist: Typist) -> u64 {
        if self.known.len() >= MAX_KNOWN && !self.known.contains_key(&typist) {
            let oldest = self.known.iter().filter(|(_, account)| account.place.is_none());
            if let Some(oldest) = oldest.min_by_key(|(_, account)| account.turn).map(|(typist, _)| *typist) {
                self.known.remove(&oldest);
            }
        }
        self.turn += 1;
        let turn = self.turn;
        let account = self.known.entry(typist).or_default();
        account.turn = turn;
        account.accepted
    }

    /// How many of so many bytes were accepted before: two sockets of one client may carry the same ones.
    fn known(&mut self, number: Option<Number>, bytes: usize) -> usize {
        let Some(Number { typist, next }) = number else { return 0 };
        let accepted = self.accepted(typist);
        if next > accepted {
            // Whoever counts further was forgotten here.
            self.known.entry(typist).or_default().accepted = next;
        }
        usize::try_from(accepted.saturating_sub(next)).unwrap_or(usize::MAX).min(bytes)
    }

    /// Accepts as many of the bytes as there is room for, those that were accepted before included; answers how many. When not
    /// all, the pipe is full.
    ///
    /// # Errors
    /// Those of the pipe and the table.
    pub(super) fn accept(&mut self, number: Option<Number>, bytes: &[u8]) -> io::Result<usize> {
        let known = self.known(number, bytes.len());
        let bytes = &bytes[known..];
        let room = self.capacity.saturating_sub(self.waiting);
        let bytes = &bytes[..bytes.len().min(room)];
        if bytes.is_empty() {
            return Ok(known);
        }
        let Some(Number { typist, .. }) = number else { return self.add(bytes) };
        let (place, mut entry) = self.begin(typist, bytes.len() as u64)?;
        let added = self.add(bytes);
        entry.accepted += added.as_ref().map_or(0, |count| *count as u64);
        (entry.adding, entry.before) = (0, 0);
        self.write(place, entry)?;
        if let Some(account) = self.known.get_mut(&typist) {
            account.accepted = entry.accepted;
        }
        Ok(known + added?)
    }

    /// Counts so many bytes as accepted that go nowhere.
    ///
    /// # Errors
    /// Those of the table.
    pub(super) fn skip(&mut self, number: Option<Number>, bytes: usize) -> io::Result<()> {
        let new = bytes - self.known(number, bytes);
        let Some(Number { typist, .. }) = number.filter(|_| new > 0) else { return Ok(()) };
        // An entry that nothing is being added for.
        let (place, entry) = self.begin(typist, 0)?;
        let accepted = entry.accepted + new as u64;
        self.write(place, Entry { accepted, before: 0, ..entry })?;
        if let Some(account) = self.known.get_mut(&typist) {
            account.accepted = accepted;
        }
        Ok(())
    }

    /// Step 1.
    fn begin(&mut self, typist: Typist, adding: u64) -> io::Result<(u64, Entry)> {
        self.turn += 1;
        let turn = self.turn;
        let place = match self.known.get(&typist).and_then(|account| account.place) {
            Some(place) => place,
            None => self.make_place(),
        };
        let account = self.known.entry(typist).or_default();
        account.place = Some(place);
        account.turn = turn;
        let entry = Entry { typist, accepted: account.accepted, adding, before: self.waiting as u64, turn };
        self.write(place, entry)?;
        Ok((place, entry))
    }

    /// A place for one more typist: of whoever typed longest ago when there is none left.
    fn make_place(&mut self) -> u64 {
        let taken = |place| self.known.values().any(|account| account.place == Some(place));
        if let Some(free) = (1..=MAX_TYPISTS as u64).find(|place| !taken(*place)) {
            return free;
        }
        let oldest = self.known.values_mut().filter(|account| account.place.is_some());
        let oldest = oldest.min_by_key(|account| account.turn);
        oldest.and_then(|account| account.place.take()).unwrap_or(1)
    }

    /// Step 2.
    fn add(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let added = loop {
            match rustix::io::write(&self.pipe, bytes) {
                Err(Errno::INTR) => {}
                // Small pieces can take up more room than their bytes.
                Err(Errno::AGAIN) => break 0,
                added => break added?,
            }
        };
        self.waiting += added;
        Ok(added)
    }

    fn write(&self, place: u64, entry: Entry) -> io::Result<()> {
        rustix::io::pwrite(&self.table, &entry.encode(), place * ENTRY as u64)?;
        Ok(())
    }

    /// Delivers what the program has room for.
    ///
    /// # Errors
    /// `WouldBlock` when it has room for none; others when nobody can read it any more.
    pub(super) fn deliver(&mut self, program: &OwnedFd) -> io::Result<usize> {
        let delivered = loop {
            match splice(&self.pipe, None, program, None, self.waiting, SpliceFlags::NONBLOCK) {
                Err(Errno::INTR) => {}
                delivered => break delivered?,
            }
        };
        self.waiting = self.waiting.saturating_sub(delivered);
        Ok(delivered)
    }

    /// Throws away what nobody can read any more.
    pub(super) fn discard(&mut self) {
        let mut buffer = [0; 4096];
        while self.waiting > 0 {
            match rustix::io::read(&self.pipe, &mut buffer) {
                Ok(count) if count > 0 => self.waiting = self.waiting.saturating_sub(count),
                Err(Errno::INTR) => {}
                _ => self.waiting = 0,
            }
        }
    }

    /// Whether no more input will come after what waits.
    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    /// Says that no more will come.
    pub(super) fn end(&mut self) {
        self.over = true;
        // Should this fail, an agent that is killed now leaves a process that waits for input.
        let _ = self.write(OVER, Entry { typist: 1, ..Entry::default() });
    }
}

#[cfg(test)]
mod tests;
