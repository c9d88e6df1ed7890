//! The protocol's generation: one number for the whole surface, agreed in the hello.

use serde::{Deserialize, Serialize};

/// The WebSocket subprotocol both sides must name in the upgrade.
pub const SUBPROTOCOL: &str = "porthole.v1";

/// The newest generation this build speaks. It grows by one with every change that an older peer could misread;
/// new optional fields and new message types do not count, because peers ignore what they do not know.
pub const GENERATION: u32 = 1;

/// The oldest generation this build still speaks.
pub const OLDEST_GENERATION: u32 = 1;

/// A range of generations that one peer speaks, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generations {
    /// The oldest generation spoken.
    pub oldest: u32,
    /// The newest generation spoken.
    pub newest: u32,
}

impl Generations {
    /// What this build speaks.
    pub const OURS: Self = Self { oldest: OLDEST_GENERATION, newest: GENERATION };

    /// The newest generation both speak, or `None` when the ranges do not meet.
    #[must_use]
    pub fn agree(self, other: Self) -> Option<u32> {
        let newest = self.newest.min(other.newest);
        (newest >= self.oldest && newest >= other.oldest).then_some(newest)
    }
}

#[cfg(test)]
mod tests {
    use super::Generations;

    fn range(oldest: u32, newest: u32) -> Generations {
        Generations { oldest, newest }
    }

    #[test]
    fn peers_settle_on_the_newest_generation_both_speak() {
        assert_eq!(range(1, 3).agree(range(2, 5)), Some(3));
        assert_eq!(range(2, 5).agree(range(1, 3)), Some(3));
    }

    #[test]
    fn ranges_that_do_not_meet_have_no_generation() {
        assert_eq!(range(1, 2).agree(range(3, 4)), None);
        assert_eq!(range(3, 4).agree(range(1, 2)), None);
    }
}
