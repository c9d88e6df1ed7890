//! From a thread that writes to a request that is sent, a few chunks ahead.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use futures_util::stream::poll_fn;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Bytes that go through at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// Chunks under way: the reader of files and the connection wait for each other as little as possible.
const CHUNKS: usize = 4;

type Chunk = io::Result<Bytes>;

/// The end that is written to, outside the executor.
pub(super) struct PipeWriter {
    sender: Sender<Chunk>,
    buffer: BytesMut,
}

/// Both ends.
pub(super) fn pipe() -> (PipeWriter, impl Stream<Item = Chunk> + use<>) {
    let (sender, mut receiver): (_, Receiver<Chunk>) = channel(CHUNKS);
    let writer = PipeWriter { sender, buffer: BytesMut::with_capacity(CHUNK_BYTES) };
    (writer, poll_fn(move |context| receiver.poll_recv(context)))
}

impl PipeWriter {
    /// Ends it so that nobody takes what came for all of it.
    pub(super) fn break_off(self) {
        // When nobody listens any more, nobody can be misled.
        let _ = self.sender.blocking_send(Err(io::ErrorKind::Interrupted.into()));
    }
}

impl Write for PipeWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK_BYTES - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..taken]);
        if self.buffer.len() == CHUNK_BYTES {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, BytesMut::with_capacity(CHUNK_BYTES)).freeze();
        self.sender.blocking_send(Ok(chunk)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::StreamExt;

    #[tokio::test]
    async fn what_is_written_comes_out_and_a_broken_end_is_told() {
        let (mut writer, mut chunks) = pipe();
        let thread = tokio::task::spawn_blocking(move || {
            writer.write_all(&vec![7; CHUNK_BYTES + 1]).unwrap();
            writer.flush().unwrap();
            writer.break_off();
        });
        assert_eq!(chunks.next().await.unwrap().unwrap().len(), CHUNK_BYTES);
        assert_eq!(chunks.next().await.unwrap().unwrap(), Bytes::from_static(&[7]));
        assert!(chunks.next().await.unwrap().is_err());
        assert!(chunks.next().await.is_none());
        thread.await.unwrap();
    }

    #[tokio::test]
    async fn writing_ends_when_nobody_reads() {
        let (mut writer, chunks) = pipe();
        drop(chunks);
        let thread = tokio::task::spawn_blocking(move || writer.write_all(&vec![7; CHUNK_BYTES]));
        assert_eq!(thread.await.unwrap().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
