//! What a container leaves in the kernel's memory and in its log, and what the host's side does with its files.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use porthole_protocol::spec::{LaunchSpec, ProcessSpec};
use serde_json::json;

use crate::case::{Case, Play, Verdict, verdict};
use crate::stage::{Stage, file, pipe};

/// What is taken of memory that outlives a process, in MiB; and by how much the host's own may have grown meanwhile.
const TAKEN: u64 = 192;
const NOISE: u64 = 64;

/// For the kernel to give memory back, and for one job on files: far above what either takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Lines that a crash of each of a hundred programs may leave in the kernel's log: it says so itself only so often.
const LINES: usize = 60;

pub fn cases() -> Vec<Case> {
    vec![
        Case::course("CVE-2019-14271: libraries of the container, loaded by who copies its files", copying),
        Case::course("a flood of the kernel's log and console", log),
    ]
}

/// Those that take much of something.
pub fn heavy_cases() -> Vec<Case> {
    vec![
        Case::course("memory: System V segments, and whether they are given back", segments).heavy(),
        Case::course("memory: files of /dev/shm and /tmp, and whether they are given back", files).heavy(),
    ]
}

/// Whoever looks up a name or links dynamically with the container as its root opens one of these. Each is a pipe that nobody
/// writes to: they would wait for ever.
const TRAPS: [&str; 12] = [
    "etc/ld.so.preload",
    "etc/ld.so.cache",
    "etc/nsswitch.conf",
    "etc/host.conf",
    "etc/localtime",
    "lib/libnss_files.so.2",
    "lib64/libnss_files.so.2",
    "lib/x86_64-linux-gnu/libnss_files.so.2",
    "lib/x86_64-linux-gnu/libnss_compat.so.2",
    "lib/x86_64-linux-gnu/libc.so.6",
    "usr/lib/x86_64-linux-gnu/libnss_files.so.2",
    "usr/lib/x86_64-linux-gnu/gconv/gconv-modules",
];

/// Everything that is done with files of a container from outside, and a user of its own by name.
fn copying(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let status = stage
            .image("traps", &json!({ "Cmd": ["sh"] }), |archive| {
                file(archive, "etc/passwd", 0o644, b"root:x:0:0::/:/bin/sh\nbob:x:77:77::/:/bin/sh\n");
                TRAPS.iter().for_each(|name| pipe(archive, name));
            })
            .await;
        if status != 200 {
            return Verdict::Unclear(format!("the image is refused with {status}"));
        }
        // No shell, which would look up its own user.
        let spec = LaunchSpec { image: "traps".into(), ..stage.spec(&["sleep", "10000"]) };
        let id = stage.client.launch(spec).await.container;
        let body = r#"{"name":"copied"}"#.as_bytes();
        let requests: [(&str, &str, &[u8]); 7] = [
            ("GET", "tree?path=/etc", b""),
            ("GET", "file?path=/etc/passwd", b""),
            ("PUT", "file?path=/tmp/put&name=x", b"put"),
            ("GET", "archive?path=/lib", b""),
            ("GET", "changes", b""),
            ("GET", "export", b""),
            ("POST", "commit", body),
        ];
        let mut answers = Vec::new();
        for (method, rest, body) in requests {
            let path = format!("/api/v1/containers/{id}/{rest}");
            let request = stage.agent.request(method, &path, &[("content-type", "application/json")], body);
            match tokio::time::timeout(PATIENCE, request).await {
                Ok(answer) => answers.push(format!("{} {}", rest.split('?').next().unwrap(), answer.status)),
                Err(_) => return Verdict::Escaped(format!("{rest} waits for a file of the container's")),
            }
        }
        let command = ["id", "-u"].map(str::to_owned).to_vec();
        let by_name = ProcessSpec { command, user: Some("bob".into()), ..ProcessSpec::default() };
        match stage.exec_as(&id, by_name).await {
            Ok(ended) if ended.said.trim() == "77" => Verdict::Contained(format!(
                "no library of it is opened: {}, a user by name",
                answers.join(", ")
            )),
            other => Verdict::Unclear(format!("the user is {other:?}")),
        }
    })
}

/// A hundred crashes, and all that is written to devices and files of the kernel's log.
fn log(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let before = kernel_log();
        let flood = stage.spec(&["probe", "attempt", "log"]);
        let said = match stage.run(flood).await {
            Ok(ended) => Verdict::of(&ended.said),
            Err(refused) => return Verdict::Unclear(refused),
        };
        let Verdict::Contained(said) = said else { return said };
        let after = kernel_log();
        let last = before.last().map_or("", String::as_str);
        let new = after.iter().rposition(|line| line == last).map_or(after.len(), |at| after.len() - at - 1);
        let planted = after.iter().filter(|line| line.contains("porthole-planted")).count();
        verdict(
            planted == 0 && new <= LINES,
            format!("{said}; {new} lines of the kernel's own for 100 crashes"),
            format!("{planted} lines planted, {new} new ones"),
        )
    })
}

fn kernel_log() -> Vec<String> {
    let log = Command::new("dmesg").output().unwrap().stdout;
    String::from_utf8_lossy(&log).lines().map(str::to_owned).collect()
}

fn segments(stage: &mut Stage) -> Play<'_> {
    Box::pin(taken_and_given_back(stage, "probe attempt segments"))
}

fn files(stage: &mut Stage) -> Play<'_> {
    const FILL: &str = "for dir in /dev/shm /tmp; do dd if=/dev/zero of=$dir/left bs=1M count=96 2>/dev/null; done; \
                        echo taken $(($(stat -c %s /dev/shm/left) + $(stat -c %s /tmp/left) >> 20)); sleep 3; \
                        echo contained $(($(stat -c %s /dev/shm/left) >> 20)) MiB of shared memory";
    Box::pin(taken_and_given_back(stage, FILL))
}

/// Memory that no process has any more is counted as the container's, and the host has it back when that is gone.
async fn taken_and_given_back(stage: &mut Stage, script: &str) -> Verdict {
    let mut spec = stage.spec(&["sh", "-c", script]);
    spec.limits.memory_bytes = Some((TAKEN + 128) << 20);
    spec.limits.shm_bytes = Some(96 << 20);
    let before = shared();
    let taker = match stage.client.try_launch(spec).await {
        Ok((_, taker)) => taker,
        Err(error) => return Verdict::Unclear(error.message),
    };
    stage.client.expect(&taker, "taken").await;
    let held = shared();
    let view: porthole_protocol::kernel::KernelView =
        stage.agent.get(&format!("/containers/{}/kernel", taker.container)).await;
    let counted =
        view.cgroup.iter().find(|value| value.resource == "memory").map_or(0, |value| value.usage >> 20);
    let exit = stage.client.exit(&taker).await;
    let said = Verdict::of(&stage.all_of(&taker));
    let Verdict::Contained(said) = said else {
        return Verdict::Unclear(format!("status {}, {said:?}", exit.code));
    };
    stage.remove(&taker.container).await;
    let begun = Instant::now();
    while shared() > before + NOISE {
        if begun.elapsed() > PATIENCE {
            return Verdict::Escaped(format!("{said}, and the host has {} MiB less", shared() - before));
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let grown = held.saturating_sub(before);
    verdict(
        counted >= grown.saturating_sub(NOISE),
        format!("{said}, {counted} MiB counted as the container's, given back at its end"),
        format!("{said}, {counted} MiB counted, {grown} taken of the host"),
    )
}

/// Memory of the whole host in files and segments that are in memory alone, in MiB.
fn shared() -> u64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find(|line| line.starts_with("Shmem:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() >> 10
}
