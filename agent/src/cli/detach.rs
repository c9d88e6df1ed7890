//! The detach keys: Ctrl-P Ctrl-Q unless others are named, as Docker's.

use std::str::FromStr;

use clap::Args;

/// Which keys leave a process without ending it.
#[derive(Clone, Debug, Default, Args)]
pub struct DetachArgs {
    /// Keys that leave the process running, as Docker writes them: letters, or ctrl- and one of a-z @ [ \ ] ^ _, with commas.
    #[arg(long, value_name = "KEYS", default_value = "ctrl-p,ctrl-q")]
    pub detach_keys: Keys,
}

/// The bytes that the keys send, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys(Vec<u8>);

impl Default for Keys {
    fn default() -> Self {
        Self(vec![0x10, 0x11])
    }
}

impl FromStr for Keys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let key = |word: &str| match word.strip_prefix("ctrl-").map_or((word, false), |key| (key, true)) {
            (key, true) => match key.as_bytes() {
                [byte @ (b'a'..=b'z' | b'@' | b'['..=b'_')] => Some(byte & 0x1f),
                _ => None,
            },
            (key, false) => {
                <[u8; 1]>::try_from(key.as_bytes()).ok().map(|[byte]| byte).filter(u8::is_ascii_graphic)
            }
        };
        let keys: Option<Vec<u8>> = text.split(',').map(key).collect();
        keys.map(Self).ok_or_else(|| "write them as ctrl-p,ctrl-q, or a, or ctrl-]".to_owned())
    }
}

/// Watches what is typed for the detach keys. What may be their beginning is held back until the next byte tells what it was.
pub(super) struct DetachKeys {
    keys: Vec<u8>,
    /// How many of the keys are held back.
    held: usize,
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
    /// Watches for these.
    pub(super) fn new(Keys(keys): Keys) -> Self {
        Self { keys, held: 0 }
    }

    /// Takes the next piece of input.
    pub(super) fn take(&mut self, input: &[u8]) -> Typed {
        let mut send = Vec::with_capacity(input.len() + self.held);
        for &byte in input {
            let mut open = self.keys[..self.held].to_vec();
            open.push(byte);
            // The longest end of what was typed that may be a beginning of the keys.
            let start = (0..=open.len()).find(|&at| self.keys.starts_with(&open[at..])).unwrap_or(open.len());
            send.extend_from_slice(&open[..start]);
            self.held = open.len() - start;
            if self.held == self.keys.len() {
                self.held = 0;
                return Typed::Detach(send);
            }
        }
        Typed::Send(send)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CTRL_P: u8 = 0x10;
    const CTRL_Q: u8 = 0x11;

    fn docker() -> DetachKeys {
        DetachKeys::new(Keys::default())
    }

    #[test]
    fn the_keys_detach_even_when_they_come_in_two_pieces() {
        assert_eq!(docker().take(b"ls\x10\x11rest"), Typed::Detach(b"ls".to_vec()));
        let mut keys = docker();
        assert_eq!(keys.take(b"ls\x10"), Typed::Send(b"ls".to_vec()));
        assert_eq!(keys.take(b"\x11"), Typed::Detach(Vec::new()));
    }

    #[test]
    fn a_ctrl_p_that_was_meant_is_sent_with_the_next_key() {
        let mut keys = docker();
        assert_eq!(keys.take(b"\x10"), Typed::Send(Vec::new()));
        assert_eq!(keys.take(b"\x10"), Typed::Send(b"\x10".to_vec()));
        assert_eq!(keys.take(b"x"), Typed::Send(b"\x10x".to_vec()));
    }

    #[test]
    fn other_keys_may_be_named_as_docker_names_them() {
        assert_eq!("ctrl-p,ctrl-q".parse(), Ok(Keys::default()));
        assert_eq!("ctrl-],x,ctrl-@".parse(), Ok(Keys(vec![0x1d, b'x', 0])));
        for bad in ["", "ctrl-", "ctrl-A", "ctrl-p,", "ab", "ctrl-1", "ä"] {
            assert!(bad.parse::<Keys>().is_err(), "{bad:?}");
        }
        let mut keys = DetachKeys::new("a,a,b".parse().unwrap());
        assert_eq!(keys.take(b"xaaab"), Typed::Detach(b"xa".to_vec()));
    }

    proptest! {
        #[test]
        fn input_without_the_keys_passes_unchanged_however_it_is_cut(
            pieces in prop::collection::vec(prop::collection::vec(prop_oneof![Just(CTRL_P), any::<u8>()], 0..8), 0..20),
        ) {
            let whole: Vec<u8> = pieces.concat();
            prop_assume!(!whole.windows(2).any(|pair| pair == [CTRL_P, CTRL_Q]));
            let mut keys = docker();
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
