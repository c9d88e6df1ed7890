//! What is typed, on its way into a process that may not be reading.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use porthole_protocol::limits::MAX_PENDING_INPUT;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::Meter;

/// Most chunks pending: keystrokes come in chunks of one byte, and each chunk costs more than its bytes.
const MAX_PENDING_CHUNKS: usize = 4096;

/// Standard input of a process, or the input side of its terminal.
#[derive(Debug)]
pub(super) struct Sink {
    /// None once closed.
    fd: Option<Arc<AsyncFd<OwnedFd>>>,
    pending: VecDeque<(Bytes, Arc<Meter>)>,
    pending_bytes: usize,
    /// Close after what is pending.
    ending: bool,
}

impl Sink {
    pub(super) fn new(fd: Option<Arc<AsyncFd<OwnedFd>>>) -> Self {
        Self { fd, pending: VecDeque::new(), pending_bytes: 0, ending: false }
    }

    /// Whether there is room for more; what is not accepted waits in its channel, and its sender with it.
    pub(super) fn accepts(&self) -> bool {
        self.pending_bytes < MAX_PENDING_INPUT && self.pending.len() < MAX_PENDING_CHUNKS
    }

    /// Whether something waits for [`Self::writable`].
    pub(super) fn is_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Takes input and writes as much as the process has room for.
    pub(super) fn push(&mut self, bytes: Bytes, meter: Arc<Meter>) {
        self.pending_bytes += bytes.len();
        self.pending.push_back((bytes, meter));
        self.write();
    }

    /// Closes once everything pending is written.
    pub(super) fn end(&mut self) {
        self.ending = true;
        self.write();
    }

    /// Resolves when the process has room for more.
    pub(super) async fn writable(&self) {
        match &self.fd {
            Some(fd) => {
                if let Ok(mut guard) = fd.writable().await {
                    guard.retain_ready();
                }
            }
            None => std::future::pending().await,
        }
    }

    /// Writes as much as the process has room for. Input that nobody can read any more counts as taken.
    pub(super) fn write(&mut self) {
        while let Some((bytes, meter)) = self.pending.front_mut() {
            let written = match &self.fd {
                Some(fd) => fd.try_io(Interest::WRITABLE, |fd| Ok(rustix::io::write(fd, bytes)?)),
                None => Ok(bytes.len()),
            };
            match written {
                Ok(count) => {
                    meter.add(count);
                    self.pending_bytes -= count;
                    bytes.advance(count);
                    if bytes.is_empty() {
                        self.pending.pop_front();
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => self.fd = None,
            }
        }
        if self.ending {
            self.fd = None;
        }
    }
}
