//! Processes with a terminal (or, in a run, with pipes): what they print, what is typed, how they end.
//!
//! ```text
//!   program ──▶ transit pipe ──▶ log (files) ──▶ fan-out, one a stream ──▶ any number of viewers
//!   program ◀── input pipe ◀── ledger ◀── inbox ◀── any number of clients
//! ```
//!
//! [`driver`] is the task that moves output; input is moved by whoever brings it, and by that task when it has to wait. A
//! [`Terminal`] is the handle everyone else holds.

use std::sync::Arc;
use std::time::Duration;

use porthole_protocol::control::Stream;
use porthole_protocol::http::Exit;
use porthole_protocol::ids::{ProcessNumber, Typist};
use porthole_protocol::spec::Size;
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use crate::engine::StdioFds;

mod driver;
pub(crate) mod fanout;
mod input;
mod ledger;
pub(crate) mod log;
pub(crate) mod screen;
mod streams;

pub(crate) use input::{Input, Meter};

use fanout::Fanout;
use input::Inbox;
use log::ContainerLogs;

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
    inbox: Arc<Inbox>,
    told: Arc<watch::Sender<Told>>,
    finished: watch::Receiver<Option<Exit>>,
}

/// What of a process ends when.
#[derive(Debug)]
pub(crate) struct Ends {
    inbox: Arc<Inbox>,
    finished: watch::Receiver<Option<Exit>>,
}

impl Ends {
    /// Resolves when a process on pipes has been given all of its input, after [`Input::End`].
    pub(crate) async fn input_over(&self) {
        self.inbox.over().await;
    }

    /// Resolves when the process has ended and its last byte is in the log; with none when that will not be known.
    pub(crate) async fn finished(&self) -> Option<Exit> {
        self.finished.clone().wait_for(Option::is_some).await.ok().and_then(|exit| *exit)
    }
}

/// The streams of a process.
pub(crate) fn kinds(terminal: bool) -> &'static [Stream] {
    if terminal { &[Stream::Terminal] } else { &[Stream::Stdout, Stream::Stderr] }
}

impl Terminal {
    /// Starts the task of a process that has `stdio`, and is kept in `logs`. A terminal has this size.
    ///
    /// # Errors
    /// When a descriptor cannot be registered with the runtime.
    pub(crate) fn start(
        stdio: StdioFds,
        logs: &ContainerLogs,
        process: ProcessNumber,
        size: Size,
        tasks: &TaskTracker,
    ) -> std::io::Result<Self> {
        let (told, told_receiver) = watch::channel(Told::default());
        let (finish, finished) = watch::channel(None);
        let driver = driver::Driver::new(stdio, logs, process, size, finish)?;
        let (streams, inbox) = (driver.fanouts().into(), Arc::clone(driver.inbox()));
        tasks.spawn(driver.run(told_receiver));
        Ok(Self { streams, inbox, told: Arc::new(told), finished })
    }

    /// A process that ended before this agent began: what is kept of its output is left.
    pub(crate) fn ended(terminal: bool, exit: Exit, logs: &ContainerLogs, process: ProcessNumber) -> Self {
        let streams = driver::ended(terminal, exit, logs, process).into();
        let finished = watch::channel(Some(exit)).1;
        Self { streams, inbox: Inbox::new(None, None, !terminal), told: Arc::default(), finished }
    }

    /// Its output streams: the terminal's one, or stdout and stderr.
    pub(crate) fn streams(&self) -> &[(Stream, Arc<Fanout>)] {
        &self.streams
    }

    /// How much of a typist's input was ever accepted; none where nothing can be typed.
    pub(crate) fn accepted(&self, typist: Typist) -> Option<u64> {
        self.inbox.accepted(typist)
    }

    /// Takes input, or gives it back when too much of the same client waits. Input to a process that has ended goes nowhere.
    pub(crate) fn try_input(&self, input: Input) -> Result<(), Input> {
        self.inbox.push(input)
    }

    /// What of it ends when. It is no handle: once no [`Terminal`] is left, its task ends.
    pub(crate) fn ends(&self) -> Ends {
        Ends { inbox: Arc::clone(&self.inbox), finished: self.finished.clone() }
    }

    /// Gives the terminal a new size.
    pub(crate) fn resize(&self, size: Size) {
        self.told.send_modify(|told| told.size = Some(size));
    }

    /// Its size, as it was last set.
    pub(crate) fn size(&self) -> Size {
        self.streams[0].1.log().size()
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
