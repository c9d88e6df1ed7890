//! The birth timeline: a plan's executed steps laid out on one scale.

use porthole_protocol::kernel::BirthStep;

/// What the places on the scale are parts of.
pub const WHOLE: u64 = 10_000;

/// One step with its place on the scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    /// The step.
    pub step: BirthStep,
    /// Where it begins, in parts of [`WHOLE`].
    pub left: u64,
    /// How long it took, in parts of [`WHOLE`].
    pub width: u64,
}

/// The steps one actor took in a row.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Who took them.
    pub actor: String,
    /// The time they took together, in nanoseconds.
    pub duration_ns: u64,
    /// The steps, in the order taken.
    pub bars: Vec<Bar>,
}

/// A birth, laid out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// From the request to the end of the last step, in nanoseconds.
    pub total_ns: u64,
    /// Steps in a row by one actor, in the order taken.
    pub groups: Vec<Group>,
}

/// Lays a birth out. Steps keep their order; an actor that acts twice with another between has two groups.
#[must_use]
pub fn timeline(birth: &[BirthStep]) -> Timeline {
    let end = |step: &BirthStep| step.start_ns.saturating_add(step.duration_ns);
    let total_ns = birth.iter().map(end).max().unwrap_or(0);
    let part = |ns: u64| ns.saturating_mul(WHOLE) / total_ns.max(1);
    let mut groups: Vec<Group> = Vec::new();
    for step in birth {
        if groups.last().is_none_or(|group| group.actor != step.actor) {
            groups.push(Group { actor: step.actor.clone(), duration_ns: 0, bars: Vec::new() });
        }
        let group = groups.last_mut().expect("a group was pushed if there was none");
        group.duration_ns += step.duration_ns;
        group.bars.push(Bar { step: step.clone(), left: part(step.start_ns), width: part(step.duration_ns) });
    }
    Timeline { total_ns, groups }
}

/// Who an actor is.
#[must_use]
pub fn actor(name: &str) -> &'static str {
    match name {
        "launcher" => "Outside, with the host's privileges",
        "init" => "Inside, as process 1 of the container",
        "process" => "Inside, on its way to becoming your command",
        _ => "Another process",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(actor: &str, start_ns: u64, duration_ns: u64) -> BirthStep {
        BirthStep { actor: actor.into(), call: String::new(), why: String::new(), start_ns, duration_ns }
    }

    #[test]
    fn steps_are_grouped_by_actor_in_the_order_taken() {
        let birth =
            [step("launcher", 0, 10), step("init", 20, 20), step("init", 40, 10), step("launcher", 60, 40)];
        let laid_out = timeline(&birth);
        let groups: Vec<_> =
            laid_out.groups.iter().map(|g| (g.actor.as_str(), g.bars.len(), g.duration_ns)).collect();
        assert_eq!(laid_out.total_ns, 100);
        assert_eq!(groups, [("launcher", 1, 10), ("init", 2, 30), ("launcher", 1, 40)]);
        assert_eq!((laid_out.groups[1].bars[0].left, laid_out.groups[1].bars[0].width), (2_000, 2_000));
    }

    #[test]
    fn a_birth_without_steps_or_time_is_drawn_without_division_by_zero() {
        assert_eq!(timeline(&[]), Timeline::default());
        assert_eq!(timeline(&[step("launcher", 0, 0)]).groups[0].bars[0].width, 0);
    }
}
