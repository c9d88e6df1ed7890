//! Terminals that lose no byte, whatever becomes of the agent and of its clients.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use porthole_protocol::control::{ClientMessage, ServerMessage};
use porthole_protocol::http::{ContainerDetail, ContainerState};
use porthole_protocol::ids::{Channel, ContainerId};
use porthole_protocol::limits::LOG_BYTES;
use porthole_protocol::spec::LaunchSpec;
use sha2::{Digest, Sha256};
use support::{Agent, Client, a_typist, possible, run, shell, terminal};

/// Lines that are printed where nothing may be missing: less than is kept, because a program runs on while the agent is back and
/// its client is not.
const LINES: usize = 1_600_000;

fn on_terminal(command: &[&str]) -> LaunchSpec {
    LaunchSpec { process: terminal(command), ..run(&[]) }
}

/// Whether this is among the last things that came on a channel.
fn ends_with(client: &Client, channel: Channel, text: &str) -> bool {
    let all = client.output.get(&channel).map_or(&[][..], Vec::as_slice);
    String::from_utf8_lossy(&all[all.len().saturating_sub(1000)..]).contains(text)
}

#[tokio::test]
async fn an_agent_that_is_killed_in_the_middle_of_a_flood_loses_no_byte_of_it() {
    if !possible() {
        return;
    }
    let mut agent = Agent::start();
    let flood = format!("seq -w 1 {LINES}");
    for spec in [on_terminal(&["sh", "-c", &flood]), run(&["sh", "-c", &flood])] {
        let mut client = agent.connect().await;
        let mut process = client.launch(spec).await;
        let mut all = Vec::new();
        for kill in 1..=3 {
            let enough = kill * LINES;
            let channel = process.channel();
            let come = |client: &Client| client.output.get(&channel).map_or(0, Vec::len);
            client.until(|client| all.len() + come(client) > enough).await;
            let next = client.offset(&process);
            all.extend(client.output.remove(&process.channel()).unwrap());
            agent.kill_and_restart();
            client = agent.connect().await;
            process = client.try_attach(&process.container, 0, Some(next)).await.unwrap();
            assert_eq!(process.channels[0].offset, next, "everything is kept");
        }
        assert_eq!(client.exit(&process).await.code, 0);
        all.extend(client.output.remove(&process.channel()).unwrap_or_default());
        let text = String::from_utf8(all).unwrap().replace('\r', "");
        let mut expected = 0;
        for line in text.lines() {
            expected += 1;
            assert_eq!(line.parse(), Ok(expected));
        }
        assert_eq!(expected, LINES);
    }
}

#[tokio::test]
async fn an_agent_that_is_killed_in_the_middle_of_a_paste_applies_each_byte_of_it_once() {
    if !possible() {
        return;
    }
    let mut agent = Agent::start();
    let text: Vec<u8> = (0..1_500_000u32).flat_map(|n| format!("{n:06}\n").into_bytes()).collect();
    let sum: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut piped = run(&["sha256sum"]);
    piped.process.stdin = true;
    let raw = format!("stty raw -echo; echo ready; head -c {} | sha256sum", text.len());
    for spec in [piped, on_terminal(&["sh", "-c", &raw])] {
        let (on_pipes, typist) = (spec.process.terminal.is_none(), a_typist());
        let mut client = agent.connect().await;
        client.typist = Some(typist);
        let mut process = client.launch(spec).await;
        if !on_pipes {
            client.expect(&process, "ready").await;
        }
        for kill in 1..=3 {
            client.paste(&process, &text, kill * text.len() / 4).await;
            agent.kill_and_restart();
            client = agent.connect().await;
            client.typist = Some(typist);
            process = client.try_attach(&process.container, 0, Some(0)).await.unwrap();
        }
        client.paste(&process, &text, text.len()).await;
        if on_pipes {
            client.send(&ClientMessage::CloseInput { channel: process.channel() }).await;
        }
        assert_eq!(client.exit(&process).await.code, 0);
        assert!(client.text(process.channel()).contains(&sum), "{}", client.text(process.channel()));
    }
}

