//! Steps of the plan as the page and the command line show them.

use porthole_launcher::plan::Step;
use porthole_launcher::wire::ExecutedStep;
use porthole_protocol::http::PlanStep;
use porthole_protocol::kernel::BirthStep;

/// A step before it is taken.
pub(crate) fn plan_step(step: &Step) -> PlanStep {
    PlanStep { actor: step.actor().to_string(), call: step.call(), why: step.why().to_owned() }
}

/// A step that was taken.
pub(super) fn birth_step(executed: &ExecutedStep) -> BirthStep {
    let ExecutedStep { step, start_ns, duration_ns } = executed;
    let PlanStep { actor, call, why } = plan_step(step);
    BirthStep { actor, call, why, start_ns: *start_ns, duration_ns: *duration_ns }
}
