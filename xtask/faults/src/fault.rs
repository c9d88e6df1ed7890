//! What befalls a connection, drawn from the numbers of its seed.

use std::time::Duration;

use porthole_driver::Numbers;

/// A direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the client to the agent.
    Up,
    /// From the agent to the client.
    Down,
}

/// What befalls one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It is closed before a byte is carried.
    Refused,
    /// Both directions end.
    Cut {
        /// The direction whose bytes are counted.
        way: Way,
        /// Bytes that it carries before.
        after: u64,
        /// Whether by a reset, which lets even those be lost that were on their way.
        abrupt: bool,
    },
    /// One direction stands still, and goes on.
    Stall {
        /// Which.
        way: Way,
        /// Bytes that it carries before.
        after: u64,
        /// For how long.
        pause: Duration,
    },
    /// One direction is carried in small pieces for a while.
    Drip {
        /// Which.
        way: Way,
        /// Bytes that it carries before.
        after: u64,
        /// Bytes that drip.
        bytes: u64,
        /// How many at a time.
        piece: usize,
        /// Between two pieces.
        pause: Duration,
    },
    /// Every piece is late, both ways.
    Delay {
        /// By how much.
        pause: Duration,
    },
    /// Nothing is carried any more, and nobody is told; it ends after a while.
    HalfOpen {
        /// In which direction; in both when none is named.
        way: Option<Way>,
        /// Bytes that it carries before.
        after: u64,
        /// Until it ends.
        pause: Duration,
    },
    /// It is closed when one direction has carried nothing for so long, as proxies do.
    Impatient {
        /// For how long.
        idle: Duration,
    },
    /// The client loses it; what it had sent arrives later, when its next connection is up.
    Late {
        /// Bytes from the client that are carried before.
        after: u64,
        /// By how much the others are late.
        pause: Duration,
    },
}

/// Bytes after which something happens: as often in the upgrade as in the first kilobytes, and as in the last megabyte.
const SCALES: u64 = 21;

impl Fault {
    /// One of them.
    #[must_use]
    pub fn pick(numbers: &mut Numbers) -> Self {
        let way = *numbers.pick(&[Way::Up, Way::Down]);
        let scale = 1 << numbers.below(SCALES);
        let after = scale + numbers.below(scale);
        let mut pause = |most: u64| Duration::from_millis(1 + numbers.below(most));
        match pause(16).as_millis() {
            1 => Self::Refused,
            2..5 => Self::Cut { way, after, abrupt: false },
            5..8 => Self::Cut { way, after, abrupt: true },
            8..10 => Self::Stall { way, after, pause: pause(400) },
            10..12 => {
                let (bytes, piece) = (100 + numbers.below(2_000), 1 + numbers.below(40));
                let piece = usize::try_from(piece).unwrap_or(1);
                Self::Drip { way, after, bytes, piece, pause: Duration::from_millis(1) }
            }
            12 => Self::Delay { pause: pause(20) },
            13..15 => {
                let pause = pause(1_500);
                Self::HalfOpen { way: *numbers.pick(&[None, Some(way)]), after, pause }
            }
            _ => Self::Late { after, pause: pause(400) },
        }
    }

    /// Its name, for those who count.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Refused => "refused",
            Self::Cut { abrupt: false, .. } => "cut",
            Self::Cut { abrupt: true, .. } => "reset",
            Self::Stall { .. } => "stalled",
            Self::Drip { .. } => "dripped",
            Self::Delay { .. } => "delayed",
            Self::HalfOpen { .. } => "half open",
            Self::Impatient { .. } => "closed when idle",
            Self::Late { .. } => "late",
        }
    }

    /// Where in this direction it acts.
    pub(crate) fn at(&self, direction: Way) -> Option<u64> {
        match *self {
            Self::Cut { way, after, .. } | Self::Stall { way, after, .. } | Self::Drip { way, after, .. } => {
                (way == direction).then_some(after)
            }
            Self::HalfOpen { way, after, .. } => way.is_none_or(|way| way == direction).then_some(after),
            Self::Late { after, .. } => (direction == Way::Up).then_some(after),
            Self::None | Self::Refused | Self::Delay { .. } | Self::Impatient { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_gives_the_same_faults_and_all_of_them_happen() {
        let some = |seed| {
            let mut numbers = Numbers::new(seed, 0);
            (0..500).map(|_| Fault::pick(&mut numbers)).collect::<Vec<_>>()
        };
        assert_eq!(some(1), some(1));
        assert_ne!(some(1), some(2));
        let names: BTreeSet<_> = some(3).iter().map(Fault::name).collect();
        assert_eq!(names.len(), 8, "{names:?}");
    }
}
