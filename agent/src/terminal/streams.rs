//! Output streams: a descriptor to read and the fan-out to read it into.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use porthole_protocol::control::Stream;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::fanout::Fanout;

/// Most bytes read in one go: one frame's worth. More would only delay the other tasks of this thread.
const BATCH: usize = 64 * 1024;

/// Most bytes one read of a terminal returns (`N_TTY_BUF_SIZE`, `drivers/tty/n_tty.c`). A read of less has emptied it.
const TERMINAL_READ: usize = 4096;

thread_local! {
    /// One buffer for each worker thread rather than for each terminal: thousands of them may be idle.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(BATCH));
}

/// What a read found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pumped {
    /// So many bytes.
    Bytes(usize),
    /// Nothing for now.
    Empty,
    /// Nothing any more.
    Closed,
}

/// One output stream of a process.
#[derive(Debug)]
pub(super) struct Output {
    fd: Arc<AsyncFd<OwnedFd>>,
    stream: Stream,
    fanout: Arc<Fanout>,
    open: bool,
}

impl Output {
    pub(super) fn new(fd: Arc<AsyncFd<OwnedFd>>, stream: Stream) -> Self {
        Self { fd, stream, fanout: Fanout::new(), open: true }
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

    /// Reads what is there, once [`Self::readable`] said so.
    pub(super) fn pump(&mut self) -> Pumped {
        let read = BUFFER.with_borrow_mut(|buffer| {
            let read = self.fd.try_io(Interest::READABLE, |fd| read_batch(fd, self.full_read(), buffer));
            self.publish(read, buffer)
        });
        if read == Pumped::Closed {
            self.close();
        }
        read
    }

    /// Reads what is there whether or not the runtime has noticed; for a process that has ended.
    pub(super) fn drain(&mut self) -> Pumped {
        BUFFER.with_borrow_mut(|buffer| {
            let read = read_batch(self.fd.get_ref(), self.full_read(), buffer);
            self.publish(read, buffer)
        })
    }

    /// Whether the kernel holds nothing of it, told without reading.
    pub(super) fn is_empty(&self) -> bool {
        let mut fds = [PollFd::new(self.fd.get_ref(), PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_ok() && !fds[0].revents().contains(PollFlags::IN)
    }

    fn full_read(&self) -> usize {
        if self.stream == Stream::Terminal { TERMINAL_READ } else { BATCH }
    }

    fn publish(&self, read: io::Result<()>, buffer: &[u8]) -> Pumped {
        match read {
            Ok(()) if buffer.is_empty() => Pumped::Closed,
            Ok(()) => {
                self.fanout.append(buffer);
                Pumped::Bytes(buffer.len())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Pumped::Empty,
            // EIO of a terminal's master: nobody inside has it open any more (`pty(7)`).
            Err(_) => Pumped::Closed,
        }
    }
}

/// Fills `buffer` until a read returns less than a full one. Fails only if the first read does; no bytes mean the end.
fn read_batch(fd: &OwnedFd, full: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    while buffer.len() < BATCH {
        match rustix::io::read(fd, rustix::buffer::spare_capacity(buffer)) {
            Ok(count) if count >= full => {}
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) if buffer.is_empty() => return Err(error.into()),
            // What was read comes first; the next read meets the error again.
            Err(_) => break,
        }
    }
    Ok(())
}
