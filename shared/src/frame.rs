//! Binary frames: terminal bytes, in both directions.
//!
//! ```text
//!  0        4
//!  +--------+---------------------------+
//!  | channel|  bytes                    |
//!  | u32 BE |  1 .. MAX_FRAME_BYTES - 4 |
//!  +--------+---------------------------+
//! ```
//!
//! Frames of one channel arrive in order and without gaps; a receiver keeps a channel's offset by counting bytes
//! from the offset that `attached` named (and from `skipped`, where output was left out).

use std::fmt;

use crate::ids::Channel;
use crate::limits::MAX_FRAME_BYTES;

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 4;

/// Most payload that fits one frame.
pub const MAX_PAYLOAD_BYTES: usize = MAX_FRAME_BYTES - HEADER_BYTES;

/// Why a binary message is not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// Shorter than its header, or without payload.
    TooShort,
    /// Longer than [`MAX_FRAME_BYTES`].
    TooLong,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooShort => write!(f, "a binary frame has a 4-byte channel and at least one byte"),
            Self::TooLong => write!(f, "a binary frame has at most {MAX_FRAME_BYTES} bytes"),
        }
    }
}

impl std::error::Error for FrameError {}

/// A frame borrowed from the message it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The channel these bytes belong to.
    pub channel: Channel,
    /// The bytes, at least one.
    pub payload: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Reads a frame; copies nothing.
    ///
    /// # Errors
    /// [`FrameError`] when the length is outside the limits.
    pub fn decode(message: &'a [u8]) -> Result<Self, FrameError> {
        if message.len() > MAX_FRAME_BYTES {
            return Err(FrameError::TooLong);
        }
        match message.split_first_chunk::<HEADER_BYTES>() {
            Some((header, payload)) if !payload.is_empty() => {
                Ok(Self { channel: Channel::from_be_bytes(*header), payload })
            }
            _ => Err(FrameError::TooShort),
        }
    }

    /// Writes the frame as one message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(HEADER_BYTES + self.payload.len());
        message.extend_from_slice(&self.channel.to_be_bytes());
        message.extend_from_slice(self.payload);
        message
    }
}
