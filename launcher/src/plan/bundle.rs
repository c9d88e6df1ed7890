//! The same plan for an OCI runtime: the launcher limits the container and puts its root together as ever, and hands the
//! rest of the steps to the runtime, in a bundle.

use super::process::OOM_SCORE;
use super::{Action, Actor, Step};
use crate::wire::Stdio;

/// Process 1 inside: a place in the base layer that the program is bound to.
pub(crate) const INIT: &str = ".porthole-init";

/// How a container is given to a runtime.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bundle {
    /// Its directory.
    pub(crate) path: String,
    /// Where the terminal of the first process arrives.
    pub(crate) console: String,
    /// Hierarchies of version 1 that the runtime's processes join by themselves.
    pub(crate) join: Vec<String>,
    /// Mount points that the runtime is not to see.
    pub(crate) hidden: Vec<String>,
    /// Whether networks have to be there before the runtime: gVisor's kernel takes over what it finds at its start.
    pub(crate) takes_network: bool,
    /// Whether the runtime joins the mounter's user namespace in place of making one. Setuid programs of a file system count only in
    /// the user namespace that mounted it, and those below (`mnt_may_suid`, `fs/namespace.c`).
    pub(crate) takes_users: bool,
    /// The runtime's command line that makes the container.
    pub(crate) run: Vec<String>,
    /// The one that starts a process in it.
    pub(crate) exec: Vec<String>,
}

/// What it takes to make the container of `plan`, the steps of the engine of our own, by a runtime.
pub(crate) fn bundle_steps(plan: &[Step], stdio: Stdio, bundle: &Bundle) -> Vec<Step> {
    let mut steps = Vec::new();
    // Joined in the namespace that the runtime makes, once it has: so it belongs to the container's own user namespace.
    let mut later = Vec::new();
    let mut taken = None;
    for action in actions(plan, Actor::Launcher) {
        match action {
            Action::OpenNetwork if bundle.takes_network => {
                steps.push(Step::launcher(Action::MakeNetwork));
                taken = Some(Action::TakeNetwork);
            }
            Action::OpenNetwork
            | Action::MakeLink { .. }
            | Action::RouteTo { .. }
            | Action::BindPort { .. }
            | Action::SetAddress { .. }
                if !bundle.takes_network =>
            {
                later.push(Step::launcher(action.clone()));
            }
            // The runtime makes these.
            Action::MakeDevpts { .. } => {}
            Action::OpenTerminal { .. } => {
                steps.push(Step::launcher(Action::OpenConsole { path: bundle.console.clone() }));
            }
            Action::CloneInit { .. } => steps.extend([
                Step::launcher(Action::WriteBundle { path: bundle.path.clone() }),
                Step::launcher(Action::CloneMounter),
            ]),
            Action::CloneProcess => steps.push(Step::launcher(Action::CloneRuntime)),
            other => steps.push(Step::launcher(other.clone())),
        }
    }
    steps.extend(mounter(plan).map(Step::mounter));
    let entered = entered(bundle)
        .chain(taken)
        .chain([Action::TakeRoot])
        .chain(bundle.takes_users.then_some(Action::TakeUsers))
        .chain([Action::RunBundle { arguments: bundle.run.clone() }]);
    steps.extend(entered.map(Step::runtime));
    steps.extend(later);
    steps.extend(process_bundle_steps(bundle, stdio));
    steps
}

/// What it takes to start a process in it.
pub(crate) fn process_bundle_steps(bundle: &Bundle, _stdio: Stdio) -> Vec<Step> {
    // runc takes it from the bundle; crun leaves a process what the runtime itself has.
    let raise = Action::RaiseOomScore { score: OOM_SCORE.to_owned() };
    let run = Action::RunProcess { arguments: bundle.exec.clone() };
    entered(bundle).chain([raise, run]).map(Step::process).collect()
}

/// The runtime begins in the container's cgroups, so that all that it starts is in them.
fn entered(bundle: &Bundle) -> impl Iterator<Item = Action> {
    let join = Action::JoinCgroups { hierarchies: bundle.join.clone() };
    let hide = Action::HideCgroups { points: bundle.hidden.clone() };
    let join = (!bundle.join.is_empty()).then_some(join);
    join.into_iter().chain((!bundle.hidden.is_empty()).then_some(hide))
}

/// The part of process 1 that builds the root.
fn mounter(plan: &[Step]) -> impl Iterator<Item = Action> {
    // Directories that no layer has are made where the container's root may make them; the others by the runtime.
    let cwd = actions(plan, Actor::Process).find_map(|action| match action {
        Action::EnterDirectory { path } => Some(path.clone()),
        _ => None,
    });
    let built = actions(plan, Actor::Init).filter_map(|action| match action {
        Action::MakeBaseLayer { directories, files } => {
            let init = (INIT.to_owned(), String::new());
            Some(Action::MakeBaseLayer {
                directories: directories.clone(),
                files: files.iter().cloned().chain([init]).collect(),
            })
        }
        Action::BecomeRoot { .. } | Action::AttachLayers { .. } | Action::MountOverlay { .. } => {
            Some(action.clone())
        }
        _ => None,
    });
    let wanted = actions(plan, Actor::Init).filter_map(|action| match action {
        Action::MakeDirectories { paths } => Some(paths.clone()),
        _ => None,
    });
    let paths = wanted.flatten().chain(cwd).collect();
    built.chain([Action::MakeDirectories { paths }, Action::OfferRoot]).collect::<Vec<_>>().into_iter()
}

fn actions(plan: &[Step], actor: Actor) -> impl Iterator<Item = &Action> {
    plan.iter().filter(move |step| step.actor == actor).map(|step| &step.action)
}
