//! The output of one stream, addressed by absolute offset: the first byte ever written has offset 0.
//!
//! It is kept in files of a mebibyte, named by the offset they begin at; the oldest are dropped. How long the last file is says
//! where the log ends: output is moved into it by `splice(2)`, which has moved the bytes or has not when a signal ends the
//! process, so whatever instant an agent dies at, the next one finds every byte once. Nothing is synced: what prints dies with the
//! host as well. Beside each file is an [index] of times and sizes.
//!
//! Where the disk has no room the log goes on in memory, with less kept; that part is lost with the agent.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use porthole_protocol::limits::{LOG_BYTES, RECORDING_BYTES};
use porthole_protocol::spec::Size;
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, splice};

mod budget;
mod events;
mod folder;
mod index;
mod segment;
#[cfg(test)]
pub(crate) mod tests;
mod writer;

pub(crate) use budget::{ContainerLogs, Logs, ProcessRecord};
pub(crate) use events::{Event, Events};
pub(crate) use index::Header;

use segment::{Place, Segment};
use writer::Writer;

/// Bytes of a segment on the disk.
const SEGMENT_BYTES: u64 = 1024 * 1024;

/// Most segments kept: as many as the bytes kept need, and some, because one also ends when its index is full.
const MAX_SEGMENTS: usize = 24;

/// Bytes of a segment in memory, and how many of those are kept: a screen or a few thousand lines.
const MEMORY_BYTES: u64 = 256 * 1024;
const MAX_IN_MEMORY: usize = 4;

const _: () = assert!(LOG_BYTES / SEGMENT_BYTES + 8 <= MAX_SEGMENTS as u64, "all that is to be kept fits");

/// A bounded, append-only log. One task appends; anyone reads.
#[derive(Debug)]
pub(crate) struct Log {
    place: Place,
    kept: Mutex<Kept>,
    /// Locked before `kept` where both are.
    writer: Mutex<Writer>,
    container: Weak<ContainerLogs>,
}

/// What is kept.
#[derive(Debug, Default)]
struct Kept {
    /// Each begins where the one before ends.
    segments: VecDeque<Arc<Segment>>,
    end: u64,
    size: Size,
    /// Offsets that are held, by the number of who holds them.
    holds: HashMap<u64, u64>,
    next_hold: u64,
}

impl Kept {
    fn start(&self) -> u64 {
        self.segments.front().map_or(self.end, |segment| segment.start)
    }

    /// Where the segment at this place ends.
    fn end_of(&self, at: usize) -> u64 {
        self.segments.get(at + 1).map_or(self.end, |next| next.start)
    }

    /// The segment that has the byte at `offset`.
    fn segment(&self, offset: u64) -> Option<Arc<Segment>> {
        let at = self.segments.partition_point(|segment| segment.start <= offset).checked_sub(1)?;
        (offset < self.end).then(|| Arc::clone(&self.segments[at]))
    }

    /// Whether a recording needs the oldest segment: it gets so many bytes and no more. One that does not let go when it has them
    /// loses them, rather than to fill the disk.
    fn is_held(&self) -> bool {
        let (start, first_end) = (self.start(), self.end_of(0));
        let needed = |from: &u64| *from < first_end && start < from + RECORDING_BYTES;
        self.end - start <= 2 * RECORDING_BYTES && self.holds.values().any(needed)
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.segments.pop_front() {
            oldest.delete();
        }
    }

    /// Drops what is beyond the bounds of one stream.
    fn trim(&mut self) {
        while self.segments.len() > 1 {
            let in_memory = self.segments.iter().filter(|segment| segment.is_in_memory()).count();
            // The newest one is empty, and will be filled.
            let too_much =
                self.end - self.start() + SEGMENT_BYTES > LOG_BYTES || self.segments.len() > MAX_SEGMENTS;
            if in_memory <= MAX_IN_MEMORY && (!too_much || self.is_held()) {
                return;
            }
            self.drop_oldest();
        }
    }
}

impl Log {
    /// The log at this place: what an earlier agent left there, or an empty one for a terminal of this size.
    fn open(place: Place, size: Size, container: Weak<ContainerLogs>) -> Self {
        let (writer, segments, end) = Writer::open(&place, size);
        let size = writer.size();
        let kept = Mutex::new(Kept { segments, end, size, ..Kept::default() });
        Self { place, kept, writer: Mutex::new(writer), container }
    }

    /// Held for a look or a change of a few words, never across a system call but those that drop a segment.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offset of the next byte to come.
    pub(crate) fn end(&self) -> u64 {
        self.kept().end
    }

    /// Offsets of the bytes kept.
    pub(crate) fn range(&self) -> std::ops::Range<u64> {
        let kept = self.kept();
        kept.start()..kept.end
    }

    /// The terminal's newest size.
    pub(crate) fn size(&self) -> Size {
        self.kept().size
    }

    /// Moves at most `max` bytes that a pipe holds to the end; answers how many. None are the end of file.
    ///
    /// # Errors
    /// `WouldBlock` when the pipe holds none. A disk without room is no error: see above.
    pub(crate) fn append_from(&self, pipe: &OwnedFd, max: usize) -> io::Result<usize> {
        let moved = self.put(max, |file, at, max| {
            splice(pipe, None, file, Some(at), max, SpliceFlags::NONBLOCK | SpliceFlags::MOVE)
        });
        match moved {
            // The program must not wait for a disk, or for memory, that there may never be.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => self.writer().lose(pipe, max),
            moved => moved,
        }
    }

