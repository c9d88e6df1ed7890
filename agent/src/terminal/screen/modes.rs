//! The modes that a program has switched a terminal to, told from its output without drawing it.
//!
//! They outlast the output that set them: the newest sixteen mebibytes of a program say what its screen looks like, hardly ever
//! that the mouse was asked for when it began. So each part of a log begins with them. And a screen that is drawn anew needs
//! those that the virtual terminal does not know.

use std::fmt::Write;

const ESC: u8 = 0x1b;

/// Longest control sequence that is looked at, in bytes: there is no longer one that sets modes by the numbers below.
const LONGEST: usize = 48;

/// The private modes (`CSI ? n h`, `CSI ? n l`) that are followed; see `ctlseqs` of xterm.
const FOLLOWED: [u16; 18] =
    [1, 5, 6, 7, 9, 25, 47, 66, 1000, 1002, 1003, 1004, 1005, 1006, 1015, 1047, 1049, 2004];

/// Those of them that a virtual terminal restores by itself with the screen.
const DRAWN: [u16; 7] = [1, 6, 7, 25, 47, 1047, 1049];

/// Those that are on from the start.
const ON_FROM_THE_START: [u16; 2] = [7, 25];

/// Those that a soft reset (`CSI ! p`) leaves alone.
const BEYOND_SOFT_RESET: [u16; 3] = [47, 1047, 1049];

/// Modes after all the bytes that were scanned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Modes {
    /// Those that are not what they are from the start, by their place in [`FOLLOWED`].
    changed: u32,
    /// A sequence that has begun; empty between sequences.
    sequence: Vec<u8>,
}

impl Modes {
    /// Takes note of what these bytes switch.
    pub(crate) fn scan(&mut self, mut bytes: &[u8]) {
        loop {
            if self.sequence.is_empty() {
                let Some(at) = memchr::memchr(ESC, bytes) else { return };
                self.sequence.push(ESC);
                bytes = &bytes[at + 1..];
            }
            let Some((&byte, rest)) = bytes.split_first() else { return };
            bytes = rest;
            self.step(byte);
        }
    }

    fn step(&mut self, byte: u8) {
        match (self.sequence.len(), byte) {
            (_, ESC) => self.sequence.truncate(1),
            (1, b'[') => self.sequence.push(byte),
            (1, b'c') => *self = Self::default(),
            (1, b'=') => self.ends(|modes| modes.set(66, true)),
            (1, b'>') => self.ends(|modes| modes.set(66, false)),
            (1, _) => self.sequence.clear(),
            (length, 0x20..=0x3f) if length < LONGEST => self.sequence.push(byte),
            (_, b'h') => self.private(true),
            (_, b'l') => self.private(false),
            (_, b'p') if self.sequence == b"\x1b[!" => self.ends(Self::soft_reset),
            _ => self.sequence.clear(),
        }
    }

    fn ends(&mut self, does: impl FnOnce(&mut Self)) {
        self.sequence.clear();
        does(self);
    }

    /// A whole `CSI ? n ; n h`, or `l`.
    fn private(&mut self, on: bool) {
        let sequence = std::mem::take(&mut self.sequence);
        let Some(numbers) = sequence.strip_prefix(b"\x1b[?") else { return };
        for number in numbers.split(|byte| *byte == b';') {
            if let Some(number) = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok()) {
                self.set(number, on);
            }
        }
    }

    fn set(&mut self, mode: u16, on: bool) {
        if let Some(at) = FOLLOWED.iter().position(|followed| *followed == mode) {
            let bit = 1 << at;
            if on == ON_FROM_THE_START.contains(&mode) { self.changed &= !bit } else { self.changed |= bit }
        }
    }

    fn soft_reset(&mut self) {
        for mode in FOLLOWED.iter().filter(|mode| !BEYOND_SOFT_RESET.contains(mode)) {
            self.set(*mode, ON_FROM_THE_START.contains(mode));
        }
    }

    fn changed(&self) -> impl Iterator<Item = u16> {
        let bits = self.changed;
        (0..).zip(FOLLOWED).filter(move |(at, _)| bits & (1 << at) != 0).map(|(_, mode)| mode)
    }

    fn sequences(modes: impl Iterator<Item = u16>) -> String {
        modes.fold(String::new(), |mut text, mode| {
            let switch = if ON_FROM_THE_START.contains(&mode) { 'l' } else { 'h' };
            let _ = write!(text, "\x1b[?{mode}{switch}");
            text
        })
    }

    /// Sequences that set all of them on a terminal that has just begun, and what has begun of a further one.
    pub(crate) fn prelude(&self) -> Vec<u8> {
        let mut prelude = Self::sequences(self.changed()).into_bytes();
        prelude.extend_from_slice(&self.sequence);
        prelude
    }

    /// Sequences that set those of them which do not come with a drawn screen.
    pub(super) fn beside_the_screen(&self) -> String {
        Self::sequences(self.changed().filter(|mode| !DRAWN.contains(mode)))
    }

    /// For [`Self::decode`].
    pub(crate) fn encode(&self) -> Vec<u8> {
        [&self.changed.to_le_bytes()[..], &self.sequence].concat()
    }

    /// What was encoded; none of it when it cannot have been.
    pub(crate) fn decode(bytes: &[u8]) -> Self {
        match bytes.split_first_chunk() {
            Some((changed, sequence)) if sequence.len() <= LONGEST => {
                Self { changed: u32::from_le_bytes(*changed), sequence: sequence.to_vec() }
            }
            _ => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Modes;
    use proptest::prelude::*;

    fn scanned(bytes: &[u8]) -> Modes {
        let mut modes = Modes::default();
        modes.scan(bytes);
        modes
    }

    #[test]
    fn modes_are_followed_through_text_and_other_sequences() {
        let modes =
            scanned(b"$ \x1b[?2004h\x1b[1;31mls\x1b[0m\x1b]0;title\x07\x1b[?1049;1006h\x1b[?25l\x1b[4h");
        assert_eq!(modes.prelude(), b"\x1b[?25l\x1b[?1006h\x1b[?1049h\x1b[?2004h");
        assert_eq!(modes.beside_the_screen(), "\x1b[?1006h\x1b[?2004h");
    }

    #[test]
    fn resets_reset() {
        assert_eq!(scanned(b"\x1b[?2004h\x1b[?1049h\x1bc"), Modes::default());
        assert_eq!(scanned(b"\x1b[?1000h\x1b[?1049h\x1b[!p").prelude(), b"\x1b[?1049h");
        assert_eq!(scanned(b"\x1b=\x1b>\x1b[?25l\x1b[?25h"), Modes::default());
    }

    proptest! {
        /// Wherever the bytes are cut, and whatever is kept meanwhile as bytes, the modes are the same.
        #[test]
        fn cuts_do_not_matter(
            bytes in proptest::collection::vec(proptest::sample::select(b"\x1b[?;h!lpc=>1024057x".to_vec()), 0..200),
            cut in 0usize..200,
        ) {
            let (front, back) = bytes.split_at(cut.min(bytes.len()));
            let mut modes = Modes::decode(&scanned(front).encode());
            modes.scan(back);
            prop_assert_eq!(&modes, &scanned(&bytes));
            // And a new terminal that is told the prelude goes on as this one does.
            let mut other = scanned(&modes.prelude());
            other.scan(b"\x1b[?25h");
            modes.scan(b"\x1b[?25h");
            prop_assert_eq!(other, modes);
        }
    }
}
