//! Processes with a terminal (or, in a run, with pipes): what they print, what is typed, how they end.
//!
//! [`driver`] is the task that owns a process's descriptors. It reads into one [`fanout`] a stream, from which any
//! number of viewers take. A [`Terminal`] is the handle everyone else holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use porthole_protocol::control::Stream;
use porthole_protocol::http::Exit;
use porthole_protocol::spec::Size;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::task::TaskTracker;

use crate::engine::StdioFds;

mod driver;
pub(crate) mod fanout;
mod input;
mod log;
mod streams;

use fanout::Fanout;

/// Messages of input on their way to the task that writes them; each is at most one frame.
const INPUTS: usize = 16;

/// Input of one client to one process, and how much of it the process has taken.
#[derive(Debug)]
pub(crate) struct Meter {
    taken: AtomicU64,
    /// Wakes the client's writer.
    wake: Arc<Notify>,
}

impl Meter {
    /// A meter at zero; `wake` is notified when it grows.
    pub(crate) fn new(wake: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { taken: AtomicU64::new(0), wake })
    }

    /// Bytes taken so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    /// Counts bytes that go nowhere: whoever sent them may not type.
    pub(crate) fn discard(&self, bytes: usize) {
        self.add(bytes);
    }

    fn add(&self, bytes: usize) {
        self.taken.fetch_add(bytes as u64, Ordering::Relaxed);
        self.wake.notify_one();
    }
}

/// Something for a process to read.
#[derive(Debug)]
pub(crate) enum Input {
    /// Bytes, and the meter to add them to when the process has taken them.
    Bytes(Bytes, Arc<Meter>),
    /// The end of file, for a process on pipes; nothing to a terminal.
    End,
}

/// What the task is told beside input, and never waits behind it. The newest of each counts.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    size: Option<Size>,
    exit: Option<Exit>,
}

/// A process's terminal, or its pipes. Clones are handles to the same one.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    streams: Arc<[(Stream, Arc<Fanout>)]>,
    inputs: mpsc::Sender<Input>,
    told: Arc<watch::Sender<Told>>,
}

impl Terminal {
    /// Starts the task that owns `stdio`.
    ///
    /// # Errors
    /// When a descriptor cannot be registered with the runtime.
    pub(crate) fn start(stdio: StdioFds, tasks: &TaskTracker) -> std::io::Result<Self> {
        let (inputs, input_receiver) = mpsc::channel(INPUTS);
        let (told, told_receiver) = watch::channel(Told::default());
        let driver = driver::Driver::new(stdio)?;
        let streams = driver.fanouts().into();
        tasks.spawn(driver.run(input_receiver, told_receiver));
        Ok(Self { streams, inputs, told: Arc::new(told) })
    }

    /// A process that ended before this agent began: nothing of its output is left.
    pub(crate) fn ended(terminal: bool, exit: Exit) -> Self {
        let kinds: &[Stream] = if terminal { &[Stream::Terminal] } else { &[Stream::Stdout, Stream::Stderr] };
        let streams: Arc<[_]> = kinds.iter().map(|kind| (*kind, Fanout::new())).collect();
        streams.iter().for_each(|(_, fanout)| fanout.finish(exit));
        Self { streams, inputs: mpsc::channel(1).0, told: Arc::default() }
    }

    /// Its output streams: the terminal's one, or stdout and stderr.
    pub(crate) fn streams(&self) -> &[(Stream, Arc<Fanout>)] {
        &self.streams
    }

    /// Queues input, or gives it back when too much of it is pending. Input to a process that has ended goes nowhere.
    pub(crate) fn try_input(&self, input: Input) -> Result<(), Input> {
        match self.inputs.try_send(input) {
            Err(TrySendError::Full(input)) => Err(input),
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
        }
    }

    /// Resolves when there is room for input, or the process has ended.
    pub(crate) async fn input_room(&self) {
        let _ = self.inputs.reserve().await;
    }

    /// Gives the terminal a new size.
    pub(crate) fn resize(&self, size: Size) {
        self.told.send_modify(|told| told.size = Some(size));
    }

    /// Its size, as it was last set.
    pub(crate) fn size(&self) -> Size {
        self.told.borrow().size.unwrap_or_default()
    }

    /// How long nobody has been attached; none while somebody is.
    pub(crate) fn quiet_for(&self) -> Option<Duration> {
        let streams = self.streams.iter().map(|(_, fanout)| fanout.quiet_for());
        streams.reduce(|one, other| Some(one?.min(other?))).flatten()
    }

    /// Says something to whoever reads along, on a line of its own. Of a process on pipes, the output stays its own.
    pub(crate) fn say(&self, line: &str) {
        for (stream, fanout) in self.streams.iter() {
            match stream {
                Stream::Terminal => fanout.append(format!("\r\n{line}\r\n").as_bytes()),
                Stream::Stderr => fanout.append(format!("{line}\n").as_bytes()),
                Stream::Stdout | Stream::Unknown => {}
            }
        }
    }

    /// Says that the process has ended; viewers learn it after the last byte.
    pub(crate) fn exited(&self, exit: Exit) {
        self.told.send_modify(|told| told.exit = Some(exit));
    }
}

#[cfg(test)]
mod tests;
