//! How far a client has one stream's output.

/// The place in one stream, across sockets. Made by [`Output::from`] or, for whoever takes what is kept, by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Offset of the next byte that is wanted; none before the agent named one.
    next: Option<u64>,
    /// Offset of the next byte that will come: less than what is wanted when it comes once more.
    coming: u64,
}

impl Output {
    /// Of a stream that is wanted from this offset on.
    #[must_use]
    pub fn from(offset: u64) -> Self {
        Self { next: Some(offset), coming: offset }
    }

    /// Offset of the next byte that is wanted: what to ask for; none for the oldest that is kept.
    #[must_use]
    pub fn next(&self) -> Option<u64> {
        self.next
    }

    /// The agent says which byte comes next, by `attached`, `skipped` or `screen`. Gives the number of bytes between what
    /// is here and what comes: they are gone.
    pub fn attached(&mut self, offset: u64) -> u64 {
        let wanted = self.next.unwrap_or(offset);
        self.coming = offset;
        self.next = Some(wanted.max(offset));
        offset.saturating_sub(wanted)
    }

    /// These bytes came. Gives those that were not here before.
    pub fn came<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let wanted = self.next.unwrap_or(self.coming);
        let known = usize::try_from(wanted - self.coming).unwrap_or(usize::MAX).min(bytes.len());
        self.coming += bytes.len() as u64;
        self.next = Some(wanted.max(self.coming));
        &bytes[known..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However often it is cut, and however far back each new socket begins.
        #[test]
        fn every_byte_comes_once_and_in_order(
            cuts in prop::collection::vec((0usize..50, prop::collection::vec(1usize..40, 0..5)), 1..40),
        ) {
            let stream: Vec<u8> = (0..10_000u32).map(|n| n.to_le_bytes()[0]).collect();
            let mut output = Output::from(0);
            let mut seen = Vec::new();
            for (back, frames) in cuts {
                let mut at = seen.len().saturating_sub(back);
                prop_assert_eq!(output.next(), Some(seen.len() as u64));
                prop_assert_eq!(output.attached(at as u64), 0);
                for length in frames {
                    seen.extend_from_slice(output.came(&stream[at..at + length]));
                    at += length;
                }
            }
            prop_assert_eq!(&seen[..], &stream[..seen.len()]);
        }
    }
}
