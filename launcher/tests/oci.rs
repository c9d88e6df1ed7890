//! Containers by OCI runtimes: real ones, each of those that are installed.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::BTreeSet;
use std::collections::hash_map::DefaultHasher;
use std::fs::{self, Permissions};
use std::hash::{Hash, Hasher};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;

use porthole_launcher::wire::{EngineKind, Event, FailureKind, LaunchRequest, Reply, RequestBody, Resource};
use support::{
    Launcher, descendants, eventually, on_pipes, on_terminal, possible, read_all, read_until, shell,
};

const ID: &str = "0c10c10c10c1";

/// The runtimes of this host; says loudly which are not there.
fn engines() -> Vec<EngineKind> {
    if !possible() {
        return Vec::new();
    }
    let all = [(EngineKind::Runc, "runc"), (EngineKind::Crun, "crun"), (EngineKind::Runsc, "runsc")];
    let only = std::env::var("PORTHOLE_ENGINE").ok();
    let there = |(_, name): &(EngineKind, &str)| {
        let there = ["/usr/sbin", "/usr/bin", "/usr/local/bin"]
            .iter()
            .any(|dir| fs::exists(format!("{dir}/{name}")).unwrap());
        if !there {
            eprintln!("SKIPPED: {name} is not installed");
        }
        there && only.as_ref().is_none_or(|only| only == name)
    };
    all.into_iter().filter(there).map(|(kind, _)| kind).collect()
}

/// A launcher whose state directory the users of containers may pass through, as that of `porthole serve` is.
fn start() -> Launcher {
    let launcher = Launcher::start();
    fs::set_permissions(launcher.state.path(), Permissions::from_mode(0o711)).unwrap();
    launcher
}

fn by(engine: EngineKind, id: &str) -> LaunchRequest {
    let mut request = shell(id);
    request.engine = engine;
    // A sandbox of gVisor is a program of some size, and its threads count as well.
    request.limits.memory_bytes = 256 << 20;
    request.limits.pids = 128;
    request
}

fn launched(launcher: &mut Launcher, request: LaunchRequest) -> (u32, u32, Vec<OwnedFd>) {
    let (reply, fds) = launcher.ask(RequestBody::Launch(Box::new(request)));
    match reply {
        Reply::Launched { init_pid, pid, .. } => (init_pid, pid, fds),
        other => panic!("{other:?}"),
    }
}

/// Output, complaint, status and signal of a run.
fn run(launcher: &mut Launcher, engine: EngineKind, argv: &[&str]) -> (String, String, u8) {
    let request = LaunchRequest { process: on_pipes(argv), ..by(engine, ID) };
    let (_, _, fds) = launched(launcher, request);
    let outcome = finish(launcher, ID, 0, fds);
    launcher.ended(ID);
    assert_eq!(launcher.ask(RequestBody::Remove { container: ID.into() }).0, Reply::Done);
    outcome
}

fn finish(launcher: &mut Launcher, id: &str, number: u32, fds: Vec<OwnedFd>) -> (String, String, u8) {
    let mut fds = fds.into_iter().skip(1);
    let (stdout, stderr) = (read_all(fds.next().unwrap()), read_all(fds.next().unwrap()));
    let event = launcher.event(|event| {
        matches!(event, Event::Exited { container, process, .. } if container == id && *process == number)
    });
    let Event::Exited { ending, .. } = event else { unreachable!() };
    (stdout, stderr, ending.code)
}

fn exec(launcher: &mut Launcher, id: &str, argv: &[&str]) -> (String, String, u8) {
    let body = RequestBody::Exec { container: id.into(), process: on_pipes(argv) };
    let (reply, fds) = launcher.ask(body);
    let Reply::Started { process, .. } = reply else { panic!("{reply:?}") };
    finish(launcher, id, process, fds)
}

/// What a launcher has on this host beside its own process.
fn left_of(launcher: &Launcher) -> Vec<String> {
    let state = launcher.state.path();
    let mut left: Vec<String> = Vec::new();
    for entry in fs::read_dir(state.join("oci")).into_iter().flatten().flatten() {
        if entry.file_name() != "init" {
            left.push(entry.path().display().to_string());
        }
    }
    left.extend(descendants(launcher.process.id()).iter().map(|pid| format!("process {pid}")));
    let own = own_cgroup(state);
    left.extend(cgroups().into_iter().filter(|path| path.contains(&own) && !path.ends_with(&own)));
    let table = format!("/proc/{}/mounts", launcher.process.id());
    let mounts = fs::read_to_string(table).unwrap();
    left.extend(
        mounts
            .lines()
            .filter(|line| line.starts_with("overlay") && line.contains("stage"))
            .map(str::to_owned),
    );
    left
}

