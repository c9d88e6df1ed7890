//! The end of a log, where it grows.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use porthole_protocol::spec::Size;

use super::index::{Header, Record, Records, What};
use super::segment::{Place, Segment};
use super::{Log, MEMORY_BYTES, SEGMENT_BYTES, read_at};
use crate::terminal::screen::modes::Modes;

/// Output that comes within so many milliseconds counts as come at once.
const TOGETHER_MS: u64 = 10;

/// Output that counts as come at once, in bytes.
const MOST_TOGETHER: u64 = 64 * 1024;

/// Bytes of an index, after which a new segment begins: what is printed one byte at a time takes more room there than here.
const INDEX_BYTES: u64 = 128 * 1024;

/// Bytes read at a time to follow the modes.
const SCAN: usize = 64 * 1024;

/// Where the log grows.
#[derive(Debug)]
pub(super) struct Writer {
    head: Option<Head>,
    /// Where the log ends.
    end: u64,
    size: Size,
    /// The modes at the head's begin.
    modes: Modes,
    /// Time of the newest record.
    last_ms: u64,
    /// Output whose record is not written yet.
    unwritten: Option<Unwritten>,
    /// Bytes that nothing had room for, since that was last said.
    lost: u64,
}

/// The segment being written.
#[derive(Debug)]
struct Head {
    segment: Arc<Segment>,
    file: Arc<File>,
    /// With its length; none of one in memory.
    index: Option<(File, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Unwritten {
    at_ms: u64,
    bytes: u64,
}

impl Head {
    fn is_full(&self, end: u64) -> bool {
        let most = if self.segment.is_in_memory() { MEMORY_BYTES } else { SEGMENT_BYTES };
        end - self.segment.start >= most
            || self.index.as_ref().is_some_and(|(_, length)| *length >= INDEX_BYTES)
    }

    fn room(&self, end: u64) -> u64 {
        let most = if self.segment.is_in_memory() { MEMORY_BYTES } else { SEGMENT_BYTES };
        most.saturating_sub(end - self.segment.start)
    }
}

impl Writer {
    /// Goes on with what is at `place`: with the writer, all that is kept and its end.
    pub(super) fn open(place: &Place, size: Size) -> (Self, VecDeque<Arc<Segment>>, u64) {
        let mut writer =
            Self { head: None, end: 0, size, modes: Modes::default(), last_ms: 0, unwritten: None, lost: 0 };
        let mut segments = VecDeque::new();
        for start in place.starts() {
            let header = Segment::at(place, start, Header::default()).header_read();
            let segment = Arc::new(Segment::at(place, start, header));
            // What was in memory between two of them was lost: who asks for what came before must be told.
            if start != writer.end {
                segments.drain(..).for_each(|gone: Arc<Segment>| gone.delete());
            }
            let length = segment.file().and_then(|file| Ok(file.metadata()?.len())).unwrap_or(0);
            writer.end = start + length;
            segments.push_back(segment);
        }
        if let Some(last) = segments.back() {
            writer.resume(last);
        }
        let end = writer.end;
        (writer, segments, end)
    }

    /// Goes on in a segment that an earlier agent has begun.
    fn resume(&mut self, segment: &Arc<Segment>) {
        self.modes = segment.header.modes.clone();
        self.size = segment.header.size;
        self.last_ms = segment.header.at_ms;
        let Ok((file, index)) = segment.reopen() else { return };
        let bytes = segment.index();
        let mut told = 0u64;
        let mut records = Records(Header::decode(&bytes).map_or(&[], |(_, records)| records));
        let mut left = records.0.len();
        while let Some(record) = records.next() {
            left = records.0.len();
            self.last_ms = self.last_ms.saturating_add(record.after_ms);
            match record.what {
                What::Output(bytes) => told = told.saturating_add(bytes),
                What::Resize(size) => self.size = size,
            }
        }
        let length = (bytes.len() - left) as u64;
        let untold = (self.end - segment.start).saturating_sub(told);
        if untold > 0 {
            let at_ms = file.metadata().and_then(|data| data.modified()).map_or(self.last_ms, ms);
            self.unwritten = Some(Unwritten { at_ms, bytes: untold });
        }
        self.head = Some(Head { segment: Arc::clone(segment), file, index: Some((index, length)) });
    }

    pub(super) fn size(&self) -> Size {
        self.size
    }

    /// The file to write to, where, and how much there is room for.
    pub(super) fn head(&mut self, log: &Log) -> io::Result<(Arc<File>, u64, u64)> {
        if self.head.as_ref().is_none_or(|head| head.is_full(self.end)) {
            self.roll(log, true)?;
            self.say_lost();
            log.kept().end = self.end;
        }
        let head = self.head.as_ref().expect("a segment was begun");
        Ok((Arc::clone(&head.file), self.end - head.segment.start, head.room(self.end).max(1)))
    }

    /// Begins a new segment, on the disk if `disk` says so and it has room, else in memory.
    fn roll(&mut self, log: &Log, disk: bool) -> io::Result<()> {
        self.settle();
        if let Some(head) = self.head.take() {
            scan(&head.file, self.end - head.segment.start, &mut self.modes);
        }
        let header = Header { at_ms: now_ms().max(self.last_ms), size: self.size, modes: self.modes.clone() };
        self.last_ms = header.at_ms;
        let folder = &log.place.folder;
        let on_disk = || folder.make(|| Segment::create(&log.place, self.end, header.clone()));
        let (segment, file, index) = match disk.then(on_disk) {
            Some(Ok((segment, file, index))) => {
                let length = header.encode().len() as u64;
                (segment, file, Some((index, length)))
            }
            failed => {
                if let Some(Err(error)) = failed
                    && !folder.is_gone()
                {
                    tracing::warn!(%error, dir = %folder.path().display(), "output goes to memory for a while");
                }
                let (segment, file) = Segment::in_memory(self.end, header)?;
                (segment, file, None)
            }
        };
        let segment = Arc::new(segment);
        self.head = Some(Head { segment: Arc::clone(&segment), file, index });
        log.push(segment);
        Ok(())
    }

    /// The head cannot be written: goes on in memory. Fails when that is what failed.
    pub(super) fn fall_back(&mut self, log: &Log, error: io::Error) -> io::Result<()> {
        let in_memory = self.head.as_ref().is_some_and(|head| head.segment.is_in_memory());
        if in_memory {
            self.head = None;
            return Err(error);
        }
        tracing::warn!(%error, dir = %log.place.folder.path().display(), "output cannot be written to the disk");
        self.roll(log, false)
    }

    /// Takes output out of a pipe that nothing has room for.
    pub(super) fn lose(&mut self, pipe: &OwnedFd, max: usize) -> io::Result<usize> {
        let mut buffer = vec![0; max.min(SCAN)];
        let count = rustix::io::read(pipe, &mut buffer)?;
        self.lost += count as u64;
        Ok(count)
    }

    /// Says in the log what was lost, once there is room again.
    fn say_lost(&mut self) {
        let Some(head) = self.head.as_ref().filter(|_| self.lost > 0) else { return };
        let line =
            format!("\r\n[{} bytes of output were lost here: there was no room for them]\r\n", self.lost);
        let at = self.end - head.segment.start;
        if rustix::io::pwrite(&*head.file, line.as_bytes(), at).is_ok_and(|count| count == line.len()) {
            self.lost = 0;
            self.advance(line.len() as u64);
        }
    }

    /// So many bytes were written; answers the new end.
    pub(super) fn advance(&mut self, bytes: u64) -> u64 {
        self.end += bytes;
        let at_ms = now_ms().max(self.last_ms);
        let mut bytes = bytes;
        if let Some(unwritten) = self.unwritten {
            let together = at_ms.saturating_sub(unwritten.at_ms) < TOGETHER_MS
                && unwritten.bytes + bytes <= MOST_TOGETHER;
            if together {
                bytes += unwritten.bytes;
                self.unwritten = Some(Unwritten { at_ms: unwritten.at_ms, bytes });
                return self.end;
            }
            self.settle();
        }
        self.unwritten = Some(Unwritten { at_ms, bytes });
        self.end
    }

    /// Writes the record of output that nothing will be added to.
    pub(super) fn record(&mut self) {
        let is_over = |unwritten: &Unwritten| unwritten.bytes >= MOST_TOGETHER;
        if self.unwritten.as_ref().is_some_and(is_over) {
            self.settle();
        }
    }

    /// Writes the record of all output.
    pub(super) fn settle(&mut self) {
        if let Some(Unwritten { at_ms, bytes }) = self.unwritten.take() {
            self.write(at_ms, What::Output(bytes));
        }
    }

    pub(super) fn resize(&mut self, size: Size) {
        if size == self.size {
            return;
        }
        self.settle();
        self.size = size;
        // Before the first segment: its header will say it.
        if self.head.is_some() {
            self.write(now_ms(), What::Resize(size));
        }
    }

    /// Writes a record. One that cannot be written costs times, never output.
    fn write(&mut self, at_ms: u64, what: What) {
        let after_ms = at_ms.saturating_sub(self.last_ms);
        let Some((index, length)) = self.head.as_mut().and_then(|head| head.index.as_mut()) else { return };
        let mut bytes = Vec::with_capacity(16);
        Record { after_ms, what }.encode(&mut bytes);
        if rustix::io::pwrite(&*index, &bytes, *length).is_ok_and(|count| count == bytes.len()) {
            *length += bytes.len() as u64;
            self.last_ms = self.last_ms.max(at_ms);
        }
    }
}

impl Segment {
    /// Its header, as its index has it.
    fn header_read(&self) -> Header {
        Header::decode(&self.index()).map(|(header, _)| header).unwrap_or_default()
    }
}

/// Follows the modes through a whole segment.
fn scan(file: &File, length: u64, modes: &mut Modes) {
    let mut at = 0;
    let mut bytes = Vec::new();
    while at < length {
        bytes.clear();
        match read_at(file, at, SCAN, &mut bytes) {
            Ok(count) if count > 0 => at += count as u64,
            _ => return,
        }
        modes.scan(&bytes);
    }
}

fn now_ms() -> u64 {
    ms(SystemTime::now())
}

fn ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
