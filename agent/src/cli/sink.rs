//! Where a process's output ends up: standard output and error.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;

use bytes::{Buf, Bytes};
use porthole_protocol::ids::Channel;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::credit::Consumed;

/// Output of one channel on its way to a file descriptor of ours. What waits never exceeds the credit we granted.
pub(super) struct Sink {
    /// The channel; none when the process has no such stream.
    pub(super) channel: Option<Channel>,
    file: File,
    waiting: VecDeque<Bytes>,
    consumed: Consumed,
}

impl Sink {
    /// Writes to the descriptor itself: the standard library holds back what has no end of line yet, such as a prompt.
    ///
    /// # Errors
    /// Those of `dup(2)`.
    pub(super) fn new(channel: Option<Channel>, descriptor: impl AsFd) -> io::Result<Self> {
        let file = File::from_std(descriptor.as_fd().try_clone_to_owned()?.into());
        Ok(Self { channel, file, waiting: VecDeque::new(), consumed: Consumed::default() })
    }

    /// Adds output that came.
    pub(super) fn push(&mut self, bytes: Bytes) {
        self.waiting.push_back(bytes);
    }

    /// Whether there is something to write.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Writes some of what waits and gives the credit to grant for it. Cancel safe.
    ///
    /// # Errors
    /// Those of `write(2)`, one write late.
    pub(super) async fn write_some(&mut self) -> io::Result<Option<u32>> {
        let Some(front) = self.waiting.front_mut() else { return Ok(None) };
        let written = self.file.write(front).await?;
        front.advance(written);
        if front.is_empty() {
            self.waiting.pop_front();
        }
        Ok(self.consumed.add(written))
    }

    /// Writes all that waits and what the file has buffered.
    ///
    /// # Errors
    /// Those of `write(2)`.
    pub(super) async fn write_rest(&mut self) -> io::Result<()> {
        while let Some(bytes) = self.waiting.pop_front() {
            self.file.write_all(&bytes).await?;
        }
        self.file.flush().await
    }
}