/// Waits until nothing is left of any container.
fn settled(launcher: &Launcher) {
    eventually("nothing is left of any container", || left_of(launcher).is_empty());
}

/// Processes in a cgroup of this name, whatever the hierarchy.
fn inside(cgroup: &str) -> Vec<u32> {
    let is_in = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|groups| groups.contains(cgroup))
    };
    let names = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name());
    names.filter_map(|name| name.to_str()?.parse().ok()).filter(is_in).collect()
}

/// The name of the launcher's directory in each hierarchy: two launchers never share one.
fn own_cgroup(state: &std::path::Path) -> String {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Every directory of a cgroup that may be of Porthole's.
fn cgroups() -> BTreeSet<String> {
    fn below(path: std::path::PathBuf, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            if entry.file_type().unwrap().is_dir() {
                found.insert(entry.path().display().to_string());
                below(entry.path(), found);
            }
        }
    }
    let mut found = BTreeSet::new();
    for hierarchy in fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
        below(hierarchy.path().join("porthole"), &mut found);
    }
    found
}

#[test]
fn a_run_gives_its_output_and_its_status() {
    for engine in engines() {
        let mut launcher = start();
        assert_eq!(
            run(&mut launcher, engine, &["echo", "hi"]),
            ("hi\n".into(), String::new(), 0),
            "{engine:?}"
        );
        assert_eq!(
            run(&mut launcher, engine, &["sh", "-c", "echo no >&2; exit 3"]),
            (String::new(), "no\n".into(), 3)
        );
        assert_eq!(run(&mut launcher, engine, &["sh", "-c", "kill -9 $$"]).2, 137, "{engine:?}");
    }
}

#[test]
fn a_command_that_is_not_there_and_one_that_is_no_program_are_told_apart_and_leave_nothing() {
    for engine in engines() {
        let mut launcher = start();
        for (command, kind) in
            [("nope", FailureKind::CommandNotFound), ("/etc/passwd", FailureKind::CommandNotExecutable)]
        {
            let request = LaunchRequest { process: on_pipes(&[command]), ..by(engine, ID) };
            let (reply, _) = launcher.ask(RequestBody::Launch(Box::new(request)));
            assert!(matches!(&reply, Reply::Failed(failure) if failure.kind == kind), "{engine:?} {reply:?}");
            settled(&launcher);
        }
    }
}

#[test]
fn a_terminal_echoes_is_resized_and_ends_with_its_shell() {
    for engine in engines() {
        let mut launcher = start();
        let (_, _, fds) = launched(&mut launcher, by(engine, ID));
        let master = &fds[1];
        rustix::io::write(master, b"stty size; tty; echo $((6 * 7))\n").unwrap();
        let text = read_until(master, "42");
        // gVisor's kernel passes the host's terminal on and has no name for it.
        assert!(text.contains("/dev/pts/0") == (engine != EngineKind::Runsc), "{engine:?}: {text:?}");
        assert!(text.contains("24 80"), "{engine:?}: {text:?}");
        let size = rustix::termios::Winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(master, size).unwrap();
        rustix::io::write(master, b"stty size\n").unwrap();
        read_until(master, "30 100");
        rustix::io::write(master, b"exit 5\n").unwrap();
        let event = launcher.event(|event| matches!(event, Event::Exited { .. }));
        assert!(matches!(event, Event::Exited { process: 0, ending, .. } if ending.code == 5), "{event:?}");
        launcher.ended(ID);
        settled(&launcher);
    }
}

#[test]
fn further_processes_run_on_pipes_and_on_terminals() {
    for engine in engines() {
        let mut launcher = start();
        let (_, _, _fds) = launched(&mut launcher, by(engine, ID));
        assert_eq!(exec(&mut launcher, ID, &["echo", "two"]), ("two\n".into(), String::new(), 0));
        assert_eq!(exec(&mut launcher, ID, &["sh", "-c", "exit 7"]).2, 7);
        let body = RequestBody::Exec { container: ID.into(), process: on_terminal(&["/bin/sh"]) };
        let (reply, fds) = launcher.ask(body);
        assert!(matches!(reply, Reply::Started { .. }), "{engine:?} {reply:?}");
        rustix::io::write(&fds[1], b"echo $((6 * 7))\n").unwrap();
        read_until(&fds[1], "42");
        let body = RequestBody::Exec { container: ID.into(), process: on_pipes(&["nope"]) };
        let (reply, _) = launcher.ask(body);
        assert!(
            matches!(&reply, Reply::Failed(failure) if failure.kind == FailureKind::CommandNotFound),
            "{engine:?} {reply:?}"
        );
    }
}

