//! Limits in time, as pure decisions: when a container is to be stopped because its time is over.

use std::time::Duration;

use crate::cli::units::human_age;

/// Longest time between two looks, in milliseconds: the clock of timers stands still while a laptop sleeps, and that of the
/// wall, by which lifetimes end, does not.
const LOOK_MS: u64 = 60_000;

/// A container's limits in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    /// Its length of life, for the sentence.
    pub(super) lifetime_ms: Option<u64>,
    /// When that is over, in milliseconds since 1970-01-01 UTC.
    pub(super) expires_ms: Option<u64>,
    /// How long it may be without a client.
    pub(super) idle_ms: Option<u64>,
}

/// What a look at the clock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing is limited.
    Never,
    /// It is not over; look again then.
    Again(Duration),
    /// Its lifetime is over.
    LifetimeOver,
    /// Nobody has been there for as long as it may be.
    IdleOver,
}

impl Times {
    /// Looks at `now_ms`, when nobody has been attached for `quiet_ms`; none while somebody is.
    pub(super) fn look(&self, now_ms: u64, quiet_ms: Option<u64>) -> Look {
        let lives = self.expires_ms.map(|expires| expires.saturating_sub(now_ms));
        // Somebody who leaves after this look is waited for in full by the next one.
        let idle = self.idle_ms.map(|idle| idle.saturating_sub(quiet_ms.unwrap_or(0)));
        match (lives, idle) {
            (None, None) => Look::Never,
            (Some(0), _) => Look::LifetimeOver,
            (_, Some(0)) => Look::IdleOver,
            (lives, idle) => {
                let next = lives.into_iter().chain(idle).fold(LOOK_MS, u64::min);
                Look::Again(Duration::from_millis(next))
            }
        }
    }

    /// The line that its terminals get when it is stopped.
    pub(super) fn farewell(&self, look: Look) -> Option<String> {
        let span = |ms: Option<u64>| human_age(ms.unwrap_or_default());
        match look {
            Look::LifetimeOver => Some(format!(
                "porthole: the lifetime of this container ({}) is over; it stops now.",
                span(self.lifetime_ms)
            )),
            Look::IdleOver => Some(format!(
                "porthole: nobody was in this container for {}; it stops now.",
                span(self.idle_ms)
            )),
            Look::Never | Look::Again(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: Times = Times { lifetime_ms: Some(5000), expires_ms: Some(10_000), idle_ms: Some(3000) };

    fn again(ms: u64) -> Look {
        Look::Again(Duration::from_millis(ms))
    }

    #[test]
    fn a_lifetime_ends_by_the_clock_on_the_wall_whoever_is_there() {
        assert_eq!(TIMES.look(9999, None), again(1));
        assert_eq!(TIMES.look(10_000, None), Look::LifetimeOver);
        assert_eq!(TIMES.look(99_999, Some(0)), Look::LifetimeOver);
    }

    #[test]
    fn an_idle_one_ends_when_nobody_was_there_for_long_enough() {
        assert_eq!(TIMES.look(0, Some(2999)), again(1));
        assert_eq!(TIMES.look(0, Some(3000)), Look::IdleOver);
        assert_eq!(TIMES.look(0, None), again(3000), "whoever leaves right now is waited for in full");
    }

    #[test]
    fn without_limits_nobody_looks_and_with_far_ones_now_and_then() {
        assert_eq!(Times::default().look(1, Some(u64::MAX)), Look::Never);
        let far = Times { expires_ms: Some(u64::MAX), ..Times::default() };
        assert_eq!(far.look(0, None), again(LOOK_MS));
    }
}
