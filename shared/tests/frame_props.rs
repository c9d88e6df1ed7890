//! Whatever arrives, decoding a frame neither panics nor reads outside the message.

use porthole_protocol::frame::{Frame, FrameError, MAX_PAYLOAD_BYTES};
use porthole_protocol::limits::MAX_FRAME_BYTES;
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_frame_survives_the_round_trip(channel: u32, payload in prop::collection::vec(any::<u8>(), 1..2000)) {
        let frame = Frame { channel, payload: &payload };
        let message = frame.encode();
        prop_assert_eq!(Frame::decode(&message), Ok(frame));
    }

    #[test]
    fn any_bytes_decode_or_are_refused(message in prop::collection::vec(any::<u8>(), 0..64)) {
        match Frame::decode(&message) {
            Ok(frame) => prop_assert_eq!(frame.encode(), message),
            Err(error) => { prop_assert_eq!(error, FrameError::TooShort); prop_assert!(message.len() <= 4); }
        }
    }
}

#[test]
fn the_largest_frame_passes_and_one_byte_more_is_refused() {
    let payload = vec![7; MAX_PAYLOAD_BYTES];
    let message = Frame { channel: 1, payload: &payload }.encode();
    assert_eq!(message.len(), MAX_FRAME_BYTES);
    assert!(Frame::decode(&message).is_ok());
    assert_eq!(Frame::decode(&vec![0; MAX_FRAME_BYTES + 1]), Err(FrameError::TooLong));
}