#[tokio::test]
async fn an_end_of_input_comes_after_all_input_also_when_the_agent_is_killed_between() {
    if !possible() {
        return;
    }
    let mut agent = Agent::start();
    let mut client = agent.connect().await;
    // It reads nothing until it is told to.
    let mut spec = run(&["sh", "-c", "until [ -e /go ]; do sleep 0.1; done; wc -c"]);
    spec.process.stdin = true;
    client.typist = Some(a_typist());
    let process = client.launch(spec).await;
    client.type_bytes(&process, &[b'x'; 60_000]).await;
    client.send(&ClientMessage::CloseInput { channel: process.channel() }).await;
    client.until(|client| client.credit.get(&process.channel()).is_some_and(|bytes| *bytes == 60_000)).await;
    agent.kill_and_restart();
    let mut client = agent.connect().await;
    let go = client.exec(&process.container, support::terminal(&["touch", "/go"])).await;
    client.exit(&go).await;
    let process = client.try_attach(&process.container, 0, None).await.unwrap();
    assert_eq!(client.exit(&process).await.code, 0);
    assert_eq!(client.text(process.channel()).trim(), "60000");
}

#[tokio::test]
async fn who_asks_for_output_that_is_gone_gets_the_screen() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let process = client
        .launch(on_terminal(&["sh", "-c", "seq 3000000; printf 'last\\nwords'; exec sleep 1000"]))
        .await;
    let channel = process.channel();
    client.until(|client| ends_with(client, channel, "last\r\nwords")).await;
    let end = client.offset(&process);
    assert!(end > LOG_BYTES);
    let mut late = agent.connect().await;
    let again = late.try_attach(&process.container, 0, Some(5)).await.unwrap();
    late.until(|late| late.screens.contains_key(&again.channel())).await;
    let (offset, size, screen) = late.screens[&again.channel()].clone();
    assert_eq!((offset, again.channels[0].offset), (end, end));
    assert_eq!((size.rows, size.cols), (24, 80));
    assert!(screen.contains("2999998") && screen.contains("last") && screen.contains("words"), "{screen:?}");
}

#[tokio::test]
async fn what_ended_before_the_agent_was_killed_can_be_read_after() {
    if !possible() {
        return;
    }
    let mut agent = Agent::start();
    let mut client = agent.connect().await;
    let first = client.launch(run(&["sh", "-c", "echo first; echo oops >&2; exit 5"])).await;
    client.exit(&first).await;
    let shell = client.launch(shell()).await;
    let second = client.exec(&shell.container, terminal(&["echo", "second"])).await;
    client.exit(&second).await;
    agent.kill_and_restart();
    let mut client = agent.connect().await;
    let again = client.try_attach(&first.container, 0, None).await.unwrap();
    assert_eq!(client.exit(&again).await.code, 5);
    assert_eq!(
        (client.text(again.channel()), client.text(again.stderr())),
        ("first\n".into(), "oops\n".into())
    );
    let again = client.try_attach(&shell.container, second.process, None).await.unwrap();
    assert_eq!(client.exit(&again).await.code, 0);
    assert_eq!(client.text(again.channel()), "second\r\n");
    let detail: ContainerDetail = agent.get(&format!("/containers/{}", shell.container)).await;
    assert_eq!(detail.summary.processes.len(), 2, "{detail:?}");
    // And with the container goes what was kept.
    let request = client.request();
    let container = first.container.clone();
    let logs = agent.state().join("agent/logs").join(container.as_str());
    assert!(logs.exists());
    client.send(&ClientMessage::Remove { request, container, force: false }).await;
    client.answer(request).await.unwrap();
    client.until(|client| client.containers.len() == 1).await;
    agent.kill_and_restart();
    let client = agent.connect().await;
    drop(client);
    becomes_gone(&logs).await;
}

