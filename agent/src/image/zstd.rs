//! Zstandard streams of any number of frames. Source: RFC 8878; the decoder itself reads one frame.
//!
//! The decoder is in safe Rust. The reference one, in C, needs about a quarter of its time; but these bytes come from
//! anybody and are read in the agent, where a flaw in C would be everybody's.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// Largest window of a frame, in bytes: what a decoder must keep in memory. `zstd -19` asks for 8 MiB, `--ultra -22` for
/// 128 MiB.
const MAX_WINDOW_BYTES: u64 = 128 * 1024 * 1024;

/// Decompresses frame after frame; skippable frames are skipped.
pub(super) struct ZstdReader<R> {
    source: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> ZstdReader<R> {
    pub(super) fn new(source: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(MAX_WINDOW_BYTES);
        Self { source, decoder, in_frame: false }
    }

    /// Begins the next frame that holds data; false at the stream's end.
    fn next_frame(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let skipped = io::copy(&mut (&mut self.source).take(length.into()), &mut io::sink())?;
                    if skipped < length.into() {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
        Ok(false)
    }
}

impl<R: BufRead> Read for ZstdReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if self.in_frame {
                if self.decoder.can_collect() > 0 {
                    return self.decoder.read(buffer);
                }
                if !self.decoder.is_finished() {
                    let one = BlockDecodingStrategy::UptoBlocks(1);
                    self.decoder.decode_blocks(&mut self.source, one).map_err(io::Error::other)?;
                    continue;
                }
            }
            self.in_frame = self.next_frame()?;
            if !self.in_frame {
                return Ok(0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruzstd::encoding::{CompressionLevel, compress_to_vec};

    fn read(stream: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        ZstdReader::new(stream).read_to_end(&mut bytes).map(|_| bytes)
    }

    #[test]
    fn frames_follow_one_another_and_skippable_ones_are_skipped() {
        let frame = |text: &[u8]| compress_to_vec(text, CompressionLevel::Fastest);
        let skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
        let long = b"a window into containers ".repeat(20_000);
        let stream = [skippable.clone(), frame(b"one "), frame(b""), skippable, frame(&long)].concat();
        assert_eq!(read(&stream).unwrap(), [&b"one "[..], &long].concat());
    }

    #[test]
    fn broken_streams_and_huge_windows_are_refused() {
        let frame = compress_to_vec(&b"some text that is long enough"[..], CompressionLevel::Fastest);
        assert!(read(&frame[..frame.len() - 4]).is_err());
        assert!(read(b"\x50\x2a\x4d\x18\xff\xff\xff\xffabc").is_err());
        // Window descriptor 0x98: 2^(10+19) bytes = 512 MiB.
        assert!(read(b"\x28\xb5\x2f\xfd\x00\x98\x01\x00\x00").is_err());
    }
}
