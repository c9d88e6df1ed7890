//! The newest output of one stream, addressed by absolute offset: the first byte ever written has offset 0.

use std::collections::VecDeque;

/// A bounded, append-only log. What no longer fits is dropped from its beginning.
#[derive(Debug)]
pub(super) struct Log {
    kept: VecDeque<u8>,
    /// Offset of the oldest byte kept.
    start: u64,
    /// Most bytes kept.
    capacity: usize,
}

impl Log {
    /// An empty log. It allocates as it fills: a quiet terminal costs next to nothing.
    pub(super) fn new(capacity: usize) -> Self {
        Self { kept: VecDeque::new(), start: 0, capacity }
    }

    /// Offset of the oldest byte kept.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// Offset of the next byte to come.
    pub(super) fn end(&self) -> u64 {
        self.start + self.kept.len() as u64
    }

    /// Appends output, dropping the oldest bytes where there is no room.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        let end = self.end() + bytes.len() as u64;
        let bytes = &bytes[bytes.len().saturating_sub(self.capacity)..];
        let excess = (self.kept.len() + bytes.len()).saturating_sub(self.capacity);
        self.kept.drain(..excess);
        self.kept.extend(bytes);
        self.start = end - self.kept.len() as u64;
    }

    /// Copies at most `max` bytes from `offset` on to the end of `target`; answers how many. An offset that is not kept
    /// has no bytes.
    pub(super) fn copy(&self, offset: u64, max: usize, target: &mut Vec<u8>) -> usize {
        let Some(skip) = offset.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok()) else {
            return 0;
        };
        let count = self.kept.len().saturating_sub(skip).min(max);
        let (front, back) = self.kept.as_slices();
        let from_front = front.get(skip..).unwrap_or_default();
        let from_front = &from_front[..from_front.len().min(count)];
        target.extend_from_slice(from_front);
        let skip_back = skip.saturating_sub(front.len());
        target.extend_from_slice(&back[skip_back.min(back.len())..][..count - from_front.len()]);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::Log;
    use proptest::prelude::*;

    #[test]
    fn what_does_not_fit_is_dropped_from_the_beginning() {
        let mut log = Log::new(4);
        log.append(b"abc");
        log.append(b"de");
        assert_eq!((log.start(), log.end()), (1, 5));
        log.append(b"0123456789");
        assert_eq!((log.start(), log.end()), (11, 15));
        let mut read = Vec::new();
        assert_eq!(log.copy(11, 9, &mut read), 4);
        assert_eq!(read, b"6789");
    }

    #[test]
    fn offsets_that_are_not_kept_have_no_bytes() {
        let mut log = Log::new(4);
        log.append(b"abcdef");
        for offset in [0, 1, 6, 7, u64::MAX] {
            assert_eq!(log.copy(offset, 9, &mut Vec::new()), 0, "{offset}");
        }
    }

    proptest! {
        /// The log against the simplest model of it: everything ever written.
        #[test]
        fn any_range_reads_as_it_was_written(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..30),
            capacity in 1usize..100,
            offset in 0u64..1500,
            max in 0usize..100,
        ) {
            let mut log = Log::new(capacity);
            chunks.iter().for_each(|chunk| log.append(chunk));
            let all: Vec<u8> = chunks.concat();
            prop_assert_eq!(log.end(), all.len() as u64);
            prop_assert_eq!(log.start(), all.len().saturating_sub(capacity) as u64);
            let mut read = Vec::new();
            let count = log.copy(offset, max, &mut read);
            prop_assert_eq!(count, read.len());
            let from = usize::try_from(offset).unwrap();
            if offset >= log.start() && from <= all.len() {
                prop_assert_eq!(&read[..], &all[from..(from + max).min(all.len())]);
            } else {
                prop_assert_eq!(count, 0);
            }
        }
    }
}