/// Waits for a deletion that nobody is told of.
async fn becomes_gone(path: &Path) {
    for _ in 0..500 {
        if !path.exists() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("{} is still there", path.display());
}

#[tokio::test]
async fn what_a_client_asked_for_is_not_done_twice_because_it_asks_again() {
    if !possible() {
        return;
    }
    let mut agent = Agent::start();
    let mut client = agent.connect().await;
    client.typist = Some(a_typist());
    let shell = client.launch(shell()).await;
    let second = a_typist();
    let mut started: Option<(ContainerId, u32)> = None;
    for kill in [false, true] {
        if kill {
            agent.kill_and_restart();
        }
        let mut again = agent.connect().await;
        again.typist = client.typist;
        assert_eq!(again.launch(support::shell()).await.container, shell.container);
        again.typist = Some(second);
        let exec = again.exec(&shell.container, terminal(&["sh", "-c", "exit 3"])).await;
        again.exit(&exec).await;
        let exec = (exec.container, exec.process);
        assert_eq!(*started.get_or_insert(exec.clone()), exec);
        again.until(|client| client.containers.len() == 1).await;
    }
    // Two sockets that ask at once.
    let (mut one, mut other) = (agent.connect().await, agent.connect().await);
    one.typist = Some(a_typist());
    other.typist = one.typist;
    let (one, other) =
        tokio::join!(one.launch(run(&["sleep", "1000"])), other.launch(run(&["sleep", "1000"])));
    assert_eq!(one.container, other.container);
}

#[tokio::test]
async fn ctrl_c_ends_a_flood_at_once() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let shell = client.launch(shell()).await;
    client.type_line(&shell, "yes").await;
    client.expect(&shell, "y\r\ny\r\ny\r\n").await;
    client.type_bytes(&shell, &[3]).await;
    client.type_line(&shell, "echo status $?").await;
    client.expect(&shell, "status 130").await;
}

/// A file system of a few hundred kibibytes, as long as this is held.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, owner: u32) -> Self {
        let options = format!("size=400k,mode=700,uid={owner}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).status();
        assert!(mounted.unwrap().success());
        Self(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_disk_stops_no_terminal() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let logs = agent.state().join("agent/logs");
    std::fs::create_dir_all(&logs).unwrap();
    let owner = std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(agent.state().join("agent")).unwrap());
    let _small = SmallDisk::mount(&logs, owner);
    let mut client = agent.connect().await;
    let process = client.launch(on_terminal(&["sh", "-c", "seq -w 1 300000; exec sh"])).await;
    let channel = process.channel();
    client.until(|client| ends_with(client, channel, "300000\r\n")).await;
    let text = client.text(process.channel()).replace('\r', "");
    let numbers = text.lines().filter_map(|line| line.parse::<usize>().ok());
    assert!(numbers.eq(1..=300_000), "what there is no room for on the disk is shown all the same");
    client.type_line(&process, "echo still-$((40 + 2))").await;
    client.expect(&process, "still-42").await;
    drop(client);
    let mut late = agent.connect().await;
    let again = late.try_attach(&process.container, 0, Some(0)).await.unwrap();
    late.until(|late| late.screens.contains_key(&again.channel())).await;
    assert!(late.screens[&again.channel()].2.contains("still-42"));
}

#[tokio::test]
async fn a_container_that_ends_while_there_is_no_agent_is_found_ended_with_its_last_words() {
    if !possible() {
        return;
    }
    let mut agent = Agent::start();
    let mut client = agent.connect().await;
    let gate =
        client.launch(on_terminal(&["sh", "-c", "echo ready; sleep 0.2; echo last words; exit 6"])).await;
    client.expect(&gate, "ready").await;
    agent.kill_and_restart();
    let mut client = agent.connect().await;
    let again = client.try_attach(&gate.container, 0, Some(0)).await.unwrap();
    assert_eq!(client.exit(&again).await.code, 6);
    assert_eq!(client.text(again.channel()), "ready\r\nlast words\r\n");
    client
        .until(|client| matches!(client.containers[0].state, ContainerState::Exited(exit) if exit.code == 6))
        .await;
    let request = client.request();
    client.send(&ClientMessage::Remove { request, container: gate.container.clone(), force: false }).await;
    assert_eq!(client.answer(request).await, Ok(ServerMessage::Done { request }));
}
