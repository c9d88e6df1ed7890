//! The task that owns one process's descriptors.
//!
//! ```text
//!             exited                 last byte read, or as many as pipes and terminals hold
//!   Running ----------> Draining --------------------------------------------------------> finished
//! ```
//!
//! A process may leave children behind that hold its terminal open for ever, so its end is not the end of file: after
//! `exited` the task reads what the kernel still holds, as credit allows, tells the viewers, and is done.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use futures_util::future::join_all;
use porthole_protocol::control::Stream;
use porthole_protocol::http::Exit;
use porthole_protocol::spec::Size;
use rustix::termios::Winsize;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, watch};

use super::fanout::Fanout;
use super::input::Sink;
use super::streams::{Output, Pumped};
use super::{Input, Told};
use crate::async_fd;
use crate::engine::StdioFds;

/// Most bytes that the kernel can still hold when a process has ended: a pipe of the largest size that an ordinary user
/// may ask for (`/proc/sys/fs/pipe-max-size`, see `pipe(7)`). What comes beyond it was written later, by others.
const LEFT_BEHIND: usize = 1024 * 1024;

/// Owns the descriptors.
#[derive(Debug)]
pub(super) struct Driver {
    /// One for a terminal, two for pipes.
    outputs: Vec<Output>,
    sink: Sink,
    /// The terminal, for its size.
    master: Option<Arc<AsyncFd<OwnedFd>>>,
}

/// What wakes this task.
enum Event {
    /// The newest of what was told; none when nobody holds a handle any more.
    Told(Option<Told>),
    Input(Option<Input>),
    Readable(usize),
    Writable,
    DemandChanged,
}

impl Driver {
    pub(super) fn new(stdio: StdioFds) -> io::Result<Self> {
        Ok(match stdio {
            StdioFds::Terminal(master) => {
                let master = register(master)?;
                Self {
                    outputs: vec![Output::new(Arc::clone(&master), Stream::Terminal)],
                    sink: Sink::new(Some(Arc::clone(&master))),
                    master: Some(master),
                }
            }
            StdioFds::Pipes { stdout, stderr, stdin } => Self {
                outputs: vec![
                    Output::new(register(stdout)?, Stream::Stdout),
                    Output::new(register(stderr)?, Stream::Stderr),
                ],
                sink: Sink::new(stdin.map(register).transpose()?),
                master: None,
            },
        })
    }

    pub(super) fn fanouts(&self) -> Vec<(Stream, Arc<Fanout>)> {
        self.outputs.iter().map(|output| (output.stream(), Arc::clone(output.fanout()))).collect()
    }

    /// Runs until the process's last byte is read, or nobody holds a handle any more.
    pub(super) async fn run(mut self, mut inputs: mpsc::Receiver<Input>, mut told: watch::Receiver<Told>) {
        loop {
            match self.next(&mut inputs, &mut told).await {
                Event::Told(Some(Told { exit: Some(exit), .. })) => {
                    // Who still types must not wait for a process that is gone.
                    drop(inputs);
                    return self.drain(exit).await;
                }
                Event::Told(Some(Told { size, .. })) => size.into_iter().for_each(|size| self.resize(size)),
                Event::Told(None) | Event::Input(None) => return,
                Event::Input(Some(Input::Bytes(bytes, meter))) => self.sink.push(bytes, meter),
                Event::Input(Some(Input::End)) if self.master.is_none() => self.sink.end(),
                Event::Input(Some(Input::End)) | Event::DemandChanged => {}
                Event::Writable => self.sink.write(),
                Event::Readable(output) => {
                    self.outputs[output].pump();
                }
            }
        }
    }

    async fn next(&self, inputs: &mut mpsc::Receiver<Input>, told: &mut watch::Receiver<Told>) -> Event {
        let (first, second) = (&self.outputs[0], self.outputs.last().expect("a process has output"));
        tokio::select! {
            changed = told.changed() => Event::Told(changed.ok().map(|()| *told.borrow_and_update())),
            input = inputs.recv(), if self.sink.accepts() => Event::Input(input),
            () = self.sink.writable(), if self.sink.is_pending() => Event::Writable,
            () = first.readable(), if first.is_wanted() => Event::Readable(0),
            () = second.readable(), if self.outputs.len() > 1 && second.is_wanted() => Event::Readable(1),
            () = first.fanout().demand_changed() => Event::DemandChanged,
            () = second.fanout().demand_changed(), if self.outputs.len() > 1 => Event::DemandChanged,
        }
    }

    fn resize(&self, Size { rows, cols }: Size) {
        let Some(master) = &self.master else { return };
        let size = Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 };
        if let Err(error) = rustix::termios::tcsetwinsize(master.as_fd(), size) {
            tracing::debug!(%error, "a terminal cannot be resized");
        }
    }

    /// Reads what an ended process left.
    async fn drain(self, exit: Exit) {
        join_all(self.outputs.into_iter().map(|output| drain(output, exit))).await;
    }
}

/// Reads what is left of one stream, as its viewers grant, and tells them the exit.
async fn drain(mut output: Output, exit: Exit) {
    let mut left = LEFT_BEHIND;
    while left > 0 && output.is_open() {
        if !output.is_wanted() {
            // Nothing needs to be granted for the end alone.
            if output.is_empty() {
                break;
            }
            output.fanout().demand_changed().await;
            continue;
        }
        match output.drain() {
            Pumped::Bytes(count) => left = left.saturating_sub(count),
            Pumped::Empty | Pumped::Closed => output.close(),
        }
        tokio::task::yield_now().await;
    }
    output.fanout().finish(exit);
}

fn register(fd: OwnedFd) -> io::Result<Arc<AsyncFd<OwnedFd>>> {
    async_fd::register(fd).map(Arc::new)
}
