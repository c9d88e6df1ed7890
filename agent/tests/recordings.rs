//! Recordings of real terminals: whole, shown, downloaded as asciicast, and there when their container is not.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

mod support;

use std::time::Duration;

use porthole_protocol::control::ClientMessage;
use porthole_protocol::error::WireError;
use porthole_protocol::limits::{LOG_BYTES, RECORDING_BYTES};
use porthole_protocol::recording::Recording;
use serde_json::Value;
use support::visitor::Visitor;
use support::{Agent, Client, Terminal, possible, run, shell};

async fn record(client: &mut Client, terminal: &Terminal, on: bool) -> Result<(), WireError> {
    let request = client.request();
    let container = terminal.container.clone();
    client.send(&ClientMessage::Record { request, container, process: terminal.process, on }).await;
    client.answer(request).await.map(drop)
}

/// What a list says is being recorded of the container's first process.
fn shown(client: &Client, terminal: &Terminal) -> Option<String> {
    let line = client.containers.iter().find(|line| line.id == terminal.container)?;
    line.processes[0].recording.clone()
}

/// A recording as lines of JSON.
fn lines(cast: &[u8]) -> Vec<Value> {
    std::str::from_utf8(cast).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// All that was printed in it.
fn printed(lines: &[Value]) -> String {
    let output = lines[1..].iter().filter(|event| event[1] == "o");
    output.map(|event| event[2].as_str().unwrap()).collect()
}

async fn the_only_one(agent: &Agent) -> Recording {
    let list: Vec<Recording> = agent.get("/recordings").await;
    assert_eq!(list.len(), 1, "{list:?}");
    list[0].clone()
}

#[tokio::test]
async fn what_is_recorded_is_shown_and_played_as_it_was_printed() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let shell = client.launch(shell()).await;
    client.type_line(&shell, "echo before $((20 + 1))").await;
    client.expect(&shell, "before 21\r\n").await;
    client.type_line(&shell, r#"clear; printf "\033[31mon the $((1 + 0))st screen\n""#).await;
    client.expect(&shell, "on the 1st screen\r\n").await;
    record(&mut client, &shell, true).await.unwrap();
    client.until(|client| shown(client, &shell).is_some()).await;
    client.type_line(&shell, "echo während $((40 + 2))").await;
    client.expect(&shell, "während 42\r\n").await;
    client.resize(&shell, 50, 132).await;
    client.type_line(&shell, "until stty size | grep '50 132'; do sleep 0.1; done").await;
    client.expect(&shell, "\n50 132\r\n").await;
    let live = the_only_one(&agent).await;
    assert_eq!(Some(&live.id), shown(&client, &shell).as_ref());
    assert!(live.ended_ms.is_none() && live.bytes > 0 && live.command == ["sh"]);
    // It can be had while it goes on.
    let cast = lines(&agent.get_bytes(&format!("/recordings/{}", live.id)).await);
    assert!(printed(&cast).contains("während 42\r\n"));
    record(&mut client, &shell, false).await.unwrap();
    client.until(|client| shown(client, &shell).is_none()).await;
    client.type_line(&shell, "echo after $((60 + 3))").await;
    client.expect(&shell, "after 63\r\n").await;

    let ended = the_only_one(&agent).await;
    assert!(ended.ended_ms.is_some() && !ended.full);
    let v2 = lines(&agent.get_bytes(&format!("/recordings/{}", ended.id)).await);
    assert_eq!((&v2[0]["version"], &v2[0]["width"], &v2[0]["height"]), (&2.into(), &80.into(), &24.into()));
    let text = printed(&v2);
    // It begins with what was to be seen then, in its colour, and not with what had been wiped.
    let opening = v2[1][2].as_str().unwrap();
    assert!(opening.contains("on the 1st screen") && opening.contains("\x1b[31m"), "{opening}");
    assert!(v2[1][0].as_f64().unwrap() < 0.001, "{}", v2[1]);
    assert!(text.contains("während 42\r\n") && !text.contains("before") && !text.contains("after"), "{text}");
    assert!(v2[1..].iter().any(|event| event[1] == "r" && event[2] == "132x50"));
    let times: Vec<f64> = v2[1..].iter().map(|event| event[0].as_f64().unwrap()).collect();
    assert!(times.is_sorted() && times[0] >= 0.0, "{times:?}");
    let v3 = lines(&agent.get_bytes(&format!("/recordings/{}?format=asciicast-v3", ended.id)).await);
    assert_eq!((&v3[0]["version"], &v3[0]["term"]["cols"]), (&3.into(), &80.into()));
    assert_eq!(printed(&v3), text);
    let last: f64 = v3[1..].iter().map(|event| event[0].as_f64().unwrap()).sum();
    assert!((last - times[times.len() - 1]).abs() < 0.0005, "{last}");
}

#[tokio::test]
async fn nothing_is_dropped_while_it_is_recorded() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let shell = client.launch(shell()).await;
    record(&mut client, &shell, true).await.unwrap();
    // More than a log keeps otherwise.
    client.type_line(&shell, "seq 3000000; exit").await;
    client.exit(&shell).await;
    let recording = sealed(&agent).await;
    assert!(recording.bytes > LOG_BYTES && !recording.full, "{recording:?}");
    let cast = agent.get_bytes(&format!("/recordings/{}", recording.id)).await;
    let text = printed(&lines(&cast));
    assert_eq!(text.len() as u64, recording.bytes);
    let numbers = text.lines().filter_map(|line| line.parse::<u32>().ok());
    assert!(numbers.eq(1..=3_000_000), "every line once, in order");
}

