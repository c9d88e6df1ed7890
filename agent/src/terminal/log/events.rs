//! What is kept of a log as events with their times: what a recording is made from.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::Arc;

use porthole_protocol::spec::Size;

use super::index::{Header, Records, What};
use super::read_at;
use super::segment::Segment;

/// Most bytes of one event.
const MOST: u64 = 64 * 1024;

/// Something that happened to a terminal, or a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// It printed this, at least one byte. A character may be cut in two.
    Output(Vec<u8>),
    /// It got this size.
    Resize(Size),
}

/// Events in order, each with its time in milliseconds since 1970-01-01 UTC. The first is the size at the beginning. Reads
/// files: for a thread that may wait.
#[derive(Debug)]
pub(crate) struct Events {
    segments: VecDeque<Arc<Segment>>,
    open: Option<Open>,
    from: u64,
    until: u64,
    /// The size in force, until it is told.
    size: Option<Size>,
}

/// The segment being read.
#[derive(Debug)]
struct Open {
    segment: Arc<Segment>,
    file: Arc<File>,
    records: VecDeque<(u64, What)>,
    /// Offset of the next byte, and the segment's end.
    at: u64,
    end: u64,
    now_ms: u64,
}

impl Events {
    pub(super) fn new(segments: VecDeque<Arc<Segment>>, from: u64, until: u64) -> Self {
        let mut events = Self { segments, open: None, from, until, size: None };
        while events.segments.get(1).is_some_and(|next| next.start <= from) {
            events.segments.pop_front();
        }
        events
    }

    fn open(&mut self) -> Option<io::Result<Open>> {
        let segment = self.segments.pop_front()?;
        let end = self.segments.front().map_or(self.until, |next| next.start);
        let bytes = segment.index();
        let (header, records) = Header::decode(&bytes).unwrap_or((segment.header.clone(), &[]));
        let records = Records(records)
            .scan(header.at_ms, |at_ms, record| {
                *at_ms = at_ms.saturating_add(record.after_ms);
                Some((*at_ms, record.what))
            })
            .collect();
        if segment.start <= self.from && self.size.is_none() {
            self.size = Some(header.size);
        }
        let open = |file| Open {
            at: segment.start,
            end,
            now_ms: header.at_ms,
            records,
            file,
            segment: Arc::clone(&segment),
        };
        Some(segment.file().map(open))
    }
}

impl Open {
    /// The next record, cut to what there is; output that no record tells of comes last.
    fn record(&mut self) -> Option<What> {
        if let Some((at_ms, what)) = self.records.pop_front() {
            self.now_ms = at_ms;
            return Some(match what {
                What::Output(bytes) => What::Output(bytes.min(self.end - self.at)),
                resize => resize,
            });
        }
        (self.at < self.end).then(|| What::Output(self.end - self.at))
    }
}

impl Iterator for Events {
    type Item = io::Result<(u64, Event)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let Some(open) = &mut self.open else {
                match self.open()? {
                    Ok(open) => self.open = Some(open),
                    Err(error) => return Some(Err(error)),
                }
                continue;
            };
            let Some(what) = open.record() else {
                self.open = None;
                continue;
            };
            let now = open.now_ms;
            match what {
                What::Resize(size) if open.at <= self.from && self.size.is_some() => self.size = Some(size),
                What::Resize(size) => return Some(Ok((now, Event::Resize(size)))),
                What::Output(0) => {}
                What::Output(bytes) if open.at + bytes <= self.from => open.at += bytes,
                What::Output(bytes) => {
                    if let Some(size) = self.size.take() {
                        open.records.push_front((now, what));
                        return Some(Ok((now, Event::Resize(size))));
                    }
                    let skipped = self.from.saturating_sub(open.at);
                    let count = (bytes - skipped).min(MOST);
                    let mut output = Vec::new();
                    let at = open.at + skipped - open.segment.start;
                    let read = read_at(&open.file, at, usize::try_from(count).unwrap_or(0), &mut output);
                    match read {
                        Ok(0) => return Some(Err(io::ErrorKind::UnexpectedEof.into())),
                        Ok(read) => {
                            open.at += skipped + read as u64;
                            let left = bytes - skipped - read as u64;
                            if left > 0 {
                                open.records.push_front((now, What::Output(left)));
                            }
                            return Some(Ok((now, Event::Output(output))));
                        }
                        Err(error) => {
                            open.at = open.end;
                            open.records.clear();
                            return Some(Err(error));
                        }
                    }
                }
            }
        }
    }
}
