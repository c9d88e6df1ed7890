//! The task that owns one process's output.
//!
//! ```text
//!             exited                 last byte read, or as many as pipes and terminals hold
//!   Running ----------> Draining --------------------------------------------------------> finished
//! ```
//!
//! A process may leave children behind that hold its terminal open for ever, so its end is not the end of file: after
//! `exited` the task reads what the kernel still holds, tells the viewers, and is done.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use porthole_protocol::control::Stream;
use porthole_protocol::http::Exit;
use porthole_protocol::ids::ProcessNumber;
use porthole_protocol::spec::Size;
use rustix::termios::Winsize;
use tokio::io::unix::AsyncFd;
use tokio::sync::watch;

use super::fanout::Fanout;
use super::input::Inbox;
use super::ledger::Ledger;
use super::log::ContainerLogs;
use super::streams::{Output, Pumped};
use super::{Told, kinds};
use crate::async_fd;
use crate::engine::{StdioFds, TypedFds};

/// Most bytes that the kernel can still hold when a process has ended: a pipe of the largest size that an ordinary user
/// may ask for (`/proc/sys/fs/pipe-max-size`, see `pipe(7)`). What comes beyond it was written later, by others.
const LEFT_BEHIND: usize = 1024 * 1024;

/// Owns the descriptors.
#[derive(Debug)]
pub(super) struct Driver {
    /// One for a terminal, two for pipes.
    outputs: Vec<Output>,
    inbox: Arc<Inbox>,
    /// The terminal, for its size.
    master: Option<Arc<AsyncFd<OwnedFd>>>,
    finished: watch::Sender<Option<Exit>>,
}

/// What wakes this task.
enum Event {
    /// The newest of what was told; none when nobody holds a handle any more.
    Told(Option<Told>),
    Readable(usize),
    Writable,
    /// Input has begun to wait, or output is wanted.
    Changed,
}

impl Driver {
    /// Takes over a process's descriptors, and what an earlier agent left in the pipes beside them.
    ///
    /// # Errors
    /// When one cannot be registered with the runtime.
    pub(super) fn new(
        stdio: StdioFds,
        logs: &ContainerLogs,
        process: ProcessNumber,
        size: Size,
        finished: watch::Sender<Option<Exit>>,
    ) -> io::Result<Self> {
        let ledger = |typed: TypedFds| Ledger::open(typed.input, typed.ledger);
        let log = |stream| logs.open(process, stream, size);
        Ok(match stdio {
            StdioFds::Terminal { master, transit, typed } => {
                let master = register(master)?;
                let output = Output::terminal(Arc::clone(&master), transit, log(Stream::Terminal));
                let inbox = Inbox::new(Some(ledger(typed)?), Some(Arc::clone(&master)), false);
                Self { outputs: vec![output], inbox, master: Some(master), finished }
            }
            StdioFds::Pipes { stdout, stderr, typed, stdin } => {
                let stdin = stdin.map(register).transpose()?;
                let inbox = Inbox::new(typed.map(ledger).transpose()?, stdin, true);
                let outputs = vec![
                    Output::pipe(register(stdout)?, Stream::Stdout, log(Stream::Stdout)),
                    Output::pipe(register(stderr)?, Stream::Stderr, log(Stream::Stderr)),
                ];
                Self { outputs, inbox, master: None, finished }
            }
        })
    }

    pub(super) fn fanouts(&self) -> Vec<(Stream, Arc<Fanout>)> {
        self.outputs.iter().map(|output| (output.stream(), Arc::clone(output.fanout()))).collect()
    }

    pub(super) fn inbox(&self) -> &Arc<Inbox> {
        &self.inbox
    }

    /// Runs until the process's last byte is read, or nobody holds a handle any more.
    pub(super) async fn run(mut self, mut told: watch::Receiver<Told>) {
        loop {
            match self.next(&mut told).await {
                Event::Told(Some(Told { exit: Some(exit), .. })) => {
                    // Who still types must not wait for a process that is gone.
                    self.inbox.close();
                    return self.drain(exit).await;
                }
                Event::Told(Some(Told { size, .. })) => size.into_iter().for_each(|size| self.resize(size)),
                Event::Told(None) => return,
                Event::Writable => self.inbox.pump(),
                Event::Readable(output) => self.outputs[output].pump(),
                Event::Changed => {}
            }
        }
    }

    async fn next(&self, told: &mut watch::Receiver<Told>) -> Event {
        let (first, second) = (&self.outputs[0], self.outputs.last().expect("a process has output"));
        tokio::select! {
            changed = told.changed() => Event::Told(changed.ok().map(|()| *told.borrow_and_update())),
            () = self.inbox.writable(), if self.inbox.is_pending() => Event::Writable,
            () = self.inbox.woken() => Event::Changed,
            () = first.readable(), if first.is_wanted() => Event::Readable(0),
            () = second.readable(), if self.outputs.len() > 1 && second.is_wanted() => Event::Readable(1),
            () = first.fanout().demand_changed() => Event::Changed,
            () = second.fanout().demand_changed(), if self.outputs.len() > 1 => Event::Changed,
        }
    }

    fn resize(&self, size: Size) {
        let Some(master) = &self.master else { return };
        let Size { rows, cols } = size;
        let winsize = Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 };
        if let Err(error) = rustix::termios::tcsetwinsize(master.as_fd(), winsize) {
            return tracing::debug!(%error, "a terminal cannot be resized");
        }
        self.outputs[0].fanout().log().resize(size);
    }

    /// Reads what an ended process left, and tells its viewers the exit.
    async fn drain(mut self, exit: Exit) {
        for output in &mut self.outputs {
            let mut left = LEFT_BEHIND;
            while left > 0 && output.is_open() {
                match output.drain() {
                    Pumped::Bytes(count) => left = left.saturating_sub(count),
                    Pumped::Empty | Pumped::Closed => output.close(),
                }
                tokio::task::yield_now().await;
            }
        }
        self.outputs.iter().for_each(|output| output.fanout().finish(exit));
        self.finished.send_replace(Some(exit));
    }
}

/// The streams of a process that has ended, as an earlier agent left them.
pub(super) fn ended(
    terminal: bool,
    exit: Exit,
    logs: &ContainerLogs,
    process: ProcessNumber,
) -> Vec<(Stream, Arc<Fanout>)> {
    let open = |kind: &Stream| {
        let fanout = Fanout::new(logs.open(process, *kind, Size::default()), *kind);
        fanout.finish(exit);
        (*kind, fanout)
    };
    kinds(terminal).iter().map(open).collect()
}

fn register(fd: OwnedFd) -> io::Result<Arc<AsyncFd<OwnedFd>>> {
    async_fd::register(fd).map(Arc::new)
}
