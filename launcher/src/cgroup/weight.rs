//! How much a container weighs beside the others, where there are more programs than CPUs.
//!
//! Who has used little CPU time of late goes first: a shell that somebody types in must not wait for its turn among the processes of a
//! fork bomb next door. All others weigh the same, and so does a new container until it is known.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::plan::Weight;

/// Between two looks at what each has used.
const TURN: Duration = Duration::from_millis(500);

/// A container is busy that has used more than one part in so many of a CPU in a turn.
const BUSY: u32 = 4;

/// What the containers weighed when they were looked at last.
#[derive(Debug, Default)]
pub(crate) struct Weights {
    looked: Option<Instant>,
    known: BTreeMap<String, Known>,
}

#[derive(Debug)]
struct Known {
    /// CPU time used since its start.
    used: Duration,
    weight: Weight,
}

impl Weights {
    /// How long it is until the next look is due; zero when it is.
    pub(crate) fn due(&self, now: Instant) -> Duration {
        self.looked.map_or(Duration::ZERO, |looked| TURN.saturating_sub(now - looked))
    }

    /// Takes what each container has used of CPU time since its start; answers which of them weigh something else from now on.
    pub(crate) fn turn(&mut self, now: Instant, used: BTreeMap<String, Duration>) -> Vec<(String, Weight)> {
        let passed = self.looked.map_or(Duration::ZERO, |looked| now - looked);
        self.looked = Some(now);
        let mut changed = Vec::new();
        let known = std::mem::take(&mut self.known);
        for (container, used) in used {
            let before = known.get(&container);
            let weight = match before {
                Some(known) if used.saturating_sub(known.used) <= passed / BUSY => Weight::Quiet,
                _ => Weight::Busy,
            };
            if weight != before.map_or(Weight::Busy, |known| known.weight) {
                changed.push((container.clone(), weight));
            }
            self.known.insert(container, Known { used, weight });
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::{Duration, Instant};

    use super::{TURN, Weight, Weights};

    fn used(millis: &[(&str, u64)]) -> BTreeMap<String, Duration> {
        millis.iter().map(|&(name, millis)| (name.to_owned(), Duration::from_millis(millis))).collect()
    }

    #[test]
    fn who_has_used_little_goes_first_and_who_is_new_has_to_wait_for_it() {
        let (mut weights, start) = (Weights::default(), Instant::now());
        let named = |name: &str, weight| vec![(name.to_owned(), weight)];
        assert_eq!(weights.due(start), Duration::ZERO);
        assert!(weights.turn(start, used(&[("bomb", 0), ("shell", 900)])).is_empty());
        assert_eq!(weights.due(start), TURN);
        let next = start + TURN;
        assert_eq!(weights.turn(next, used(&[("bomb", 500), ("shell", 905)])), named("shell", Weight::Quiet));
        let next = next + TURN;
        assert!(weights.turn(next, used(&[("bomb", 999), ("new", 0), ("shell", 910)])).is_empty());
        let next = next + TURN;
        let changed = weights.turn(next, used(&[("bomb", 1400), ("new", 1), ("shell", 1410)]));
        assert_eq!(changed, [("new".to_owned(), Weight::Quiet), ("shell".to_owned(), Weight::Busy)]);
        // After a long time without a look it is what was used in all of it that counts.
        let next = next + 10 * TURN;
        assert_eq!(
            weights.turn(next, used(&[("bomb", 2000), ("shell", 6000)])),
            named("bomb", Weight::Quiet)
        );
    }
}
