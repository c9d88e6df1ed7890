//! The detach keys: Ctrl-P Ctrl-Q, as Docker's.

const CTRL_P: u8 = 0x10;
const CTRL_Q: u8 = 0x11;

/// Watches what is typed for the detach keys. A Ctrl-P is held back until the next byte tells what it was.
#[derive(Default)]
pub(super) struct DetachKeys {
    holding: bool,
}

/// What to do with a piece of input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Typed {
    /// Send these bytes, possibly none.
    Send(Vec<u8>),
    /// The keys were typed after these bytes.
    Detach(Vec<u8>),
}

impl DetachKeys {
    /// Takes the next piece of input.
    pub(super) fn take(&mut self, input: &[u8]) -> Typed {
        let mut send = Vec::with_capacity(input.len() + 1);
        for &byte in input {
            if self.holding && byte == CTRL_Q {
                self.holding = false;
                return Typed::Detach(send);
            }
            if self.holding {
                send.push(CTRL_P);
            }
            self.holding = byte == CTRL_P;
            if !self.holding {
                send.push(byte);
            }
        }
        Typed::Send(send)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_keys_detach_even_when_they_come_in_two_pieces() {
        assert_eq!(DetachKeys::default().take(b"ls\x10\x11rest"), Typed::Detach(b"ls".to_vec()));
        let mut keys = DetachKeys::default();
        assert_eq!(keys.take(b"ls\x10"), Typed::Send(b"ls".to_vec()));
        assert_eq!(keys.take(b"\x11"), Typed::Detach(Vec::new()));
    }

    #[test]
    fn a_ctrl_p_that_was_meant_is_sent_with_the_next_key() {
        let mut keys = DetachKeys::default();
        assert_eq!(keys.take(b"\x10"), Typed::Send(Vec::new()));
        assert_eq!(keys.take(b"\x10"), Typed::Send(b"\x10".to_vec()));
        assert_eq!(keys.take(b"x"), Typed::Send(b"\x10x".to_vec()));
    }

    proptest! {
        #[test]
        fn input_without_the_keys_passes_unchanged_however_it_is_cut(
            pieces in prop::collection::vec(prop::collection::vec(prop_oneof![Just(CTRL_P), any::<u8>()], 0..8), 0..20),
        ) {
            let whole: Vec<u8> = pieces.concat();
            prop_assume!(!whole.windows(2).any(|pair| pair == [CTRL_P, CTRL_Q]));
            let mut keys = DetachKeys::default();
            let mut sent = Vec::new();
            for piece in &pieces {
                match keys.take(piece) {
                    Typed::Send(bytes) => sent.extend(bytes),
                    Typed::Detach(_) => prop_assert!(false, "nobody typed the keys"),
                }
            }
            let held = usize::from(whole.last() == Some(&CTRL_P));
            prop_assert_eq!(&sent[..], &whole[..whole.len() - held]);
        }
    }
}
