//! Output streams: a descriptor that a process writes to, and the fan-out that its output goes to.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use porthole_protocol::control::Stream;
use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, splice};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::fanout::Fanout;
use super::log::Log;

/// Most bytes moved in one go: one frame's worth. More would only delay the other tasks of this thread.
const BATCH: usize = 64 * 1024;

/// Most bytes one read of a terminal returns (`N_TTY_BUF_SIZE`, `drivers/tty/n_tty.c`). A read of less has emptied it.
const TERMINAL_READ: usize = 4096;

/// Reads of a terminal that fit into its transit pipe, which has as many pages.
const TERMINAL_READS: usize = 16;

/// What a look at a stream found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pumped {
    /// So many bytes.
    Bytes(usize),
    /// Nothing for now.
    Empty,
    /// Nothing any more.
    Closed,
}

/// What was moved from a descriptor.
struct Moved {
    bytes: usize,
    /// Whether it held nothing more a moment ago: what comes from then on is announced anew (`epoll(7)`, edge-triggered).
    emptied: bool,
}

/// One output stream of a process.
#[derive(Debug)]
pub(super) struct Output {
    fd: Arc<AsyncFd<OwnedFd>>,
    /// The pipe that a terminal's output passes through: `splice(2)` needs one, and what is in there outlives the agent.
    transit: Option<OwnedFd>,
    stream: Stream,
    fanout: Arc<Fanout>,
    open: bool,
}

impl Output {
    /// A terminal's. What an earlier agent left in transit arrives first.
    pub(super) fn terminal(master: Arc<AsyncFd<OwnedFd>>, transit: OwnedFd, log: Arc<Log>) -> Self {
        let fanout = Fanout::new(log, Stream::Terminal);
        while fanout.append_from(&transit, BATCH).is_ok_and(|moved| moved > 0) {}
        Self { fd: master, transit: Some(transit), stream: Stream::Terminal, fanout, open: true }
    }

    /// A pipe's.
    pub(super) fn pipe(fd: Arc<AsyncFd<OwnedFd>>, stream: Stream, log: Arc<Log>) -> Self {
        Self { fd, transit: None, stream, fanout: Fanout::new(log, stream), open: true }
    }

    pub(super) fn stream(&self) -> Stream {
        self.stream
    }

    pub(super) fn fanout(&self) -> &Arc<Fanout> {
        &self.fanout
    }

    /// Whether there may be more to read.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Reads no more.
    pub(super) fn close(&mut self) {
        self.open = false;
    }

    /// Whether it should be read now.
    pub(super) fn is_wanted(&self) -> bool {
        self.open && self.fanout.wants_output()
    }

    /// Resolves when there is something to read, or the end.
    pub(super) async fn readable(&self) {
        // An error here means that the runtime is stopping; the read that follows says so.
        if let Ok(mut guard) = self.fd.readable().await {
            guard.retain_ready();
        }
    }

    /// Moves what is there to the log, once [`Self::readable`] said so.
    pub(super) fn pump(&mut self) {
        let mut count = 0;
        let looked = self.fd.try_io(Interest::READABLE, |fd| {
            let moved = self.advance(fd)?;
            count = moved.bytes;
            // The runtime is told now what another look would find.
            if moved.emptied { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(count) }
        });
        if count == 0 && Pumped::of(looked) == Pumped::Closed {
            self.close();
        }
    }

    /// Moves what is there to the log whether or not the runtime has noticed; for a process that has ended.
    pub(super) fn drain(&mut self) -> Pumped {
        Pumped::of(self.advance(self.fd.get_ref()).map(|moved| moved.bytes))
    }

    fn advance(&self, fd: &OwnedFd) -> io::Result<Moved> {
        let Some(transit) = &self.transit else {
            let bytes = self.fanout.append_from(fd, BATCH)?;
            return Ok(Moved { bytes, emptied: 0 < bytes && bytes < BATCH });
        };
        let moved = read_terminal(fd, transit)?;
        let mut appended = 0;
        while appended < moved.bytes {
            appended += self.fanout.append_from(transit, moved.bytes - appended)?;
        }
        Ok(moved)
    }
}

impl Pumped {
    fn of(moved: io::Result<usize>) -> Self {
        match moved {
            Ok(0) => Self::Closed,
            Ok(count) => Self::Bytes(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Self::Empty,
            // EIO of a terminal's master: nobody inside has it open any more (`pty(7)`).
            Err(_) => Self::Closed,
        }
    }
}

/// Moves a terminal's output into the transit pipe until there is none or the pipe is full. Fails only if the first read does.
fn read_terminal(master: &OwnedFd, transit: &OwnedFd) -> io::Result<Moved> {
    let mut bytes = 0;
    for _ in 0..TERMINAL_READS {
        match splice(master, None, transit, None, TERMINAL_READ, SpliceFlags::NONBLOCK | SpliceFlags::MOVE) {
            Ok(TERMINAL_READ) => bytes += TERMINAL_READ,
            // None is the end.
            Ok(count) => return Ok(Moved { bytes: bytes + count, emptied: count > 0 }),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if bytes > 0 => return Ok(Moved { bytes, emptied: true }),
            // What was read comes first; the next read meets the error again.
            Err(_) if bytes > 0 => break,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Moved { bytes, emptied: false })
}
