//! When a connection is lost, how long one tries to get it back, and with which pauses.

use std::time::Duration;

use porthole_protocol::error::ErrorCode;

use super::super::failure::Failure;

/// Between the first two attempts, and the longest pause.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Whether this is something that passes: the network, or an agent that is restarted.
pub(super) fn is_loss(failure: &Failure) -> bool {
    matches!(failure, Failure::Lost(_) | Failure::NoAgent { .. }) || failure.is(ErrorCode::ShuttingDown)
}

/// Pauses that grow, each shortened by up to a half, so that not all clients of an agent come back at once.
#[derive(Default)]
pub(super) struct Pauses {
    attempts: u32,
}

impl Pauses {
    /// The next pause; none before the first attempt. `random` is any number.
    pub(super) fn next(&mut self, random: u32) -> Duration {
        let Some(doublings) = self.attempts.checked_sub(1) else {
            self.attempts = 1;
            return Duration::ZERO;
        };
        self.attempts += 1;
        let whole = SHORTEST.saturating_mul(1 << doublings.min(16)).min(LONGEST);
        whole - whole.mul_f64(f64::from(random) / f64::from(u32::MAX) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_are_spread() {
        let all = |random| {
            let mut pauses = Pauses::default();
            (0..40).map(|_| pauses.next(random)).collect::<Vec<_>>()
        };
        let (long, short) = (all(0), all(u32::MAX));
        assert_eq!(long[..4], [0, 100, 200, 400].map(Duration::from_millis));
        assert_eq!(long[39], LONGEST);
        assert_eq!(short[39], LONGEST / 2);
        assert!(long.is_sorted() && short.is_sorted());
    }

    #[test]
    fn a_refusal_does_not_pass() {
        assert!(is_loss(&Failure::Lost("x".into())));
        let refused =
            |code| is_loss(&Failure::Refused(porthole_protocol::error::WireError::new(code, "x", "y")));
        assert!(refused(ErrorCode::ShuttingDown));
        assert!(!refused(ErrorCode::NoSuchContainer));
    }
}
