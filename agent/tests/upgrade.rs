//! A newer build takes over from an older one in the middle of output and of input: containers, terminals and what is under way
//! stay as they are, as long as both speak of the same things (`WIRE`).
//!
//! `PORTHOLE_OTHER_BUILD` is the program that comes after this one, as `cargo xtask test --long --only upgrade` sets it: the build
//! for releases, by another profile of the compiler. Without it, it is this one in another file.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use porthole_protocol::http::ContainerSummary;
use porthole_protocol::spec::LaunchSpec;
use sha2::{Digest, Sha256};
use support::{Agent, Client, a_typist, possible, run, terminal};

/// Lines that are printed: less than is kept, because a program runs on while the agent is back and its client is not.
const LINES: usize = 1_600_000;

/// This build, and the one that comes after it.
fn builds() -> [PathBuf; 2] {
    let own = PathBuf::from(env!("CARGO_BIN_EXE_porthole"));
    let other = std::env::var_os("PORTHOLE_OTHER_BUILD").map_or_else(|| own.clone(), PathBuf::from);
    [own, other]
}

fn sum(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Replaces the agent by that build; true when it is another file that runs now, and the launcher is still the same process.
fn replace(agent: &mut Agent, build: &Path) {
    let (before, launcher) = (program_of(agent.pid()), agent.launcher());
    agent.install(build);
    agent.kill_and_restart();
    let after = program_of(agent.pid());
    assert_ne!(before, after, "another file runs");
    assert_eq!(sum(&fs::read(format!("/proc/{}/exe", agent.pid())).unwrap()), sum(&fs::read(build).unwrap()));
    assert!(launcher.is_some() && agent.launcher() == launcher, "the launcher lives on");
}

/// Device and number of the file that a process runs.
fn program_of(pid: u32) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let file = fs::metadata(format!("/proc/{pid}/exe")).unwrap();
    (file.dev(), file.ino())
}

#[tokio::test]
async fn a_build_that_takes_over_loses_no_byte_of_output_and_applies_each_of_input_once() {
    if !possible() {
        return;
    }
    let [own, other] = builds();
    let mut agent = Agent::start_installed(&own);
    let mut client = agent.connect().await;
    let flood = format!("read go; seq -w 1 {LINES}; exit 3");
    let mut prints = client.launch(LaunchSpec { process: terminal(&["sh", "-c", &flood]), ..run(&[]) }).await;
    let text: Vec<u8> = (0..1_000_000u32).flat_map(|n| format!("{n:06}\n").into_bytes()).collect();
    let mut reads = run(&["sha256sum"]);
    reads.process.stdin = true;
    let typist = a_typist();
    client.typist = Some(typist);
    let mut reads = client.launch(reads).await;
    client.type_bytes(&prints, b"\n").await;
    let mut all = Vec::new();
    for (turn, build) in (1..).zip([&other, &own, &other]) {
        client.paste(&reads, &text, turn * text.len() / 4).await;
        let enough = turn * LINES;
        let channel = prints.channel();
        let come = |client: &Client| client.output.get(&channel).map_or(0, Vec::len);
        client.until(|client| all.len() + come(client) > enough).await;
        let next = client.offset(&prints);
        all.extend(client.output.remove(&channel).unwrap());
        replace(&mut agent, build);
        client = agent.connect().await;
        client.typist = Some(typist);
        prints = client.try_attach(&prints.container, 0, Some(next)).await.unwrap();
        assert_eq!(prints.channels[0].offset, next, "everything is kept");
        reads = client.try_attach(&reads.container, 0, Some(0)).await.unwrap();
    }
    client.paste(&reads, &text, text.len()).await;
    client.send(&porthole_protocol::control::ClientMessage::CloseInput { channel: reads.channel() }).await;
    assert_eq!(client.exit(&reads).await.code, 0);
    assert!(client.text(reads.channel()).contains(&sum(&text)), "{}", client.text(reads.channel()));

    assert_eq!(client.exit(&prints).await.code, 3);
    all.extend(client.output.remove(&prints.channel()).unwrap_or_default());
    let printed = String::from_utf8(all).unwrap().replace('\r', "");
    let printed = printed.trim_start();
    assert!(printed.lines().map(str::parse).eq((1..=LINES).map(Ok)), "every line once");
    let left: Vec<ContainerSummary> = agent.get("/containers").await;
    assert_eq!(left.len(), 2);
    // What the newer build starts, by the launcher of the older one.
    client.typist = None;
    let ended = client.launch(run(&["sh", "-c", "echo new; exit 5"])).await;
    assert_eq!((client.exit(&ended).await.code, client.text(ended.channel()).as_str()), (5, "new\n"));
}
