//! Limits, by what the control groups count; and images that are made to harm.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::os::unix::fs::symlink;

use porthole_launcher::wire::{
    Event, FailureKind, LaunchRequest, Limits, Reply, RequestBody, Resource, Stdio, Usage,
};
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
    // Each time it is held back its quota of 1 ms is used up, and seldom much more than that.
    eventually("it is held back", || usage(&mut launcher, Resource::Cpu).hits >= 5);
    let cpu = usage(&mut launcher, Resource::Cpu);
    assert_eq!(cpu.limit, Some(50));
    // The kernel notices at its next tick only; what was used too much by then is missing later.
    let (quotas, ticks) = ((cpu.hits + 2) * 1000, 20_000);
    assert!(cpu.usage < quotas * 2 + ticks, "{} µs are more than twice {quotas} µs", cpu.usage);
}

#[test]
fn who_has_used_little_of_the_processors_goes_before_who_uses_much() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let ids = [ID, "ba9876543210"];
    let scripts = ["while :; do :; done", "sleep 1000"];
    let mut streams = Vec::new();
    for (id, script) in ids.into_iter().zip(scripts) {
        let mut request = shell(id);
        request.process = on_pipes(&["sh", "-c", script]);
        streams.push(launch(&mut launcher, request));
    }
    let [busy, quiet] = ids.map(|id| {
        let init = init_of(&mut launcher, id);
        move || weight_of(init)
    });
    if busy().is_none() {
        eprintln!("SKIPPED: no controller hands out CPU time here");
        return;
    }
    let first = busy();
    assert_eq!(first, quiet(), "both are new");
    eventually("the quiet one weighs more", || quiet() > first);
    assert_eq!(busy(), first);
    for id in ids {
        launcher.ask(RequestBody::Kill { container: id.to_owned() });
        launcher.ended(id);
    }
    launcher.assert_settled();
}

/// The reply to new limits for the container [`ID`].
fn update(launcher: &mut Launcher, limits: &Limits) -> Reply {
    let (container, label) = (ID.to_owned(), b"newer".to_vec());
    launcher.ask(RequestBody::Update { container, limits: Box::new(limits.clone()), label }).0
}

fn sentence(reply: Reply) -> String {
    let Reply::Failed(failure) = reply else { panic!("{reply:?}") };
    assert_eq!(failure.kind, FailureKind::BadRequest);
    failure.message
}

/// The host's process id of a container's process 1.
fn init_of(launcher: &mut Launcher, id: &str) -> u32 {
    let (reply, _) = launcher.ask(RequestBody::List { after: None });
    let Reply::Containers(known) = reply else { panic!("{reply:?}") };
    known.iter().find(|container| container.container == id).and_then(|container| container.init_pid).unwrap()
}

/// What a process's group weighs; none without the controller.
fn weight_of(pid: u32) -> Option<u32> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let file = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        match controllers {
            "" => Some(format!("/sys/fs/cgroup{path}/cpu.weight")),
            _ if controllers.split(',').any(|name| name == "cpu") => {
                Some(format!("/sys/fs/cgroup/{controllers}{path}/cpu.shares"))
            }
            _ => None,
        }
    };
    groups.lines().filter_map(file).find_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
}

/// A line of what the kernel says of the container's process 1.
fn of_init(launcher: &mut Launcher, key: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", init_of(launcher, ID))).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.unwrap().trim().to_owned()
}

const CPUS_INSIDE: &str = "grep Cpus_allowed_list /proc/self/status";

/// A child takes more memory than there is, and its parent would go on.
const GREEDY_CHILD: &str = "dd if=/dev/zero of=/dev/null bs=100M count=1; echo went on";

#[test]
fn a_child_without_memory_ends_the_whole_container_which_says_so() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let mut request = shell(ID);
    request.process = on_pipes(&["sh", "-c", &format!("sleep 1000 & {GREEDY_CHILD}")]);
    let mut fds = launch(&mut launcher, request);
    let ended = launcher.event(|event| matches!(event, Event::Exited { process: 0, .. }));
    let Event::Exited { ending, .. } = ended else { unreachable!() };
    assert!(ending.out_of_memory && ending.code == 137, "{ending:?}");
    assert_eq!(read_all(fds.remove(1)), "");
    launcher.ended(ID);
    launcher.assert_settled();
}

#[test]
fn a_child_with_enough_memory_ends_nothing() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let mut request = shell(ID);
    request.limits.memory_bytes = 512 << 20;
    request.process = on_pipes(&["sh", "-c", GREEDY_CHILD]);
    let mut fds = launch(&mut launcher, request);
    assert_eq!(read_all(fds.remove(1)), "went on\n");
    launcher.ended(ID);
}

#[test]
fn a_further_process_without_memory_ends_the_container_as_well() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let _fds = launch(&mut launcher, shell(ID));
    let process = on_pipes(&["sh", "-c", GREEDY_CHILD]);
    let (reply, _) = launcher.ask(RequestBody::Exec { container: ID.to_owned(), process });
    assert!(matches!(reply, Reply::Started { .. }), "{reply:?}");
    for number in [0, 1] {
        let told = launcher.event(
            |event| matches!(event, Event::Exited { process, ending, .. } if *process == number && ending.out_of_memory),
        );
        assert!(matches!(told, Event::Exited { .. }));
    }
    launcher.ended(ID);
}

