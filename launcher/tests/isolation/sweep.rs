//! Every system call there is, made from inside a container: what is not on the list is refused, whatever table and
//! number it is called by.
use std::collections::BTreeMap;

use crate::probe;
use crate::support::{Launcher, on_pipes, possible, read_all, shell};
use porthole_launcher::wire::{LaunchRequest, Reply, RequestBody};

/// The calls that may be made, by number; written by hand from what ordinary programs need.
const MAY_BE_MADE: &str = include_str!("sweep/x86_64.txt");

/// Those of them that are refused with these arguments: by the filter, which looks at the flags, families and protocols of
/// the first three, or by the kernel, which knows no such operation.
const REFUSED_LIKE_THIS: [&str; 7] =
    ["clone", "socket", "socketpair", "futex", "epoll_ctl_old", "epoll_wait_old", "map_shadow_stack"];

/// `uretprobe` and `uprobe`, which the kernel lets pass by any filter, and answers nobody but its own probes
/// (`arch/x86/kernel/uprobes.c`).
const ONLY_FOR_PROBES: [(&str, &str); 2] = [("335", "SIGILL"), ("336", "ENXIO")];

/// Calls since Linux 6.5 need not be there.
fn is_newer_than_the_kernel(number: &str, answer: &str) -> bool {
    answer == "ENOSYS" && number.parse::<u32>().is_ok_and(|number| number > 450)
}

#[test]
fn whatever_is_not_on_the_list_is_refused_by_every_table_and_number() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    probe::install(&launcher);
    let request = LaunchRequest { process: on_pipes(&["probe", "sweep"]), ..shell("0123456789ab") };
    let (reply, fds) = launcher.ask(RequestBody::Launch(Box::new(request)));
    assert!(matches!(reply, Reply::Launched { .. }), "{reply:?}");
    let answers = read_all(fds.into_iter().nth(1).unwrap());
    let may_be_made: BTreeMap<&str, &str> =
        MAY_BE_MADE.lines().map(|line| line.split_once(' ').unwrap()).collect();
    let mut wrong = Vec::new();
    for line in answers.lines() {
        let [table, number, answer] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let refused = matches!(answer, "EPERM" | "ENOSYS");
        let fits = match (table, may_be_made.get(number)) {
            ("native", Some(name)) => {
                !refused || REFUSED_LIKE_THIS.contains(name) || is_newer_than_the_kernel(number, answer)
            }
            ("native", None) => refused || ONLY_FOR_PROBES.contains(&(number, answer)),
            // The kernel may have no such table at all.
            _ => answer == "ENOSYS" || answer == "SIGSEGV",
        };
        if !fits {
            wrong.push(line);
        }
    }
    assert_eq!(wrong, [""; 0], "of {} answers", answers.lines().count());
    assert_eq!(answers.lines().count(), 3 * 512);
}
