//! `run` and `exec`: statuses, arguments, signals.

use std::io::Read;

use rustix::process::Signal;

use crate::support::{Agent, read_until, send};

#[test]
fn the_kernel_inside_is_the_hosts() {
    let agent = Agent::start();
    let release = rustix::system::uname().release().to_str().unwrap().to_owned();
    assert_eq!(agent.ok(&["run", "--rm", "busybox", "uname", "-r"]), format!("{release}\n"));
    assert_eq!(agent.ok(&["ps", "-aq"]), "", "--rm leaves nothing behind");
}

#[test]
fn the_exit_status_is_the_commands_own() {
    let agent = Agent::start();
    let status = |command: &[&str]| agent.porthole(&[&["run", "--rm", "busybox"], command].concat()).status;
    assert_eq!(status(&["true"]), 0);
    assert_eq!(status(&["sh", "-c", "exit 7"]), 7);
    assert_eq!(status(&["sh", "-c", "kill -9 $$"]), 137);
    assert_eq!(status(&["no-such-command"]), 127);
    assert_eq!(status(&["/etc/passwd"]), 126);
    assert_eq!(agent.porthole(&["run", "--no-such-option", "busybox"]).status, 125);
    assert_eq!(agent.porthole(&["ps", "--no-such-option"]).status, 2);
    let refused = agent.porthole(&["run", "--pull", "never", "no-such-image"]);
    assert_eq!(refused.status, 125);
    assert!(refused.stderr.starts_with("porthole: "), "{}", refused.stderr);
    assert_eq!(refused.stderr.lines().count(), 2, "a sentence and a hint: {}", refused.stderr);
}

#[test]
fn without_an_agent_the_person_is_told_how_to_start_one() {
    let outcome = std::process::Command::new(crate::support::PORTHOLE)
        .args(["--agent", "127.0.0.1:1", "run", "busybox"])
        .output()
        .unwrap();
    assert_eq!(outcome.status.code(), Some(125));
    let told = String::from_utf8(outcome.stderr).unwrap();
    assert!(told.contains("No agent answers at 127.0.0.1:1"), "{told}");
    assert!(told.contains("porthole serve"), "{told}");
}

#[test]
fn the_process_starts_as_it_was_asked_for() {
    let agent = Agent::start();
    let script = "echo $A $HOME; pwd; id -u; hostname; test -w / || echo read-only";
    let out = agent.ok(&[
        "run",
        "--rm",
        "-e",
        "A=1 2",
        "-w",
        "/tmp",
        "-u",
        "guest",
        "--hostname",
        "box",
        "--read-only",
        "busybox",
        "sh",
        "-c",
        script,
    ]);
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines, ["1 2 /tmp", "/tmp", "1000", "box", "read-only"]);
}

#[test]
fn limits_and_capabilities_reach_the_kernel() {
    let agent = Agent::start();
    agent.ok(&[
        "run",
        "-d",
        "--name",
        "small",
        "--memory",
        "64m",
        "--cpus",
        "0.5",
        "--pids",
        "20",
        "--cap-drop",
        "ALL",
        "busybox",
        "sleep",
        "60",
    ]);
    let detail: serde_json::Value = serde_json::from_str(&agent.ok(&["inspect", "small"])).unwrap();
    let limits = &detail[0]["limits"];
    assert_eq!(
        (&limits["memory_bytes"], &limits["cpu_millis"], &limits["pids"]),
        (&(64 << 20).into(), &500.into(), &20.into())
    );
    let status = agent.ok(&["exec", "small", "cat", "/proc/self/status"]);
    assert!(status.contains("CapBnd:\t0000000000000000"), "{status}");
}

#[test]
fn who_uses_up_the_memory_is_killed_and_told_so() {
    let agent = Agent::start();
    let outcome = agent.porthole(&["run", "--rm", "--memory", "16m", "busybox", "tail", "/dev/zero"]);
    assert_eq!(outcome.status, 137);
    assert!(outcome.stderr.contains("memory was used up"), "{}", outcome.stderr);
}

#[test]
fn signals_go_to_the_process_inside() {
    let agent = Agent::start();
    for (signal, status) in [(Signal::TERM, 9), (Signal::INT, 8)] {
        let script = "trap 'exit 9' TERM; trap 'exit 8' INT; echo ready; while :; do sleep 0.05; done";
        let mut child = agent.spawn(&["run", "--rm", "busybox", "sh", "-c", script]);
        read_until(child.stdout.as_mut().unwrap(), "ready\n");
        send(&child, signal);
        assert_eq!(child.wait().unwrap().code(), Some(status), "{signal:?}");
    }
}

#[test]
fn exec_joins_the_container_and_has_a_status_of_its_own() {
    let agent = Agent::start();
    let id = agent.ok(&["run", "-d", "--name", "host", "busybox", "sleep", "60"]);
    assert_eq!(agent.ok(&["exec", "host", "hostname"]), id, "the host name is the container's id");
    assert_eq!(agent.porthole(&["exec", &id[..6], "sh", "-c", "exit 3"]).status, 3);
    assert_eq!(agent.porthole(&["exec", "host", "no-such-command"]).status, 127);
    assert_eq!(agent.porthole(&["exec", "nobody", "true"]).status, 125);
    assert_eq!(agent.ok_with_input(&["exec", "-i", "host", "cat"], b"hello\n"), "hello\n");
}

#[test]
fn a_detached_container_can_be_attached_to() {
    let agent = Agent::start();
    agent.ok(&["run", "-d", "-i", "--name", "echoing", "busybox", "sh", "-c", "read x; echo got $x; exit 4"]);
    let mut child = agent.spawn(&["attach", "echoing"]);
    std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"hello\n").unwrap();
    let mut out = String::new();
    child.stdout.as_mut().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!((out.as_str(), child.wait().unwrap().code()), ("got hello\n", Some(4)));
}
