//! The life of a container as a pure machine: what is told goes in, what is to be done comes out.
//!
//! ```text
//!            first process ends                nothing of it is left               removed
//!   Running ───────────────────▶ Exited(exit) ───────────────────▶ Ended(exit) ─────────────▶ Gone
//!      │ kill, stop + grace, remove by force         ▲
//!      └── asks the engine to kill ──────────────────┘
//! ```
//!
//! Engines tell the end of the first process before the end of the container; a container that ends without (its
//! launcher was killed and found it dead) counts as killed.

use std::time::Duration;

use porthole_protocol::http::Exit;
use porthole_protocol::limits::STOP_GRACE_MS;

/// Exit status of a first process whose end nobody saw: as if killed by SIGKILL.
const UNSEEN: Exit = Exit { code: 137, signal: Some(9), out_of_memory: false };

/// Between the stop signal and SIGKILL for one whose time is over, as for any that is stopped.
const TIME_OVER_GRACE: Duration = Duration::from_millis(STOP_GRACE_MS);

/// Where the container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its first process runs.
    Running,
    /// Its first process has ended; the kernel's part is being cleared away.
    Exited(Exit),
    /// Only its writable layer is left.
    Ended(Exit),
    /// Nothing is left.
    Gone,
}

/// What the machine is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The first process has ended.
    FirstExited(Exit),
    /// Nothing but the writable layer is left.
    Ended,
    /// It shall stop: the stop signal now, SIGKILL after the grace.
    Stop(Duration),
    /// A limit in time is over.
    TimeOver,
    /// The grace is over.
    GraceOver,
    /// It shall be removed as soon as it has ended, and be ended if it runs.
    Remove,
    /// The engine has removed it, or cannot.
    Removed(bool),
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Say in its terminals why it ends.
    Explain,
    /// Send the stop signal to the first process.
    StopSignal,
    /// Tell [`Told::GraceOver`] after so long.
    ArmGrace(Duration),
    /// Kill everything in it.
    Kill,
    /// Delete its writable layer and tell [`Told::Removed`].
    Remove,
}

/// The machine.
#[derive(Debug)]
pub(super) struct State {
    phase: Phase,
    /// Whether to remove it once it has ended.
    remove: bool,
}

impl State {
    /// A running container; with `remove`, it goes when its first process ends.
    pub(super) fn new(remove: bool) -> Self {
        Self { phase: Phase::Running, remove }
    }

    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// Takes what is told; answers what is to be done, in order.
    pub(super) fn step(&mut self, told: Told) -> Vec<Effect> {
        match (self.phase, told) {
            (Phase::Running, Told::FirstExited(exit)) => {
                self.phase = Phase::Exited(exit);
                Vec::new()
            }
            (Phase::Running, Told::Ended) => self.ended(UNSEEN),
            (Phase::Exited(exit), Told::Ended) => self.ended(exit),
            (Phase::Running, Told::Stop(grace)) => vec![Effect::StopSignal, Effect::ArmGrace(grace)],
            (Phase::Running, Told::TimeOver) => {
                vec![Effect::Explain, Effect::StopSignal, Effect::ArmGrace(TIME_OVER_GRACE)]
            }
            (Phase::Running, Told::GraceOver) => vec![Effect::Kill],
            (Phase::Running, Told::Remove) => {
                self.remove = true;
                vec![Effect::Kill]
            }
            (Phase::Exited(_), Told::Remove) => {
                self.remove = true;
                Vec::new()
            }
            // Asked for once, it is not asked for again until the engine has answered.
            (Phase::Ended(_), Told::Remove) if self.remove => Vec::new(),
            (Phase::Ended(_), Told::Remove) => {
                self.remove = true;
                vec![Effect::Remove]
            }
            (Phase::Ended(_), Told::Removed(true)) => {
                self.phase = Phase::Gone;
                Vec::new()
            }
            (Phase::Ended(_), Told::Removed(false)) => {
                self.remove = false;
                Vec::new()
            }
            // Late or repeated news of what is over.
            (Phase::Running | Phase::Exited(_), Told::Removed(_))
            | (Phase::Exited(_), Told::FirstExited(_) | Told::Stop(_) | Told::TimeOver | Told::GraceOver)
            | (
                Phase::Ended(_),
                Told::FirstExited(_) | Told::Ended | Told::Stop(_) | Told::TimeOver | Told::GraceOver,
            )
            | (Phase::Gone, _) => Vec::new(),
        }
    }

