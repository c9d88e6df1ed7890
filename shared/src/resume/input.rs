//! What was typed and may not have reached the agent.

use std::collections::VecDeque;

use crate::limits::MAX_PENDING_INPUT;

/// Input of one process, across sockets: each byte has a number, and is kept until the agent has accepted it.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// Number of the oldest byte that is kept.
    first: u64,
    kept: VecDeque<u8>,
    /// How many of those kept were sent on this socket.
    sent: usize,
    /// Number of the first byte that the agent has not said to have accepted. It may be ahead of what was sent on this socket:
    /// what an earlier one had under way arrived late.
    accepted: u64,
}

impl Input {
    /// Bytes that may be typed before some are accepted. Whoever types more than this waits.
    #[must_use]
    pub fn room(&self) -> usize {
        MAX_PENDING_INPUT.saturating_sub(self.kept.len())
    }

    /// Bytes that were typed and are not known to have been accepted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether all was accepted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether everything typed was sent on this socket.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.sent == self.kept.len()
    }

    /// This was typed. It counts whether or not there is room: who reads from a person cannot ask the person to wait.
    pub fn push(&mut self, bytes: &[u8]) {
        self.kept.extend(bytes);
    }

    /// The next bytes to send on this socket, at most so many; empty when all were sent, or when as many are under way as
    /// may be ([`MAX_PENDING_INPUT`]).
    pub fn due(&mut self, most: usize) -> Vec<u8> {
        let until = self.kept.len().min(MAX_PENDING_INPUT).min(self.sent.saturating_add(most));
        let bytes = self.kept.range(self.sent..until).copied().collect();
        self.sent = until;
        self.forget();
        bytes
    }

    /// The agent has accepted so many more bytes.
    pub fn accepted(&mut self, bytes: u32) {
        self.accepted += u64::from(bytes);
        self.forget();
    }

    /// A new socket is attached, and the agent names the byte that it is to begin with, see
    /// [`OpenChannel::input`](crate::control::OpenChannel::input).
    pub fn attached(&mut self, input: Option<u64>) {
        // An agent that counts nothing may or may not have taken what was sent: better lost than typed twice. One that has
        // accepted less than it said has forgotten this client: what it took is not typed again, the numbers begin anew.
        let known = input.map_or(self.sent as u64, |input| input.saturating_sub(self.first));
        let taken = usize::try_from(known).unwrap_or(usize::MAX).min(self.kept.len());
        self.kept.drain(..taken);
        self.first = input.unwrap_or(self.first + taken as u64);
        self.accepted = self.first;
        self.sent = 0;
    }

    /// What was accepted and need not be sent any more.
    fn forget(&mut self) {
        let ahead = usize::try_from(self.accepted.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let taken = ahead.min(self.sent);
        self.kept.drain(..taken);
        self.first += taken as u64;
        self.sent -= taken;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_agent_that_counts_nothing_gets_nothing_twice() {
        let mut input = Input::default();
        input.attached(None);
        input.push(b"abc");
        assert_eq!(input.due(2), b"ab");
        input.attached(None);
        assert_eq!(input.due(10), b"c");
    }

    #[test]
    fn an_agent_that_has_forgotten_us_gets_nothing_twice() {
        let mut input = Input::default();
        input.push(b"abcdef");
        assert_eq!(input.due(6), b"abcdef");
        input.accepted(4);
        input.attached(Some(0));
        assert_eq!(input.due(10), b"ef");
        input.accepted(2);
        assert!(input.is_empty());
    }

    #[test]
    fn no_more_is_under_way_than_may_be() {
        let mut input = Input::default();
        input.push(&vec![1; MAX_PENDING_INPUT + 5]);
        assert_eq!(input.room(), 0);
        assert_eq!(input.due(usize::MAX).len(), MAX_PENDING_INPUT);
        assert_eq!(input.due(usize::MAX), b"");
        input.accepted(3);
        assert_eq!(input.due(usize::MAX).len(), 3);
    }

    /// An agent that keeps account: what it accepted, and for each socket the number of the next byte that comes on it.
    #[derive(Default)]
    struct Agent {
        accepted: Vec<u8>,
    }

    impl Agent {
        fn takes(&mut self, next: &mut usize, bytes: &[u8]) {
            let known = (self.accepted.len() - *next).min(bytes.len());
            self.accepted.extend(&bytes[known..]);
            *next += bytes.len();
        }
    }

    /// What happens next.
    #[derive(Clone, Debug)]
    enum Step {
        Type(Vec<u8>),
        Send(usize),
        /// So many bytes of what is under way arrive.
        Arrive(usize),
        /// The agent says what it has accepted.
        Tell,
        /// The socket is lost with what is under way, but for what arrives later.
        Cut(bool),
        /// What a lost socket had under way arrives.
        Late,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Step::Type),
            3 => (1usize..30).prop_map(Step::Send),
            3 => (1usize..30).prop_map(Step::Arrive),
            2 => Just(Step::Tell),
            1 => any::<bool>().prop_map(Step::Cut),
            1 => Just(Step::Late),
        ]
    }

    proptest! {
        #[test]
        fn what_is_typed_is_accepted_once_and_in_order(steps in prop::collection::vec(step(), 0..200)) {
            let (mut input, mut agent) = (Input::default(), Agent::default());
            let (mut typed, mut way, mut next, mut told) = (Vec::new(), Vec::new(), 0, 0);
            let mut late: Option<(usize, Vec<u8>)> = None;
            input.attached(Some(0));
            let end = [Step::Late, Step::Cut(false), Step::Send(usize::MAX), Step::Arrive(usize::MAX), Step::Tell];
            for step in steps.into_iter().chain(end) {
                match step {
                    Step::Type(bytes) => {
                        input.push(&bytes);
                        typed.extend(bytes);
                    }
                    Step::Send(most) => way.extend(input.due(most.min(1 << 20))),
                    Step::Arrive(count) => {
                        let arrived: Vec<u8> = way.drain(..count.min(way.len())).collect();
                        agent.takes(&mut next, &arrived);
                    }
                    Step::Tell => {
                        input.accepted(u32::try_from(agent.accepted.len() - told).unwrap());
                        told = agent.accepted.len();
                    }
                    Step::Cut(keeps) => {
                        let lost = std::mem::take(&mut way);
                        if keeps {
                            late = Some((next, lost));
                        }
                        (next, told) = (agent.accepted.len(), agent.accepted.len());
                        input.attached(Some(told as u64));
                    }
                    Step::Late => {
                        if let Some((mut old, bytes)) = late.take() {
                            agent.takes(&mut old, &bytes);
                        }
                    }
                }
                prop_assert!(typed.starts_with(&agent.accepted));
            }
            prop_assert_eq!(typed, agent.accepted);
            prop_assert!(input.is_empty());
        }
    }
}
