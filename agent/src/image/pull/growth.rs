//! A file that is read while it grows: so that a layer is unpacked while it still comes.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::image::ImageError;
use crate::image::digest::{Digest, Hashing};

/// Bytes of the file's begin that are read at a time.
const BUFFER_BYTES: usize = 256 * 1024;

/// How far a file has grown, and its end.
#[derive(Debug, Default)]
pub(super) struct Growth {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: u64,
    end: Option<End>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It is whole, and what it should be.
    Whole,
    /// It will never be.
    Broken,
}

impl Growth {
    /// The file has these many bytes more.
    fn grow(&self, bytes: u64) {
        self.state().bytes += bytes;
        self.changed.notify_all();
    }

    /// Nothing more comes. The first end counts.
    pub(super) fn end(&self, end: End) {
        self.state().end.get_or_insert(end);
        self.changed.notify_all();
    }

    /// Bytes to read at an offset, once there are any; none at the end.
    fn wait(&self, from: u64) -> Result<u64, ImageError> {
        let waits = |state: &mut State| state.bytes <= from && state.end.is_none();
        let state = self.changed.wait_while(self.state(), waits).unwrap_or_else(PoisonError::into_inner);
        match state.end {
            Some(End::Broken) => Err(ImageError::Interrupted("the download ended".into())),
            _ => Ok(state.bytes.saturating_sub(from)),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what comes to the end of a file that has `have` bytes already; answers the digest of all of it. Blocks.
pub(super) fn write(
    file: File,
    have: u64,
    mut chunks: mpsc::Receiver<Bytes>,
    growth: &Growth,
) -> io::Result<Digest> {
    growth.grow(have);
    let begin = Follower { file: file.try_clone()?, at: 0, growth: Arc::default() };
    begin.growth.grow(have);
    begin.growth.end(End::Whole);
    let mut hash = Hashing::new(io::sink());
    io::copy(&mut io::BufReader::with_capacity(BUFFER_BYTES, begin), &mut hash)?;
    let mut file = file;
    while let Some(chunk) = chunks.blocking_recv() {
        file.write_all(&chunk)?;
        growth.grow(chunk.len() as u64);
        hash.write_all(&chunk)?;
    }
    Ok(hash.finish().0)
}

/// Reads a growing file from its begin. It ends when the file has, and with an error when the file did not become what it
/// should be: so nobody takes for whole what is not.
pub(super) struct Follower {
    file: File,
    at: u64,
    growth: Arc<Growth>,
}

impl Follower {
    pub(super) fn new(file: File, growth: Arc<Growth>) -> Self {
        Self { file, at: 0, growth }
    }
}

impl Read for Follower {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let there = self.growth.wait(self.at).map_err(io::Error::other)?;
        let wanted = buffer.len().min(usize::try_from(there).unwrap_or(usize::MAX));
        let n = self.file.read_at(&mut buffer[..wanted], self.at)?;
        self.at += n as u64;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_follows_and_ends_only_when_the_end_is_good() {
        for end in [End::Whole, End::Broken] {
            let file = tempfile::tempfile().unwrap();
            (&file).write_all(b"kept, ").unwrap();
            let growth = Arc::new(Growth::default());
            let mut follower = Follower::new(file.try_clone().unwrap(), Arc::clone(&growth));
            let (sender, chunks) = mpsc::channel(1);
            let digest = std::thread::scope(|scope| {
                let writer = scope.spawn(|| write(file, 6, chunks, &growth).unwrap());
                let mut begin = [0; 6];
                follower.read_exact(&mut begin).unwrap();
                assert_eq!(&begin, b"kept, ");
                let reader = scope.spawn(move || {
                    let mut rest = String::new();
                    follower.read_to_string(&mut rest).map(|_| rest)
                });
                for word in ["then ", "more"] {
                    sender.blocking_send(Bytes::from(word)).unwrap();
                }
                drop(sender);
                let digest = writer.join().unwrap();
                growth.end(end);
                match (end, reader.join().unwrap()) {
                    (End::Whole, read) => assert_eq!(read.unwrap(), "then more"),
                    (End::Broken, read) => drop(read.unwrap_err()),
                }
                digest
            });
            assert_eq!(digest, Digest::of(b"kept, then more"));
        }
    }
}