    fn ended(&mut self, exit: Exit) -> Vec<Effect> {
        self.phase = Phase::Ended(exit);
        if self.remove { vec![Effect::Remove] } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXIT: Exit = Exit { code: 7, signal: None, out_of_memory: false };
    const GRACE: Duration = Duration::from_secs(10);

    /// Tells the machine everything in turn; answers all effects and the last phase.
    fn live(remove: bool, told: &[Told]) -> (Vec<Effect>, Phase) {
        let mut state = State::new(remove);
        let effects = told.iter().flat_map(|told| state.step(*told)).collect();
        (effects, state.phase())
    }

    #[test]
    fn a_container_ends_with_its_first_process_and_stays_until_removed() {
        let (effects, phase) = live(false, &[Told::FirstExited(EXIT), Told::Ended]);
        assert_eq!((effects, phase), (vec![], Phase::Ended(EXIT)));
        let told = [Told::FirstExited(EXIT), Told::Ended, Told::Remove, Told::Remove, Told::Removed(true)];
        assert_eq!(live(false, &told), (vec![Effect::Remove], Phase::Gone));
    }

    #[test]
    fn stopping_sends_the_signal_and_kills_when_the_grace_is_over() {
        let signal = [Effect::StopSignal, Effect::ArmGrace(GRACE)];
        let (effects, _) = live(false, &[Told::Stop(GRACE), Told::GraceOver]);
        assert_eq!(effects, [signal[0], signal[1], Effect::Kill]);
        let (effects, _) = live(false, &[Told::Stop(GRACE), Told::FirstExited(EXIT), Told::GraceOver]);
        assert_eq!(effects, signal, "nothing is killed that has ended in time");
    }

    #[test]
    fn one_whose_time_is_over_is_told_why_and_then_stopped() {
        let stop = [Effect::Explain, Effect::StopSignal, Effect::ArmGrace(TIME_OVER_GRACE)];
        assert_eq!(live(false, &[Told::TimeOver]).0, stop);
        assert_eq!(live(false, &[Told::FirstExited(EXIT), Told::TimeOver]).0, []);
    }

    #[test]
    fn removing_by_force_kills_and_then_removes() {
        let (effects, phase) = live(false, &[Told::Remove, Told::FirstExited(EXIT), Told::Ended]);
        assert_eq!((effects, phase), (vec![Effect::Kill, Effect::Remove], Phase::Ended(EXIT)));
    }

    #[test]
    fn one_that_is_to_go_with_its_first_process_does() {
        let (effects, _) = live(true, &[Told::FirstExited(EXIT), Told::Ended]);
        assert_eq!(effects, [Effect::Remove]);
    }

    #[test]
    fn a_removal_that_failed_can_be_asked_for_again() {
        let told = [Told::FirstExited(EXIT), Told::Ended, Told::Remove, Told::Removed(false), Told::Remove];
        assert_eq!(live(false, &told).0, [Effect::Remove, Effect::Remove]);
    }

    #[test]
    fn an_end_that_nobody_saw_counts_as_a_kill() {
        assert_eq!(live(false, &[Told::Ended]), (vec![], Phase::Ended(UNSEEN)));
    }

    fn any_told() -> impl Strategy<Value = Told> {
        prop_oneof![
            Just(Told::FirstExited(EXIT)),
            Just(Told::Ended),
            Just(Told::Stop(GRACE)),
            Just(Told::TimeOver),
            Just(Told::GraceOver),
            Just(Told::Remove),
            any::<bool>().prop_map(Told::Removed),
        ]
    }

    proptest! {
        /// Whatever is told in whatever order: removal is asked for only of what has ended, killing only of what runs,
        /// and what is gone stays gone.
        #[test]
        fn effects_fit_the_phase(told in proptest::collection::vec(any_told(), 0..30), remove: bool) {
            let mut state = State::new(remove);
            for told in told {
                let before = state.phase();
                for effect in state.step(told) {
                    match effect {
                        Effect::Remove => prop_assert!(matches!(state.phase(), Phase::Ended(_))),
                        _ => prop_assert_eq!(before, Phase::Running),
                    }
                }
                prop_assert!(before != Phase::Gone || state.phase() == Phase::Gone);
            }
        }
    }
}
