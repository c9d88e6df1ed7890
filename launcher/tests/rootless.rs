//! The same launcher, started by an ordinary user.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use porthole_launcher::wire::{Event, Reply, RequestBody, Resource, Usage};
use support::{Delegated, Launcher, eventually, on_pipes, possible, read_all, read_until, shell};

const ID: &str = "0123456789ab";

#[test]
fn an_ordinary_user_gets_a_shell_and_is_told_what_it_lacks() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start_without_root();
    let (reply, fds) = launcher.ask(RequestBody::Launch(Box::new(shell(ID))));
    let Reply::Launched { lacks, .. } = reply else { panic!("{reply:?}") };
    assert!(lacks.iter().any(|lack| lack.contains("user ids")), "{lacks:?}");
    assert!(lacks.iter().any(|lack| lack.contains("memory")), "{lacks:?}");
    read_until(&fds[1], "# ");

    let process =
        on_pipes(&["sh", "-c", "id -u; hostname; touch /root/x && ls /root; cat /proc/self/uid_map"]);
    let (reply, mut fds) = launcher.ask(RequestBody::Exec { container: ID.to_owned(), process });
    assert!(matches!(reply, Reply::Started { .. }), "{reply:?}");
    let output = read_all(fds.remove(1));
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines[..3], ["0", ID, "x"], "{output}");
    assert_eq!(lines[3].split_whitespace().collect::<Vec<_>>(), ["0", "0", "1"], "{output}");

    launcher.ask(RequestBody::Kill { container: ID.to_owned() });
    launcher.event(|event| matches!(event, Event::Exited { process: 0, .. }));
    launcher.ended(ID);
    launcher.assert_settled();
}

fn usage(launcher: &mut Launcher, resource: Resource) -> Usage {
    let (reply, _) = launcher.ask(RequestBody::Usage { container: ID.to_owned() });
    let Reply::Usage(usage) = reply else { panic!("{reply:?}") };
    usage.iter().find(|usage| usage.resource == resource).cloned().unwrap_or_else(|| panic!("{usage:?}"))
}

/// Launches a shell with limits, and leaves it at its prompt.
fn launch_limited(launcher: &mut Launcher) -> std::os::fd::OwnedFd {
    let mut request = shell(ID);
    (request.limits.pids, request.limits.memory_bytes, request.limits.cpu_millis) = (12, 32 << 20, 400);
    request.limits.cpuset = Some("0".to_owned());
    let (reply, mut fds) = launcher.ask(RequestBody::Launch(Box::new(request)));
    let Reply::Launched { lacks, .. } = reply else { panic!("{reply:?}") };
    for limited in ["memory", "processes", "CPU"] {
        assert!(!lacks.iter().any(|lack| lack.contains(limited)), "{lacks:?}");
    }
    let terminal = fds.remove(1);
    read_until(&terminal, "# ");
    terminal
}

fn exec(launcher: &mut Launcher, script: &str) -> std::os::fd::OwnedFd {
    let process = on_pipes(&["sh", "-c", script]);
    let (reply, mut fds) = launcher.ask(RequestBody::Exec { container: ID.to_owned(), process });
    assert!(matches!(reply, Reply::Started { .. }), "{reply:?}");
    fds.remove(1)
}

#[test]
fn limits_bind_without_root_in_a_cgroup_of_version_2_that_is_the_users_own() {
    let Some(cgroup) = Delegated::make() else { return };
    let mut launcher = Launcher::start_delegated(&cgroup);
    let _terminal = launch_limited(&mut launcher);
    let limits =
        [Resource::Pids, Resource::Memory, Resource::Cpu].map(|which| usage(&mut launcher, which).limit);
    assert_eq!(limits, [Some(12), Some(32 << 20), Some(400)]);
    let inside = read_all(exec(&mut launcher, "grep Cpus_allowed_list /proc/self/status"));
    assert_eq!(inside.split_whitespace().last(), Some("0"), "{inside}");

    let _bomb = exec(&mut launcher, "bomb() { bomb | bomb & }; bomb; sleep 1000");
    eventually("the limit of processes is hit", || usage(&mut launcher, Resource::Pids).hits > 0);
    eventually("it is held back", || usage(&mut launcher, Resource::Cpu).hits >= 5);
    launcher.ask(RequestBody::Kill { container: ID.to_owned() });
    launcher.ended(ID);
    launcher.ask(RequestBody::Remove { container: ID.to_owned() });

    let _terminal = launch_limited(&mut launcher);
    let _greedy = exec(&mut launcher, "dd if=/dev/zero of=/dev/null bs=100M count=1; echo went on");
    launcher.event(
        |event| matches!(event, Event::Exited { process: 0, ending, .. } if ending.out_of_memory && ending.code == 137),
    );
    launcher.ended(ID);
    launcher.ask(RequestBody::Remove { container: ID.to_owned() });
    launcher.assert_settled();
    assert!(!cgroup.names().iter().any(|name| name == ID), "{:?}", cgroup.names());
}

#[test]
fn what_a_killed_launcher_of_an_ordinary_user_leaves_is_cleared_away_by_the_next() {
    let Some(cgroup) = Delegated::make() else { return };
    let mut launcher = Launcher::start_delegated(&cgroup);
    let _terminal = launch_limited(&mut launcher);
    assert!(cgroup.names().iter().any(|name| name == ID), "{:?}", cgroup.names());
    launcher.kill();
    launcher.restart_delegated(&cgroup);
    eventually("the container's cgroup is gone", || !cgroup.names().iter().any(|name| name == ID));
    let _terminal = launch_limited(&mut launcher);
    drop(launcher);
    assert_eq!(cgroup.names(), ["porthole-launcher"]);
}
