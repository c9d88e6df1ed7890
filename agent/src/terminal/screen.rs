//! What a terminal's screen looks like, for a viewer that lacks the output which drew it.
//!
//! Drawn only when it is asked for, by a virtual terminal (`avt`, see `docs/adr/0019-log-and-ledger.md`) that is fed from the log.
//! It is kept at its offset while there are viewers, so that those who are skipped again and again cost the new output alone.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use porthole_protocol::limits::MAX_CONTROL_BYTES;
use porthole_protocol::spec::Size;
use rustix::time::{ClockId, clock_gettime};
use tokio::sync::Semaphore;

use super::log::{Event, Log};

pub(crate) mod modes;
#[cfg(test)]
mod tests;

use modes::Modes;

/// Output that the first drawing begins before, in bytes. What a program drew earlier and never again is missing.
const BEFORE: u64 = 4 * 1024 * 1024;

/// The same when the drawing has fallen so far behind: a flood, which has written everything anew many times.
const BEFORE_IN_A_FLOOD: u64 = 512 * 1024;
const FLOOD: u64 = 2 * 1024 * 1024;

/// Largest screen that is drawn; a larger terminal is cut.
const MOST_ROWS: u16 = 500;
const MOST_COLUMNS: u16 = 1000;

/// Processor time for one drawing. Some short sequences, which nobody honest writes by the million, take long.
const MOST_TIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 30 } else { 2 });

/// Bytes fed between two looks at the clock.
const STEP: usize = 1024;

/// Room for the rest of the message that a screen is sent in.
const MESSAGE: usize = 1024;

/// Drawings at a time, of all terminals: one core at most is left to them where there are two.
static DRAWINGS: Semaphore = Semaphore::const_new(1);

/// A screen as it was before the byte at `offset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Offset of the next byte.
    pub(crate) offset: u64,
    /// The terminal's size.
    pub(crate) size: Size,
    /// What draws it on an empty terminal.
    pub(crate) screen: String,
}

/// The newest drawing of one terminal.
#[derive(Debug, Default)]
pub(super) struct Screen {
    drawing: Mutex<Option<Drawing>>,
}

impl Screen {
    /// Draws the screen as it is now, on a thread that may take its time. None when it cannot be had: the log cannot be read, or
    /// its bytes are beyond what a virtual terminal bears.
    pub(super) async fn draw(self: Arc<Self>, log: Arc<Log>) -> Option<Snapshot> {
        let _turn = DRAWINGS.acquire().await.ok()?;
        let drawn = tokio::task::spawn_blocking(move || {
            // Taken out: should the virtual terminal panic, nothing of it is left.
            let mut kept = self.drawing.lock().unwrap_or_else(PoisonError::into_inner);
            let drawing = kept.take();
            let drawing = Drawing::draw(drawing, &log)?;
            let snapshot = drawing.snapshot();
            *kept = Some(drawing);
            Ok::<_, io::Error>(snapshot)
        });
        match drawn.await {
            Ok(Ok(snapshot)) => Some(snapshot),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a screen cannot be drawn");
                None
            }
            Err(error) => {
                tracing::error!(%error, "a screen cannot be drawn");
                None
            }
        }
    }

    /// Forgets the drawing: nobody is there to need it.
    pub(super) fn forget(&self) {
        // One that is being made is not waited for.
        if let Ok(mut drawing) = self.drawing.try_lock() {
            *drawing = None;
        }
    }
}

struct Drawing {
    terminal: avt::Terminal,
    modes: Modes,
    /// The beginning of a character.
    cut: Vec<u8>,
    /// Offset of the next byte.
    at: u64,
    size: Size,
}

impl std::fmt::Debug for Drawing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drawing").field("at", &self.at).field("size", &self.size).finish_non_exhaustive()
    }
}

fn columns_and_rows(size: Size) -> (usize, usize) {
    (size.cols.clamp(1, MOST_COLUMNS).into(), size.rows.clamp(1, MOST_ROWS).into())
}

impl Drawing {
    fn new(at: u64, size: Size) -> Self {
        let (columns, rows) = columns_and_rows(size);
        let terminal = avt::Terminal::new(columns, rows).expect("it has at least one cell");
        Self { terminal, modes: Modes::default(), cut: Vec::new(), at, size }
    }

    /// The screen as it is now, from an earlier drawing where that helps.
    fn draw(earlier: Option<Self>, log: &Log) -> io::Result<Self> {
        let kept = log.range();
        let before = if earlier.is_some() { BEFORE_IN_A_FLOOD } else { BEFORE };
        let near = earlier.filter(|drawing| drawing.at >= kept.start && kept.end - drawing.at <= FLOOD);
        let mut drawing = near.unwrap_or_else(|| {
            let (at, header) = log.beginning(kept.end, before);
            let mut new = Self::new(at, header.size);
            new.write(&header.modes.prelude());
            new
        });
        let begun = processor_time();
        for event in log.events(drawing.at) {
            match event?.1 {
                Event::Resize(size) => drawing.resize(size),
                Event::Output(bytes) => {
                    for step in bytes.chunks(STEP) {
                        drawing.write(step);
                        drawing.at += step.len() as u64;
                        if processor_time().saturating_sub(begun) > MOST_TIME {
                            return Err(io::ErrorKind::TimedOut.into());
                        }
                    }
                }
            }
        }
        Ok(drawing)
    }

    fn resize(&mut self, size: Size) {
        if size != self.size {
            let (columns, rows) = columns_and_rows(size);
            self.terminal.resize(columns, rows);
            self.size = size;
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        self.modes.scan(bytes);
        let bytes = [&std::mem::take(&mut self.cut)[..], bytes].concat();
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.terminal.feed(chunk.valid());
            let invalid = chunk.invalid();
            let is_cut = |bytes| std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none());
            if chunks.peek().is_none() && is_cut(invalid) {
                self.cut = invalid.to_vec();
            } else if !invalid.is_empty() {
                self.terminal.feed(char::REPLACEMENT_CHARACTER);
            }
        }
    }

    fn snapshot(&self) -> Snapshot {
        let mut screen = without_repeats(&self.terminal.dump());
        screen.push_str(&self.modes.beside_the_screen());
        if !fits(&screen) {
            screen = self.plain();
        }
        Snapshot { offset: self.at, size: self.size, screen }
    }

    /// Its text alone, and of that as many of the last lines as fit.
    fn plain(&self) -> String {
        let lines = self.terminal.screen().text();
        let mut first = 0;
        loop {
            let text = lines[first..].join("\r\n");
            if fits(&text) {
                return text;
            }
            first += (lines.len() - first).div_ceil(4);
        }
    }
}

/// The same with each "repeat the last character" (`CSI n b`) written out: not every terminal that `attach` runs in knows it.
fn without_repeats(screen: &str) -> String {
    let mut parts = screen.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (count, rest) = part.split_at(end);
        match (rest.strip_prefix('b'), count.parse::<usize>(), plain.chars().next_back()) {
            (Some(rest), Ok(count), Some(last)) => {
                plain.extend(std::iter::repeat_n(last, count.min(MOST_COLUMNS.into())));
                plain.push_str(rest);
            }
            _ => {
                plain.push_str("\x1b[");
                plain.push_str(part);
            }
        }
    }
    plain
}

/// Whether a message can hold it. Control characters take six bytes there.
fn fits(screen: &str) -> bool {
    let bytes = screen.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..=0x1f => 6,
        _ => 1,
    });
    bytes.sum::<usize>() + MESSAGE <= MAX_CONTROL_BYTES
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}