#[test]
fn a_container_runs_on_the_processors_it_was_given_and_on_no_other() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    let mut request = shell(ID);
    request.limits.cpuset = Some("99".into());
    let (reply, _) = launcher.ask(RequestBody::Launch(Box::new(request.clone())));
    let refused = sentence(reply);
    assert!(refused.starts_with("There are no such CPUs as 99: here are "), "{refused}");
    for (cpuset, expected) in [(Some("0"), "0"), (None, "0-1")] {
        request.limits.cpuset = cpuset.map(String::from);
        request.process = on_pipes(&["sh", "-c", CPUS_INSIDE]);
        let mut fds = launch(&mut launcher, request.clone());
        let inside = read_all(fds.remove(1));
        let inside = inside.split_whitespace().last().unwrap();
        assert!(inside == expected || (cpuset.is_none() && inside != "0"), "{cpuset:?}: {inside}");
        launcher.ended(ID);
        launcher.ask(RequestBody::Remove { container: ID.to_owned() });
    }
    launcher.assert_settled();
}

#[test]
fn what_is_written_to_disk_takes_the_time_that_the_limit_says() {
    if !possible() {
        return;
    }
    const MIB: u64 = 1 << 20;
    let mut launcher = Launcher::start();
    let mut request = shell(ID);
    request.limits.io_bytes_per_second = Some(MIB);
    // With version 1 only what goes past the page cache is counted to whom it belongs.
    let script = "dd if=/dev/zero of=/root/x bs=256k count=16 oflag=direct && echo written; sleep 1000";
    request.process = on_pipes(&["sh", "-c", script]);
    let begun = std::time::Instant::now();
    let (reply, mut fds) = launcher.ask(RequestBody::Launch(Box::new(request)));
    if let Reply::Failed(failure) = reply {
        assert!(failure.message.starts_with("I/O cannot be limited, because"), "{failure:?}");
        return eprintln!("SKIPPED: {}", failure.message);
    }
    read_until(&fds.remove(1), "written");
    // Four MiB at one a second, of which the kernel lets the first slice through at once. Only a lower bound is asserted.
    assert!(begun.elapsed() > std::time::Duration::from_secs(2), "{:?}", begun.elapsed());
    let io = usage(&mut launcher, Resource::Io);
    assert!(io.limit == Some(MIB) && io.usage >= 4 * MIB, "{io:?}");
}

#[test]
fn limits_change_while_a_program_runs_and_only_as_far_as_it_bears() {
    if !possible() {
        return;
    }
    const MIB: u64 = 1 << 20;
    let mut launcher = Launcher::start();
    let mut request = shell(ID);
    let mut limits = request.limits.clone();
    let script = "dd if=/dev/zero of=/dev/shm/x bs=1M count=40; echo held; read go; rm /dev/shm/x; echo freed; read go";
    request.process = on_pipes(&["sh", "-c", script]);
    request.process.stdio = Stdio::Pipes { stdin: true };
    let mut fds = launch(&mut launcher, request);
    let (stdin, stdout) = (fds.pop().unwrap(), fds.remove(1));
    read_until(&stdout, "held");

    (limits.memory_bytes, limits.pids, limits.cpu_millis) = (128 * MIB, 32, 500);
    limits.cpuset = Some("0".into());
    assert_eq!(update(&mut launcher, &limits), Reply::Done);
    let now = |launcher: &mut Launcher| {
        [Resource::Memory, Resource::Pids, Resource::Cpu].map(|which| usage(launcher, which).limit.unwrap())
    };
    assert_eq!(now(&mut launcher), [128 * MIB, 32, 500]);
    assert_eq!(of_init(&mut launcher, "Cpus_allowed_list"), "0");

    let less = Limits { memory_bytes: 16 * MIB, pids: 16, cpuset: Some("1".into()), ..limits.clone() };
    let refused = sentence(update(&mut launcher, &less));
    assert!(refused.contains("uses more memory than that"), "{refused}");
    assert_eq!(now(&mut launcher), [128 * MIB, 32, 500], "all or nothing");
    assert_eq!(of_init(&mut launcher, "Cpus_allowed_list"), "0");
    let nowhere = Limits { cpuset: Some("99".into()), ..limits.clone() };
    assert!(sentence(update(&mut launcher, &nowhere)).contains("no such CPUs"));

    rustix::io::write(&stdin, b"\n").unwrap();
    read_until(&stdout, "freed");
    assert_eq!(update(&mut launcher, &less), Reply::Done);
    assert_eq!(now(&mut launcher), [16 * MIB, 16, 500]);
    let (reply, _) = launcher.ask(RequestBody::List { after: None });
    let Reply::Containers(known) = reply else { panic!("{reply:?}") };
    assert_eq!(known[0].label, b"newer");
    // Who comes later is under the same limits.
    let process = on_pipes(&["sh", "-c", CPUS_INSIDE]);
    let (_, mut fds) = launcher.ask(RequestBody::Exec { container: ID.to_owned(), process });
    assert_eq!(read_all(fds.remove(1)).split_whitespace().last(), Some("1"));
    rustix::io::write(&stdin, b"\n").unwrap();
    launcher.ended(ID);
    launcher.assert_settled();
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
