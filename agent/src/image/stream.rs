//! Bytes on their way in: from an upload into blocking code, decompressed, and bounded at each step.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;
use porthole_protocol::limits::{MAX_EXPANSION_RATIO, MAX_IMAGE_ARCHIVE_BYTES};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio::task;

use super::error::ImageError;
use super::zstd::ZstdReader;

/// Bytes of an upload read into one allocation, and of a stream read from its source at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// Room in it, in bytes, below which a new one is made.
const LEAST_READ_BYTES: usize = 16 * 1024;

/// Chunks waiting for the disk, before the network waits with them.
const CHUNKS: usize = 8;

/// Decompressed bytes that the ratio does not count: a short archive of zeros is no bomb.
const FREE_BYTES: u64 = 16 * 1024 * 1024;

/// How a stream is compressed, told by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Feeds an upload to blocking `work` on a thread of its own and answers its result. When this future is dropped, the
/// work reads an error.
pub(super) async fn consume<T: Send + 'static>(
    mut body: impl AsyncRead + Send + Unpin,
    work: impl FnOnce(Upload) -> Result<T, ImageError> + Send + 'static,
) -> Result<T, ImageError> {
    let (sender, chunks) = mpsc::channel(CHUNKS);
    let upload = Upload { chunks, chunk: Bytes::new(), bytes: 0, ended: false };
    let worker = task::spawn_blocking(move || work(upload));
    let mut buffer = BytesMut::new();
    loop {
        if buffer.capacity() < LEAST_READ_BYTES {
            buffer = BytesMut::with_capacity(CHUNK_BYTES);
        }
        let read = body.read_buf(&mut buffer).await.map(|_| buffer.split().freeze());
        let is_last = read.as_ref().map_or(true, Bytes::is_empty);
        // The work may end before the upload does; its result says why.
        if sender.send(read).await.is_err() || is_last {
            break;
        }
    }
    worker.await.map_err(|panic| ImageError::store("reading an upload")(io::Error::other(panic)))?
}

/// The receiving end of an upload. An empty chunk is its end; a closed channel without one, or an error, breaks it off.
pub(super) struct Upload {
    chunks: mpsc::Receiver<io::Result<Bytes>>,
    chunk: Bytes,
    bytes: u64,
    ended: bool,
}

impl Upload {
    fn next_chunk(&mut self) -> io::Result<()> {
        let broken = |why: String| io::Error::other(ImageError::Interrupted(why));
        match self.chunks.blocking_recv() {
            Some(Ok(chunk)) => {
                self.bytes += chunk.len() as u64;
                if self.bytes > MAX_IMAGE_ARCHIVE_BYTES {
                    return Err(too_large("it is larger", MAX_IMAGE_ARCHIVE_BYTES));
                }
                self.ended = chunk.is_empty();
                self.chunk = chunk;
                Ok(())
            }
            Some(Err(error)) => Err(broken(error.to_string())),
            None => Err(broken("it was cancelled".into())),
        }
    }
}

impl Read for Upload {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.chunk.is_empty() && !self.ended {
            self.next_chunk()?;
        }
        let n = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..n]);
        Ok(n)
    }
}

/// An error that carries an [`ImageError`] through [`Read`].
fn too_large(what: &str, limit: u64) -> io::Error {
    io::Error::other(ImageError::TooLarge(format!("{what} than {limit} bytes")))
}

impl ImageError {
    /// What a failed read means: the error that a stream of this module put in, or a broken archive.
    pub(super) fn from_read(error: io::Error) -> Self {
        error.downcast::<Self>().unwrap_or_else(|error| Self::BadArchive(error.to_string()))
    }
}

/// Decompresses a stream by its first bytes; refuses to read more than `limit` bytes out of it, or more than
/// [`MAX_EXPANSION_RATIO`] times what it is.
pub(super) fn decompress<'a>(
    source: impl Read + Send + 'a,
    limit: u64,
) -> io::Result<(Compression, Bounded<'a>)> {
    let bytes_in = Arc::new(AtomicU64::new(0));
    let counted = Counted { source, bytes: Arc::clone(&bytes_in) };
    let mut source = BufReader::with_capacity(CHUNK_BYTES, counted);
    let start = peek(&mut source)?;
    let (compression, plain): (_, Box<dyn Read + Send + 'a>) = match start {
        [0x1f, 0x8b, ..] => (Compression::Gzip, Box::new(MultiGzDecoder::new(source))),
        [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
            (Compression::Zstd, Box::new(ZstdReader::new(source)))
        }
        [0xfd, b'7', b'z', b'X'] | [b'B', b'Z', b'h', _] => {
            let why = "it is compressed with xz or bzip2; gzip, zstd and plain archives are read";
            return Err(io::Error::other(ImageError::BadArchive(why.into())));
        }
        _ => (Compression::None, Box::new(source)),
    };
    Ok((compression, Bounded { plain, bytes_in, bytes: 0, limit }))
}

