//! The steps between the clone of a process in a container and its command; the same for the first process and for every
//! further one.

use super::{Action, Host, Step};
use crate::wire::{ProcessRequest, Stdio};

/// Open files a process may have until it raises the limit itself: what `select(2)` can hold.
const OPEN_FILES: u64 = 1024;

/// Most open files a process may ask for: enough for any server, and few enough for programs that close them one by one.
const MAX_OPEN_FILES: u64 = 65_536;

/// Locked memory in bytes, the kernel's old default.
const LOCKED_MEMORY: u64 = 64 * 1024;

/// Score that makes the kernel's OOM killer prefer processes of containers to everything of the host, see `proc(5)`.
pub(super) const OOM_SCORE: &str = "500";

/// The steps of one process with the capabilities `capabilities`; with `new_privileges`, setuid programs work in it.
///
/// Whoever has set `no_new_privs` may load a filter; without it, only who is privileged in its user namespace
/// (`seccomp(2)`), so that the filter then comes before the privilege goes. It lets all that is left to do pass, but for
/// making the keyring, which therefore comes first.
#[must_use]
pub fn process_steps(
    process: &ProcessRequest,
    capabilities: u64,
    new_privileges: bool,
    host: &Host,
) -> Vec<Step> {
    let stdio = match process.stdio {
        Stdio::Terminal { .. } => Action::ControlTerminal,
        Stdio::Pipes { stdin } => Action::ConnectPipes { stdin },
    };
    let become_user = Action::BecomeUser {
        uid: process.uid,
        gid: process.gid,
        groups: process.groups.clone(),
        set_groups: host.set_groups,
    };
    let bound = Action::BoundCapabilities { keep: capabilities };
    let set = Action::SetCapabilities { set: if process.uid == 0 { capabilities } else { 0 } };
    let begin = [
        Action::RaiseOomScore { score: OOM_SCORE.to_owned() },
        Action::LimitResources { limits: limits(host) },
        Action::JoinNamespaces { set_groups: host.set_groups },
        stdio,
        Action::EnterDirectory { path: process.cwd.clone() },
    ];
    let give_up = if new_privileges {
        vec![Action::NewKeyring, Action::LoadSeccomp, bound, become_user, set]
    } else {
        vec![bound, become_user, Action::NewKeyring, set, Action::NoNewPrivileges, Action::LoadSeccomp]
    };
    let execute = Action::Execute { command: process.argv[0].chars().take(200).collect() };
    let actions = host.join().into_iter().chain(begin).chain(give_up).chain([execute]);
    actions.map(Step::process).collect()
}

/// Resource limits as name, soft and hard value.
fn limits(host: &Host) -> Vec<(String, u64, u64)> {
    let files = MAX_OPEN_FILES.min(host.max_open_files);
    [
        ("core", 0, 0),
        ("nofile", OPEN_FILES.min(files), files),
        ("memlock", LOCKED_MEMORY, LOCKED_MEMORY),
        ("nice", 0, 0),
        ("rtprio", 0, 0),
    ]
    .map(|(name, soft, hard)| (name.to_owned(), soft, hard))
    .to_vec()
}
