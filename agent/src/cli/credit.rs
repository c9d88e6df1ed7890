//! The account that keeps a socket's memory bounded: what we grant the agent. Its counterpart, what the agent grants us, is
//! [`Input`](porthole_protocol::resume::Input).

/// Output that may be on its way to us on one channel, in bytes: enough to keep a fast pipe busy, little enough that
/// Ctrl-C is not followed by screens of what was under way.
pub(super) const OUTPUT_WINDOW: u32 = 1024 * 1024;

/// Output that was written here and not yet granted anew.
#[derive(Default)]
pub(super) struct Consumed {
    bytes: u32,
}

impl Consumed {
    /// Notes that so many bytes were written.
    pub(super) fn note(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// Whether there is enough to grant.
    pub(super) fn is_due(&self) -> bool {
        self.bytes >= OUTPUT_WINDOW / 4
    }

    /// The grant to send, once it is worth a message.
    pub(super) fn due(&mut self) -> Option<u32> {
        self.is_due().then(|| std::mem::take(&mut self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_byte_written_is_granted_once(writes in prop::collection::vec(0usize..200_000, 0..100)) {
            let mut consumed = Consumed::default();
            let granted = writes.iter().filter_map(|&bytes| {
                consumed.note(bytes);
                consumed.due()
            });
            let granted: u64 = granted.map(u64::from).sum();
            let written: u64 = writes.iter().map(|&bytes| bytes as u64).sum();
            prop_assert!(granted <= written);
            prop_assert!(written - granted < u64::from(OUTPUT_WINDOW / 4), "the agent is never left without credit");
        }
    }
}
