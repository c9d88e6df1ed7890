//! Where a process's output ends up: standard output and error.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;

use bytes::{Buf, Bytes};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::credit::Consumed;

/// Output on its way to a file descriptor of ours. What waits of the process's never exceeds the credit we granted.
pub(super) struct Sink {
    file: File,
    waiting: VecDeque<Piece>,
    /// Bytes of the process's that wait.
    held: usize,
    consumed: Consumed,
}

struct Piece {
    bytes: Bytes,
    /// Whether it is ours, and so was never granted.
    own: bool,
}

impl Sink {
    /// Writes to the descriptor itself: the standard library holds back what has no end of line yet, such as a prompt.
    ///
    /// # Errors
    /// Those of `dup(2)`.
    pub(super) fn new(descriptor: impl AsFd) -> io::Result<Self> {
        let file = File::from_std(descriptor.as_fd().try_clone_to_owned()?.into());
        Ok(Self { file, waiting: VecDeque::new(), held: 0, consumed: Consumed::default() })
    }

    /// Adds output that came, possibly none, and counts so many bytes more as written.
    pub(super) fn push(&mut self, bytes: Bytes, known: usize) {
        self.consumed.note(known);
        if !bytes.is_empty() {
            self.held += bytes.len();
            self.waiting.push_back(Piece { bytes, own: false });
        }
    }

    /// Adds words of our own.
    pub(super) fn push_own(&mut self, bytes: Bytes) {
        self.waiting.push_back(Piece { bytes, own: true });
    }

    /// Whether there is something to write or to grant.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() || self.consumed.is_due()
    }

    /// Bytes of the process's that wait.
    pub(super) fn waiting(&self) -> usize {
        self.held
    }

    /// Forgets what was written and not yet granted: the agent that it was to be told to is gone.
    pub(super) fn forget_grants(&mut self) {
        self.consumed = Consumed::default();
    }

    /// Writes some of what waits and gives the credit to grant for it. Cancel safe.
    ///
    /// # Errors
    /// Those of `write(2)`, one write late.
    pub(super) async fn write_some(&mut self) -> io::Result<Option<u32>> {
        if let Some(front) = self.waiting.front_mut() {
            let written = self.file.write(&front.bytes).await?;
            front.bytes.advance(written);
            if !front.own {
                self.held -= written;
                self.consumed.note(written);
            }
            if front.bytes.is_empty() {
                self.waiting.pop_front();
            }
        }
        Ok(self.consumed.due())
    }

    /// Writes all that waits and what the file has buffered.
    ///
    /// # Errors
    /// Those of `write(2)`.
    pub(super) async fn write_rest(&mut self) -> io::Result<()> {
        while let Some(piece) = self.waiting.pop_front() {
            self.file.write_all(&piece.bytes).await?;
        }
        self.held = 0;
        self.file.flush().await
    }
}
