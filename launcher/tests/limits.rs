//! Limits, by what the control groups count; and images that are made to harm.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::os::unix::fs::symlink;

use porthole_launcher::wire::{Event, LaunchRequest, Reply, RequestBody, Resource, Usage};
use support::{Launcher, eventually, give_to_store, on_pipes, possible, read_all, read_until, shell};

const ID: &str = "0123456789ab";

fn usage(launcher: &mut Launcher, resource: Resource) -> Usage {
    let (reply, _) = launcher.ask(RequestBody::Usage { container: ID.to_owned() });
    let Reply::Usage(usage) = reply else { panic!("{reply:?}") };
    usage.iter().find(|usage| usage.resource == resource).cloned().unwrap_or_else(|| panic!("{usage:?}"))
}

fn launch(launcher: &mut Launcher, request: LaunchRequest) -> Vec<std::os::fd::OwnedFd> {
    let (reply, fds) = launcher.ask(RequestBody::Launch(Box::new(request)));
    assert!(matches!(reply, Reply::Launched { .. }), "{reply:?}");
    fds
}

#[test]
fn a_fork_bomb_stops_at_the_limit_of_processes_and_dies_with_the_container() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let mut request = shell(ID);
    request.limits.pids = 12;
    request.process = on_pipes(&["sh", "-c", "bomb() { bomb | bomb & }; bomb; sleep 1000"]);
    let _fds = launch(&mut launcher, request);
    eventually("the limit is hit", || usage(&mut launcher, Resource::Pids).hits > 0);
    let pids = usage(&mut launcher, Resource::Pids);
    assert!(pids.usage <= 12 && pids.limit == Some(12), "{pids:?}");
    launcher.ask(RequestBody::Kill { container: ID.to_owned() });
    launcher.ended(ID);
    launcher.assert_settled();
}

#[test]
fn a_busy_loop_is_held_back_at_its_share_of_a_processor() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let mut request = shell(ID);
    request.limits.cpu_millis = 50;
    request.process = on_pipes(&["sh", "-c", "while :; do :; done"]);
    let _fds = launch(&mut launcher, request);
    // Each time it is held back its quota of 5 ms is used up, and never much more than that.
    eventually("it is held back", || usage(&mut launcher, Resource::Cpu).hits >= 5);
    let cpu = usage(&mut launcher, Resource::Cpu);
    assert_eq!(cpu.limit, Some(50));
    // The kernel hands a quota out in slices, for each processor; so it may be exceeded, by a slice for each.
    let quotas = (cpu.hits + 2) * 5_000;
    assert!(cpu.usage < quotas * 2, "{} µs are more than twice {quotas} µs", cpu.usage);
}

#[test]
fn an_image_with_links_where_file_systems_are_mounted_reaches_nothing_outside() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let layer = launcher.state.path().join("layers").join("ee".repeat(32));
    let canary = launcher.state.path().join("canary");
    fs::create_dir_all(&layer).unwrap();
    fs::create_dir(&canary).unwrap();
    for name in ["proc", "sys", "dev", "etc"] {
        symlink(&canary, layer.join(name)).unwrap();
    }
    give_to_store(&layer);
    let mut request = shell(ID);
    request.layers.insert(0, "ee".repeat(32));
    let script = "cat /etc/hostname; ls /dev/null /proc/self/status /sys/kernel; mount | grep -c canary";
    request.process = on_pipes(&["sh", "-c", script]);
    let mut fds = launch(&mut launcher, request);
    let output = read_all(fds.remove(1));
    assert_eq!(output.lines().next(), Some(ID), "{output}");
    assert!(output.contains("/dev/null") && output.contains("/proc/self/status"), "{output}");
    assert_eq!(output.lines().last(), Some("0"), "{output}");
    assert_eq!(fs::read_dir(&canary).unwrap().count(), 0);
    launcher.ended(ID);
}

#[test]
fn a_read_only_root_takes_no_file_and_still_has_room_for_memory_files() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let mut request = shell(ID);
    request.read_only = true;
    request.process = on_pipes(&["sh", "-c", "touch /x || echo refused; touch /dev/shm/x && echo taken"]);
    let mut fds = launch(&mut launcher, request);
    assert_eq!(read_all(fds.remove(1)), "refused\ntaken\n");
}

#[test]
fn sixty_launches_at_once_all_get_their_prompt() {
    if !possible() {
        return;
    }
    const COUNT: usize = 60;
    let mut launcher = Launcher::start();
    for n in 0..COUNT {
        launcher.send(RequestBody::Launch(Box::new(shell(&format!("{n:012x}")))));
    }
    let mut terminals = Vec::new();
    while terminals.len() < COUNT {
        let (message, mut fds) = launcher.receive();
        let porthole_launcher::wire::Message::Reply { reply: Reply::Launched { .. }, .. } = message else {
            panic!("{message:?}")
        };
        terminals.push(fds.remove(1));
    }
    for terminal in &terminals {
        read_until(terminal, "# ");
    }
    // More than fit into one message: a restarted agent gets them all, part by part.
    launcher.reconnect();
    let (mut after, mut known, mut parts) = (None, 0, 0);
    loop {
        let (reply, _) = launcher.ask(RequestBody::List { after });
        let Reply::Containers(part) = reply else { panic!("{reply:?}") };
        let Some(last) = part.last() else { break };
        after = Some(last.container.clone());
        known += part.len();
        parts += 1;
    }
    assert!(known == COUNT && parts > 1, "{known} in {parts} parts");
    for n in 0..COUNT {
        launcher.send(RequestBody::Kill { container: format!("{n:012x}") });
    }
    let mut ended = 0;
    while ended < COUNT {
        if let (porthole_launcher::wire::Message::Event(Event::Ended { .. }), _) = launcher.receive() {
            ended += 1;
        }
    }
    launcher.assert_settled();
}
