//! The two accounts that keep a socket's memory bounded: what we grant the agent, and what it grants us.

use porthole_protocol::limits::MAX_PENDING_INPUT;

/// Output that may be on its way to us on one channel, in bytes: enough to keep a fast pipe busy, little enough that
/// Ctrl-C is not followed by screens of what was under way.
pub(super) const OUTPUT_WINDOW: u32 = 1024 * 1024;

/// Output that was written here and not yet granted anew.
#[derive(Default)]
pub(super) struct Consumed {
    bytes: u32,
}

impl Consumed {
    /// Notes that so many bytes were written. Gives the grant to send, once it is worth a message.
    pub(super) fn add(&mut self, bytes: usize) -> Option<u32> {
        self.bytes = self.bytes.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        (self.bytes >= OUTPUT_WINDOW / 4).then(|| std::mem::take(&mut self.bytes))
    }
}

/// Input that may still be sent on one channel before the process has taken what is under way.
pub(super) struct InputWindow {
    room: usize,
}

impl Default for InputWindow {
    fn default() -> Self {
        Self { room: MAX_PENDING_INPUT }
    }
}

impl InputWindow {
    /// Bytes that may be sent now.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// Notes that so many bytes were sent.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.room = self.room.saturating_sub(bytes);
    }

    /// Notes that the process has taken so many bytes. An agent that claims more than was sent opens no wider window.
    pub(super) fn taken(&mut self, bytes: u32) {
        self.room = (self.room + bytes as usize).min(MAX_PENDING_INPUT);
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
            let granted: u64 = writes.iter().filter_map(|&bytes| consumed.add(bytes)).map(u64::from).sum();
            let written: u64 = writes.iter().map(|&bytes| bytes as u64).sum();
            prop_assert!(granted <= written);
            prop_assert!(written - granted < u64::from(OUTPUT_WINDOW / 4), "the agent is never left without credit");
        }

        #[test]
        fn input_under_way_never_exceeds_the_limit(steps in prop::collection::vec((0usize..100_000, 0u32..100_000), 0..200)) {
            let mut window = InputWindow::default();
            let mut under_way = 0usize;
            for (wanted, taken) in steps {
                let sent = wanted.min(window.room());
                window.sent(sent);
                under_way += sent;
                prop_assert!(under_way <= MAX_PENDING_INPUT);
                let taken = under_way.min(taken as usize);
                window.taken(u32::try_from(taken).unwrap());
                under_way -= taken;
                prop_assert_eq!(window.room(), MAX_PENDING_INPUT - under_way);
            }
        }
    }
}