#[test]
fn a_process_hears_signals_and_a_container_is_killed_whole() {
    for engine in engines() {
        let mut launcher = start();
        let script = "trap 'echo term; exit 9' TERM; echo ready; while :; do sleep 0.1; done";
        let request = LaunchRequest { process: on_pipes(&["sh", "-c", script]), ..by(engine, ID) };
        let (_, _, fds) = launched(&mut launcher, request);
        read_until(&fds[1], "ready");
        let body = RequestBody::Signal { container: ID.into(), process: 0, signal: 15 };
        assert_eq!(launcher.ask(body).0, Reply::Done);
        let (text, _, status) = finish(&mut launcher, ID, 0, fds);
        assert_eq!((text.as_str(), status), ("term\n", 9), "{engine:?}");
        launcher.ended(ID);
        let other = "0c20c20c20c2";
        launched(&mut launcher, by(engine, other));
        assert_eq!(launcher.ask(RequestBody::Kill { container: other.into() }).0, Reply::Done);
        let event =
            launcher.event(|event| matches!(event, Event::Exited { container, .. } if container == other));
        assert!(matches!(event, Event::Exited { ending, .. } if ending.code == 137), "{engine:?} {event:?}");
        launcher.ended(other);
        settled(&launcher);
    }
}

#[test]
fn limits_hold_inside() {
    for engine in engines() {
        let mut launcher = start();
        // gVisor's sandbox counts as well.
        let mut request = by(engine, ID);
        // One large buffer: where gVisor has no processor of its own, a pipeline of as much takes a quarter of an hour.
        let script = "dd if=/dev/zero of=/dev/null bs=64M count=1 && echo some; dd if=/dev/zero of=/dev/null bs=400M count=1 && echo more";
        request.process = on_pipes(&["sh", "-c", script]);
        let (_, _, fds) = launched(&mut launcher, request);
        let (text, complaint, _) = finish(&mut launcher, ID, 0, fds);
        assert_eq!(text, "some\n", "{engine:?}: {complaint:?}");
        launcher.ended(ID);
        assert_eq!(launcher.ask(RequestBody::Remove { container: ID.into() }).0, Reply::Done);
        launched(&mut launcher, by(engine, ID));
        let (reply, _) = launcher.ask(RequestBody::Usage { container: ID.into() });
        let Reply::Usage(usage) = reply else { panic!("{reply:?}") };
        let of = |resource| usage.iter().find(|usage| usage.resource == resource).unwrap();
        assert_eq!(of(Resource::Memory).limit, Some(256 << 20));
        assert!(of(Resource::Memory).usage > 0 && of(Resource::Pids).usage >= 2, "{engine:?} {usage:?}");
    }
}

#[test]
fn a_fork_bomb_meets_the_limit_of_processes() {
    for engine in engines().into_iter().filter(|engine| *engine != EngineKind::Runsc) {
        let mut launcher = start();
        let mut request = by(engine, ID);
        request.limits.pids = 24;
        request.process = on_pipes(&["sh", "-c", "for n in $(seq 60); do sleep 5 & done; echo all"]);
        let (_, _, fds) = launched(&mut launcher, request);
        let (text, complaint, _) = finish(&mut launcher, ID, 0, fds);
        assert!(!text.contains("all") && complaint.contains("fork"), "{engine:?}: {text:?} {complaint:?}");
    }
}

