//! Bytes as text, where a character may be cut in two and anything may be no text at all.

/// Turns output into text. Keeps the beginning of a character until its end comes.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    /// At most three bytes.
    begun: Vec<u8>,
}

impl Decoder {
    /// The text of these bytes and of what was begun; each run of bytes that is none is one U+FFFD, as `from_utf8_lossy` has it.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> String {
        self.begun.extend_from_slice(bytes);
        let mut text = String::with_capacity(self.begun.len());
        let mut cut = 0;
        let mut chunks = self.begun.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let wrong = chunk.invalid();
            if chunks.peek().is_none() && is_begun(wrong) {
                cut = wrong.len();
            } else if !wrong.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
        self.begun.drain(..self.begun.len() - cut);
        text
    }

    /// What was begun and never ended.
    pub(super) fn finish(&mut self) -> String {
        let rest = if self.begun.is_empty() { String::new() } else { char::REPLACEMENT_CHARACTER.into() };
        self.begun.clear();
        rest
    }
}

/// Whether bytes at the end are the beginning of a character, to which more may come.
fn is_begun(bytes: &[u8]) -> bool {
    matches!(std::str::from_utf8(bytes), Err(error) if error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use super::Decoder;
    use proptest::prelude::*;

    proptest! {
        /// However the bytes are cut, the text is that of all of them.
        #[test]
        fn cutting_changes_nothing(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0xe2), Just(0x82), Just(0xac), Just(0xf0)], 0..60),
            cuts in proptest::collection::vec(0usize..60, 0..8),
        ) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let mut decoder = Decoder::default();
            let mut text: String = cuts.windows(2).map(|pair| decoder.feed(&bytes[pair[0]..pair[1]])).collect();
            text += &decoder.finish();
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }
    }
}
