//! Data through a container: streams apart, ends told, memory bounded.

use std::io::{Read, Write};
use std::process::Child;

use sha2::{Digest, Sha256};

use crate::support::{Agent, read_until};

#[test]
fn data_goes_in_and_comes_out() {
    let agent = Agent::start();
    assert_eq!(agent.ok_with_input(&["run", "-i", "--rm", "busybox", "cat"], b"hi\n"), "hi\n");
    assert_eq!(
        agent.ok_with_input(&["run", "--rm", "busybox", "cat"], b"hi\n"),
        "",
        "without -i there is no input"
    );
}

#[test]
fn output_and_errors_stay_apart() {
    let agent = Agent::start();
    let outcome = agent.porthole(&["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2"]);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("out\n", "err\n"));
}

#[test]
fn a_hundred_megabytes_pass_unchanged_in_bounded_memory() {
    const CHUNK: usize = 1 << 20;
    const CHUNKS: usize = 100;
    /// The program itself, a mebibyte under way each way, and buffers.
    const MAX_MEMORY_KB: u64 = 48 * 1024;
    let agent = Agent::start();
    let mut child = agent.spawn(&["run", "-i", "--rm", "busybox", "cat"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (sent, received) = std::thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let mut hash = Sha256::new();
            let mut chunk = vec![0u8; CHUNK];
            for round in 0..CHUNKS {
                for (place, byte) in chunk.iter_mut().enumerate() {
                    *byte = (place.wrapping_mul(31) ^ round.wrapping_mul(17) ^ (place >> 8)).to_le_bytes()[0];
                }
                hash.update(&chunk);
                stdin.write_all(&chunk).unwrap();
            }
            hash.finalize()
        });
        let mut hash = Sha256::new();
        let mut chunk = vec![0u8; CHUNK];
        for round in 0..CHUNKS {
            if round == CHUNKS / 2 {
                assert!(peak_memory_kb(&child) < MAX_MEMORY_KB);
            }
            stdout.read_exact(&mut chunk).unwrap();
            hash.update(&chunk);
        }
        (writer.join().unwrap(), hash.finalize())
    });
    assert_eq!(sent, received);
    assert_eq!(stdout.read(&mut [0]).unwrap(), 0, "nothing follows");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

fn peak_memory_kb(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_program_whose_output_nobody_reads_ends_quietly() {
    let agent = Agent::start();
    let mut child = agent.spawn(&["run", "--rm", "busybox", "yes"]);
    let mut stdout = child.stdout.take().unwrap();
    read_until(&mut stdout, "y\ny\n");
    drop(stdout);
    let outcome = child.wait_with_output().unwrap();
    assert_eq!(outcome.status.code(), Some(141), "as a shell says of SIGPIPE");
    assert_eq!(String::from_utf8_lossy(&outcome.stderr), "");
    assert_eq!(agent.ok(&["ps", "-q"]), "", "nothing runs on for nobody");
}

#[test]
fn logs_keep_what_was_written_and_follow_to_the_end() {
    let agent = Agent::start();
    let script = "echo one; echo two >&2; read x; echo $x";
    agent.ok(&["run", "-d", "-i", "--name", "writer", "busybox", "sh", "-c", script]);
    let mut following = agent.spawn(&["logs", "-f", "writer"]);
    let mut stdout = following.stdout.take().unwrap();
    read_until(&mut stdout, "one\n");
    let outcome = agent.porthole(&["logs", "writer"]);
    assert_eq!((outcome.stdout.as_str(), outcome.stderr.as_str()), ("one\n", "two\n"));
    agent.porthole_with_input(&["attach", "writer"], b"three\n");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "three\n");
    assert_eq!(following.wait().unwrap().code(), Some(0));
}