/// The first four bytes, zeros where the stream is shorter, without taking them.
fn peek(source: &mut BufReader<impl Read>) -> io::Result<[u8; 4]> {
    let mut start = [0; 4];
    let available = source.fill_buf()?;
    let n = available.len().min(4);
    start[..n].copy_from_slice(&available[..n]);
    Ok(start)
}

/// Counts what is read.
struct Counted<R> {
    source: R,
    bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // Whole buffers, so that the first one holds at least what tells the compression.
        let mut n = 0;
        while n < buffer.len() {
            match self.source.read(&mut buffer[n..]) {
                Ok(0) => break,
                Ok(more) => n += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.bytes.fetch_add(n as u64, Ordering::Relaxed);
        Ok(n)
    }
}

/// A decompressed stream that ends with an error before it becomes a bomb.
pub(super) struct Bounded<'a> {
    plain: Box<dyn Read + Send + 'a>,
    bytes_in: Arc<AtomicU64>,
    bytes: u64,
    limit: u64,
}

impl Read for Bounded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.plain.read(buffer)?;
        self.bytes += n as u64;
        if self.bytes > self.limit {
            return Err(too_large("it holds more", self.limit));
        }
        let honest = self
            .bytes_in
            .load(Ordering::Relaxed)
            .saturating_mul(MAX_EXPANSION_RATIO)
            .saturating_add(FREE_BYTES);
        if self.bytes > honest {
            let why = format!("it expands to more than {MAX_EXPANSION_RATIO} times its size");
            return Err(io::Error::other(ImageError::TooLarge(why)));
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(source: &[u8], limit: u64) -> Result<(Compression, Vec<u8>), ImageError> {
        let (compression, mut plain) = decompress(source, limit).map_err(ImageError::from_read)?;
        let mut bytes = Vec::new();
        plain.read_to_end(&mut bytes).map_err(ImageError::from_read)?;
        Ok((compression, bytes))
    }

    #[test]
    fn gzip_of_several_members_is_one_stream() {
        let both = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(read(&both, 100).unwrap(), (Compression::Gzip, b"one two".to_vec()));
        assert_eq!(read(b"plain", 100).unwrap(), (Compression::None, b"plain".to_vec()));
        assert_eq!(read(b"", 100).unwrap(), (Compression::None, vec![]));
    }

    #[test]
    fn bombs_and_broken_streams_end_with_an_error() {
        // A frame of 1024 run-length blocks, each of 4 bytes for 128 KiB.
        let block = |last: u32| [&(last | 1 << 1 | (128 * 1024) << 3).to_le_bytes()[..3], b"x"].concat();
        let bomb = [b"\x28\xb5\x2f\xfd\x00\x58".to_vec(), block(0).repeat(1023), block(1)].concat();
        assert_eq!(bomb.len(), 4102);
        assert!(matches!(read(&bomb, u64::MAX), Err(ImageError::TooLarge(_))));
        assert!(matches!(read(&gzip(&[1; 101]), 100), Err(ImageError::TooLarge(_))));
        let whole = gzip(b"some text");
        assert!(matches!(read(&whole[..whole.len() - 3], 100), Err(ImageError::BadArchive(_))));
        assert!(matches!(read(b"BZh91AY", 100), Err(ImageError::BadArchive(_))));
    }

    #[tokio::test]
    async fn an_upload_arrives_whole_or_as_an_error() {
        let all = |mut upload: Upload| {
            let mut bytes = Vec::new();
            upload.read_to_end(&mut bytes).map_err(ImageError::from_read).map(|_| bytes)
        };
        let sent: Vec<u8> = (0..600_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        assert_eq!(consume(&sent[..], all).await.unwrap(), sent);

        let (done, result) = tokio::sync::oneshot::channel();
        let (near, far) = tokio::io::duplex(64);
        let mut cancelled = Box::pin(consume(near, move |upload| {
            done.send(all(upload)).expect("the test waits for it");
            Ok(())
        }));
        assert!(futures_util::poll!(&mut cancelled).is_pending());
        drop((cancelled, far));
        assert!(matches!(result.await.unwrap(), Err(ImageError::Interrupted(_))));
    }
}