    /// Appends bytes of the agent's own.
    pub(crate) fn append(&self, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let put = self.put(bytes.len() - done, |file, at, max| {
                let written = rustix::io::pwrite(file, &bytes[done..done + max], *at)?;
                done += written;
                Ok(written)
            });
            match put {
                Ok(count) if count > 0 => {}
                Ok(_) => return,
                Err(error) => return tracing::debug!(%error, "a line for a terminal cannot be kept"),
            }
        }
    }

    /// Lets `put` write at the end, so many bytes at most. One call of it suffices, unless it finds that a segment is full.
    fn put(
        &self,
        max: usize,
        mut put: impl FnMut(&File, &mut u64, usize) -> rustix::io::Result<usize>,
    ) -> io::Result<usize> {
        let mut writer = self.writer();
        let mut total = 0;
        while total < max {
            let (file, mut at, room) = writer.head(self)?;
            let most = usize::try_from(room).unwrap_or(usize::MAX).min(max - total);
            match put(&file, &mut at, most) {
                Ok(0) => break,
                Ok(count) => {
                    total += count;
                    let end = writer.advance(count as u64);
                    self.kept().end = end;
                    if count < most {
                        break;
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if total > 0 => break,
                Err(Errno::AGAIN) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(error) => writer.fall_back(self, error.into())?,
            }
        }
        writer.record();
        Ok(total)
    }

    /// Takes note of a new size of the terminal.
    pub(crate) fn resize(&self, size: Size) {
        self.writer().resize(size);
        self.kept().size = size;
    }

    /// Writes all that is known into the index: nothing more will come for now.
    pub(crate) fn settle(&self) {
        self.writer().settle();
    }

    /// Appends at most `max` bytes from `offset` on to `target`; answers how many. An offset that is not kept has no bytes.
    ///
    /// # Errors
    /// Those of reading a file.
    pub(crate) fn read(&self, offset: u64, max: usize, target: &mut Vec<u8>) -> io::Result<usize> {
        let mut total = 0;
        while total < max {
            let at = offset + total as u64;
            let (segment, end) = {
                let kept = self.kept();
                (kept.segment(at), kept.end)
            };
            let Some(segment) = segment else { break };
            let wanted = (max - total).min(usize::try_from(end - at).unwrap_or(usize::MAX));
            let count = match segment.file() {
                Ok(file) => read_at(&file, at - segment.start, wanted, target)?,
                // Dropped this moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => break,
                Err(error) => return Err(error),
            };
            if count == 0 {
                break;
            }
            total += count;
        }
        Ok(total)
    }

    /// Everything kept from `from` on, until now, with its times.
    pub(crate) fn events(&self, from: u64) -> Events {
        self.settle();
        let kept = self.kept();
        Events::new(kept.segments.clone(), from.max(kept.start()), kept.end)
    }

    /// The newest place at or before `offset` that a terminal's output can be understood from without what came before, and
    /// that leaves at least `before` bytes until `offset`; the oldest byte kept when there is none.
    pub(crate) fn beginning(&self, offset: u64, before: u64) -> (u64, Header) {
        let kept = self.kept();
        let fits = |segment: &&Arc<Segment>| segment.start + before <= offset;
        let found = kept.segments.iter().rev().find(fits).or(kept.segments.front());
        found.map_or_else(
            || (kept.end, Header { size: kept.size, ..Header::default() }),
            |segment| (segment.start, segment.header.clone()),
        )
    }

    /// Keeps everything from `from` on (or from the oldest byte there is), up to [`RECORDING_BYTES`], until the hold is dropped.
    pub(crate) fn hold(self: &Arc<Self>, from: u64) -> Hold {
        let mut kept = self.kept();
        let from = from.clamp(kept.start(), kept.end);
        let id = kept.next_hold;
        kept.next_hold += 1;
        kept.holds.insert(id, from);
        drop(kept);
        Hold { log: Arc::clone(self), id, from }
    }

    /// Makes a new segment the last one, and drops what is too much.
    fn push(&self, segment: Arc<Segment>) {
        let mut kept = self.kept();
        // One that nothing fitted into; its files, where it has some, are written over by the next one that begins there.
        while kept.segments.back().is_some_and(|last| last.start == segment.start) {
            kept.segments.pop_back();
        }
        kept.segments.push_back(segment);
        kept.trim();
        drop(kept);
        if let Some(container) = self.container.upgrade() {
            container.enforce();
        }
    }

    /// Bytes kept.
    fn bytes(&self) -> u64 {
        let kept = self.kept();
        kept.end - kept.start()
    }

    /// Drops the oldest segment, unless it is the only one or held; answers whether it did.
    fn drop_oldest(&self) -> bool {
        let mut kept = self.kept();
        let may = kept.segments.len() > 1 && !kept.is_held();
        if may {
            kept.drop_oldest();
        }
        may
    }
}

/// Output that is kept for a recording, until this is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    log: Arc<Log>,
    id: u64,
    from: u64,
}

impl Hold {
    /// Offset of the first byte that is kept for it.
    pub(crate) fn from(&self) -> u64 {
        self.from
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut kept = self.log.kept();
        kept.holds.remove(&self.id);
        kept.trim();
    }
}

/// Appends at most `max` bytes of a file to `target`.
fn read_at(file: &File, at: u64, max: usize, target: &mut Vec<u8>) -> io::Result<usize> {
    if max == 0 {
        return Ok(0);
    }
    target.reserve_exact(max);
    let length = target.len();
    target.resize(length + max, 0);
    let read = loop {
        match rustix::io::pread(file.as_fd(), &mut target[length..], at) {
            Err(Errno::INTR) => {}
            read => break read,
        }
    };
    target.truncate(length + read.unwrap_or(0));
    Ok(read?)
}