#[tokio::test]
async fn a_recording_that_is_full_ends_there_and_the_program_goes_on() {
    if std::env::var_os("PORTHOLE_LONG").is_none() {
        return eprintln!(
            "SKIPPED: this test takes a minute; `cargo xtask test --long --only terminals` runs it"
        );
    }
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let shell = client.launch(shell()).await;
    client.expect(&shell, "# ").await;
    let begun = usize::try_from(client.offset(&shell)).unwrap();
    record(&mut client, &shell, true).await.unwrap();
    // A tenth more than fits.
    let lines_printed = RECORDING_BYTES / 10 * 11 / 10;
    client.type_line(&shell, &format!("seq -w 1 {lines_printed}; exit 7")).await;
    assert_eq!(client.exit(&shell).await.code, 7);
    let recording = sealed(&agent).await;
    assert!(recording.full && recording.bytes == RECORDING_BYTES, "{recording:?}");
    let cast = lines(&agent.get_bytes(&format!("/recordings/{}", recording.id)).await);
    assert_eq!(printed(&cast).len() as u64, RECORDING_BYTES);
    let all = client.output.remove(&shell.channel()).unwrap();
    // The first event is the screen.
    let text = printed(&cast[1..]);
    assert!(all[begun..].starts_with(text.as_bytes()), "it is what was printed");
}

/// The only recording, once it has ended.
async fn sealed(agent: &Agent) -> Recording {
    loop {
        let recording = the_only_one(agent).await;
        if recording.ended_ms.is_some() {
            return recording;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_recording_outlives_its_container_and_the_agent() {
    if !possible() {
        return;
    }
    let mut agent = Agent::start();
    let mut client = agent.connect().await;
    let shell = client.launch(shell()).await;
    record(&mut client, &shell, true).await.unwrap();
    client.type_line(&shell, "echo first $((1 + 1))").await;
    client.expect(&shell, "first 2\r\n").await;
    // The next agent goes on with it.
    agent.kill_and_restart();
    let mut client = agent.connect().await;
    client.until(|client| shown(client, &shell).is_some()).await;
    let again = client.try_attach(&shell.container, 0, None).await.unwrap();
    client.type_line(&again, "echo second $((2 + 2))").await;
    client.expect(&again, "second 4\r\n").await;
    let path = format!("/api/v1/containers/{}?force=true", shell.container);
    assert_eq!(agent.request("DELETE", &path, &[], b"").await.status, 204);
    let recording = sealed(&agent).await;
    let text = printed(&lines(&agent.get_bytes(&format!("/recordings/{}", recording.id)).await));
    assert!(text.contains("first 2\r\n") && text.contains("second 4\r\n"), "{text}");
    agent.kill_and_restart();
    assert_eq!(the_only_one(&agent).await, recording);
    let again = printed(&lines(&agent.get_bytes(&format!("/recordings/{}", recording.id)).await));
    assert_eq!(again, text);
    let path = format!("/api/v1/recordings/{}", recording.id);
    assert_eq!(agent.request("DELETE", &path, &[], b"").await.status, 204);
    assert_eq!(agent.request("GET", &path, &[], b"").await.code(), "no_such_recording");
    assert_eq!(std::fs::read_dir(agent.state().join("agent/recordings")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_visitors_recordings_are_his_own_and_end_with_his_session() {
    if !possible() {
        return;
    }
    let agent = Agent::start_configured("[visitors]\nenabled = true\nrecordings = 2\ncontainers = 9\n");
    let ann = Visitor::comes(&agent).await;
    let mut client = ann.connect().await;
    let mut shells = Vec::new();
    for _ in 0..3 {
        shells.push(client.launch(shell()).await);
    }
    record(&mut client, &shells[0], true).await.unwrap();
    record(&mut client, &shells[0], true).await.unwrap();
    record(&mut client, &shells[1], true).await.unwrap();
    let third = record(&mut client, &shells[2], true).await.unwrap_err();
    assert_eq!(third.code, porthole_protocol::error::ErrorCode::TooMany);
    let own: Vec<Recording> = ann.request("GET", "/recordings", b"").await.json();
    assert_eq!(own.len(), 2);
    let bob = Visitor::comes(&agent).await;
    let none: Vec<Recording> = bob.request("GET", "/recordings", b"").await.json();
    assert_eq!(none, []);
    for method in ["GET", "DELETE"] {
        let answer = bob.request(method, &format!("/recordings/{}", own[0].id), b"").await;
        assert_eq!(answer.code(), "no_such_recording", "{method}");
    }
    let all: Vec<Recording> = agent.owner("GET", "/recordings", b"").await.json();
    assert_eq!(all.len(), 2);
    let pipes = client.launch(run(&["sleep", "100"])).await;
    let refused = record(&mut client, &pipes, true).await.unwrap_err();
    assert_eq!(refused.code, porthole_protocol::error::ErrorCode::BadRequest);
    assert_eq!(ann.request("DELETE", "/session", b"").await.status, 204);
    let left: Vec<Recording> = agent.owner("GET", "/recordings", b"").await.json();
    assert_eq!(left, []);
}

#[tokio::test]
async fn an_instructors_agent_records_everything_from_the_first_byte() {
    if !possible() {
        return;
    }
    let agent = Agent::start_configured("record = 'always'\n");
    let mut client = agent.connect().await;
    let mut spec = shell();
    spec.process.command = vec!["sh".into(), "-c".into(), "echo at once; exec sh".into()];
    let shell = client.launch(spec).await;
    client.until(|client| shown(client, &shell).is_some()).await;
    client.type_line(&shell, "exit").await;
    client.exit(&shell).await;
    let recording = sealed(&agent).await;
    let text = printed(&lines(&agent.get_bytes(&format!("/recordings/{}", recording.id)).await));
    assert!(text.starts_with("at once\r\n"), "{text}");
}
