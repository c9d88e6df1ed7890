//! Everything of something: the container gets what it may have, and nobody else loses it.

use std::fs;
use std::time::Duration;

use porthole_protocol::control::ClientMessage;
use porthole_protocol::spec::LaunchSpec;

use crate::case::{Case, Play, Verdict, verdict};
use crate::stage::Stage;

/// Memory of a container that is to run out of it, in bytes.
const LITTLE: u64 = 48 << 20;

/// What the agent may grow by while a container floods it, in KiB: some mebibytes of each stream are kept.
const AGENT_MAY_GROW: u64 = 64 << 10;

pub fn cases() -> Vec<Case> {
    vec![
        Case::course("a fork bomb", forks),
        Case::course("all inotify instances taken", inotify),
        Case::course("memory: a bomb of the heap", heap).heavy(),
        Case::course("memory: files in memory (memfd)", memfd).heavy(),
        Case::course("memory: /dev/shm", shm).heavy(),
        Case::course("memory: pipes", pipes).heavy(),
        Case::course("memory: epoll, event, timer and socket descriptors", files).heavy(),
        Case::course("memory: names that are not there", names).heavy(),
        Case::script("message queues", QUEUES).heavy(),
        Case::course("a flood of output that nobody reads", flood).heavy(),
    ]
}

const QUEUES: &str = r#"
i=0; while (: >/dev/mqueue/q$i) 2>/dev/null && [ $i -lt 5000 ]; do i=$((i+1)); done
[ $i -lt 5000 ] || escaped $i queues
contained $i queues, and no more
"#;

fn forks(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let mut spec = stage.spec(&["probe", "attempt", "forks"]);
        spec.limits.pids = Some(64);
        let before = running();
        let bomb = stage.client.launch(spec).await;
        stage.client.expect(&bomb, "taken").await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let more = running() - before;
        // Others start meanwhile.
        let spec = stage.spec(&["echo", "others start"]);
        let other = stage.run(spec).await;
        stage.remove(&bomb.container).await;
        if more < 32 {
            return Verdict::Unclear(format!("{more} processes seen on the host, where 64 may be"));
        }
        verdict(
            more <= 64 && other.is_ok_and(|ended| ended.said.contains("others start")),
            format!("{more} processes where 64 may be, others start, all gone when removed"),
            format!("{more} processes where 64 may be"),
        )
    })
}

/// Processes of the whole host.
fn running() -> usize {
    let names = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_str().is_some_and(|name| name.parse::<u32>().is_ok())).count()
}

/// Takes all, and while it is held another container and the host ask for one.
fn inotify(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let spec = stage.spec(&["probe", "attempt", "inotify"]);
        let taker = stage.client.launch(spec).await;
        stage.client.expect(&taker, "taken").await;
        let host =
            std::process::Command::new(crate::stage::probe()).args(["attempt", "inotify"]).output().unwrap();
        let spec = stage.spec(&["probe", "attempt", "inotify"]);
        let other = stage.run(spec).await;
        stage.client.exit(&taker).await;
        let count =
            |text: &str| text.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        let host = count(&String::from_utf8_lossy(&host.stdout));
        let other = other.map_or(0, |ended| count(&ended.said));
        let taken = count(&stage.client.text(taker.channel()));
        verdict(
            host > 0 && other > 0,
            format!("{taken} taken, another container still gets {other}, the host's root {host}"),
            format!("{taken} taken, another container gets {other}, the host's root {host}"),
        )
    })
}

/// A container with little memory makes the attempt: it ends by the OOM killer or at a limit.
async fn memory(stage: &mut Stage, command: &[&str]) -> Verdict {
    let mut spec = stage.spec(command);
    spec.limits.memory_bytes = Some(LITTLE);
    let ended = match stage.run(spec).await {
        Ok(ended) => ended,
        Err(refused) => return Verdict::Unclear(refused),
    };
    match Verdict::of(&ended.said) {
        Verdict::Unclear(_) if ended.exit.out_of_memory => {
            Verdict::Contained("ended by the kernel at the container's own limit".into())
        }
        other => other,
    }
}

fn heap(stage: &mut Stage) -> Play<'_> {
    Box::pin(memory(stage, &["tail", "/dev/zero"]))
}

fn memfd(stage: &mut Stage) -> Play<'_> {
    Box::pin(memory(stage, &["probe", "attempt", "memfd"]))
}

fn shm(stage: &mut Stage) -> Play<'_> {
    const FILL: &str = "dd if=/dev/zero of=/dev/shm/bomb bs=1M count=4096 2>&1 | tail -1; \
                        echo contained $(($(stat -c %s /dev/shm/bomb) >> 20)) MiB, and no more";
    Box::pin(memory(stage, &["sh", "-c", FILL]))
}

fn pipes(stage: &mut Stage) -> Play<'_> {
    Box::pin(memory(stage, &["probe", "attempt", "pipes"]))
}

fn files(stage: &mut Stage) -> Play<'_> {
    Box::pin(memory(stage, &["probe", "attempt", "files"]))
}

fn names(stage: &mut Stage) -> Play<'_> {
    Box::pin(memory(stage, &["probe", "attempt", "names"]))
}

/// Nobody grants credit: the agent keeps what it keeps, and the program waits or is read on, but nothing piles up.
fn flood(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let before = resident(stage.agent.pid());
        let spec = LaunchSpec { ..stage.spec(&["sh", "-c", "yes flood & yes flood >&2"]) };
        let request = stage.client.request();
        stage.client.send(&ClientMessage::Launch { request, spec, credit: 1, typist: None }).await;
        stage.client.answer(request).await.expect("a launch");
        tokio::time::sleep(Duration::from_secs(4)).await;
        let grown = resident(stage.agent.pid()).saturating_sub(before);
        verdict(
            grown < AGENT_MAY_GROW,
            format!("the agent has grown by {grown} KiB"),
            format!("the agent has grown by {grown} KiB"),
        )
    })
}

/// `VmRSS`, in KiB.
fn resident(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