#[test]
fn what_isolates_is_in_force() {
    for engine in engines() {
        let mut launcher = start();
        launched(&mut launcher, by(engine, ID));
        let (status, ..) = exec(&mut launcher, ID, &["cat", "/proc/self/status"]);
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace().last().unwrap_or_default().to_owned()
        };
        // gVisor keeps NET_RAW from everybody, unless it is started with an option of its own.
        let withheld = if engine == EngineKind::Runsc { 1 << 13 } else { 0 };
        let allowed = format!("{:016x}", porthole_launcher::capabilities::DEFAULT & !withheld);
        assert_eq!(field("CapBnd:"), allowed, "{engine:?}");
        assert_eq!(field("CapEff:"), allowed, "{engine:?}");
        assert_eq!(exec(&mut launcher, ID, &["hostname"]).0, format!("{ID}\n"));
        assert_eq!(exec(&mut launcher, ID, &["id", "-u"]).0, "0\n");
        assert!(exec(&mut launcher, ID, &["cat", "/etc/hosts"]).0.contains(ID));
        let (reply, _) = launcher.ask(RequestBody::Inspect { container: ID.into() });
        let Reply::Kernel(kernel) = reply else { panic!("{reply:?}") };
        if engine == EngineKind::Runsc {
            let version = exec(&mut launcher, ID, &["cat", "/proc/version"]).0;
            let release = kernel.uname.lines().nth(1).unwrap_or_default();
            assert!(!release.is_empty() && version.contains(release), "{version:?} {:?}", kernel.uname);
            let host = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
            assert_ne!(release, host.trim(), "a kernel of its own is another one");
            continue;
        }
        assert_eq!(field("NoNewPrivs:"), "1", "{engine:?}");
        assert_eq!(field("Seccomp:"), "2", "{engine:?}");
        let score = exec(&mut launcher, ID, &["cat", "/proc/self/oom_score_adj"]).0;
        assert!(score.trim().parse::<u32>().unwrap() >= 400, "{engine:?} ends with the host: {score}");
        let (map, ..) = exec(&mut launcher, ID, &["cat", "/proc/self/uid_map"]);
        let numbers: Vec<u64> = map.split_whitespace().map(|word| word.parse().unwrap()).collect();
        assert!(numbers[0] == 0 && numbers[1] >= 524_288 + 65_536 && numbers[2] == 65_536, "{map}");
        for refused in [
            "unshare -U true",
            "mount -t tmpfs x /tmp",
            "cat /proc/kcore",
            "echo 1 > /proc/sys/vm/drop_caches",
        ] {
            let (_, complaint, status) = exec(&mut launcher, ID, &["sh", "-c", refused]);
            assert!(status != 0 || refused.contains("kcore"), "{engine:?} lets it {refused}: {complaint}");
        }
        assert!(
            kernel.namespaces.len() == 7 && kernel.pids.len() >= 2 && kernel.uname.is_empty(),
            "{kernel:?}"
        );
    }
}

#[test]
fn two_are_apart_and_an_agent_that_comes_back_finds_both() {
    for engine in engines() {
        let mut launcher = start();
        let other = "0c20c20c20c2";
        let request = LaunchRequest {
            process: on_pipes(&["sh", "-c", "echo mine > /tmp/x; sleep 100"]),
            ..by(engine, ID)
        };
        launched(&mut launcher, request);
        launched(&mut launcher, by(engine, other));
        eventually("it is written", || exec(&mut launcher, ID, &["cat", "/tmp/x"]).0 == "mine\n");
        assert_ne!(exec(&mut launcher, other, &["cat", "/tmp/x"]).2, 0);
        launcher.reconnect();
        let (reply, _) = launcher.ask(RequestBody::List { after: None });
        let Reply::Containers(known) = reply else { panic!("{reply:?}") };
        let ids: Vec<_> = known.iter().map(|known| known.container.as_str()).collect();
        assert_eq!(ids, [ID, other]);
        let (reply, fds) = launcher.ask(RequestBody::Adopt { container: other.into(), process: 0 });
        assert!(matches!(reply, Reply::Started { .. }), "{reply:?}");
        rustix::io::write(&fds[1], b"echo $((40 + 2))\n").unwrap();
        read_until(&fds[1], "42");
    }
}

#[test]
fn nothing_is_left_after_the_launcher_was_killed() {
    for engine in engines() {
        let mut launcher = start();
        let (init, pid, _fds) = launched(&mut launcher, by(engine, ID));
        let gone = || [init, pid].iter().all(|pid| !fs::exists(format!("/proc/{pid}/exe")).unwrap_or(false));
        // A sandbox of gVisor is not ours, and has a process beside it.
        let own = format!("/porthole/{}/{ID}", own_cgroup(launcher.state.path()));
        assert!(inside(&own).contains(&pid), "{engine:?}");
        launcher.kill();
        eventually("its processes end with the launcher", || gone() && inside(&own).is_empty());
        launcher.restart();
        settled(&launcher);
        let own = own_cgroup(launcher.state.path());
        drop(launcher);
        let left: Vec<_> = cgroups().into_iter().filter(|path| path.contains(&own)).collect();
        assert_eq!(left, [""; 0]);
    }
}
