//! Limits as a person meets them: given, changed, over in time, and a machine that has no room.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use porthole_protocol::control::{ClientMessage, ServerMessage};
use porthole_protocol::error::ErrorCode;
use porthole_protocol::http::{
    ContainerDetail, ContainerState, ContainerSummary, EndReason, Offers, Started, Stats,
};
use porthole_protocol::ids::{ContainerId, RequestId};
use porthole_protocol::limits::{LOG_BYTES, MAX_PROCESSES};
use porthole_protocol::spec::{LaunchSpec, Limits};
use rustix::process::{Pid, Signal, kill_process};
use support::{Agent, Client, possible, run, shell};
use tempfile::NamedTempFile;

const MIB: u64 = 1 << 20;

/// An agent with this in its configuration, which the file must outlive.
fn configured(text: &str) -> (Agent, NamedTempFile) {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let agent = Agent::start_with(&["--listen", "127.0.0.1:0", "--config", file.path().to_str().unwrap()]);
    (agent, file)
}

fn limited(mut spec: LaunchSpec, limits: Limits) -> LaunchSpec {
    spec.limits = limits;
    spec
}

/// Sends a launch that is expected to wait, and takes the place it is told.
async fn queue(client: &mut Client) -> (RequestId, u32) {
    let request = client.request();
    client.send(&ClientMessage::Launch { request, spec: shell(), credit: 1024, typist: None }).await;
    let place = place(client, request).await;
    (request, place)
}

async fn place(client: &mut Client, request: RequestId) -> u32 {
    match client.answer(request).await.unwrap() {
        ServerMessage::Queued { position, reason, .. } => {
            assert_eq!(reason, "A container lives here, and no more may at a time.");
            position
        }
        other => panic!("{other:?}"),
    }
}

async fn patch(agent: &Agent, id: &str, limits: &Limits) -> support::Response {
    let (path, body) = (format!("/api/v1/containers/{id}"), serde_json::to_vec(limits).unwrap());
    agent.request("PATCH", &path, &[("content-type", "application/json")], &body).await
}

#[tokio::test]
async fn launches_without_room_wait_in_the_order_they_came_and_one_begins_when_another_has_ended() {
    if !possible() {
        return;
    }
    let (agent, _file) = configured("[limits]\nmax-containers = 1\nqueue = 3\n");
    let mut first = agent.connect().await;
    let only = first.launch(shell()).await;

    let (mut second, mut third, mut fourth) =
        (agent.connect().await, agent.connect().await, agent.connect().await);
    let (given_up, position) = queue(&mut second).await;
    assert_eq!(position, 1);
    let (waits, position) = queue(&mut third).await;
    assert_eq!(position, 2);
    assert_eq!(queue(&mut fourth).await.1, 3);

    let refused = agent.post("/containers", &shell()).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "busy"), "the queue is full");
    assert!(refused.header("retry-after").is_some());
    let wrong = agent.post("/containers", &LaunchSpec { image: "nothing".into(), ..shell() }).await;
    assert_eq!(wrong.code(), "no_such_image", "what cannot be launched does not wait");

    second.send(&ClientMessage::CancelLaunch { launch: given_up }).await;
    assert_eq!(second.answer(given_up).await.unwrap_err().code, ErrorCode::BadRequest);
    assert_eq!(place(&mut third, waits).await, 1);
    // Whoever is gone waits no longer.
    drop(fourth);

    first.send(&ClientMessage::Stop { request: 99, container: only.container }).await;
    loop {
        match third.answer(waits).await.unwrap() {
            ServerMessage::Attached { container, .. } => {
                third.send(&ClientMessage::Stop { request: 99, container }).await;
                break;
            }
            ServerMessage::Launched { .. } | ServerMessage::Queued { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(agent.post("/containers", &run(&["true"])).await.status, 201, "over HTTP as well");
}

#[tokio::test]
async fn a_launch_over_http_waits_for_a_named_time_and_tells_its_place_then() {
    if !possible() {
        return;
    }
    let (agent, _file) = configured("[limits]\nmax-containers = 1\n");
    let mut client = agent.connect().await;
    client.launch(shell()).await;
    let refused = agent.post("/containers", &shell()).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "busy"));
    let told = String::from_utf8(refused.body).unwrap();
    assert!(told.contains("number 1 of those that wait. A container lives here"), "{told}");
}

#[tokio::test]
async fn the_command_line_tells_the_place_in_the_queue_and_leaves_it_on_ctrl_c() {
    if !possible() {
        return;
    }
    let (agent, _file) = configured("[limits]\nmax-containers = 1\n");
    let mut client = agent.connect().await;
    client.launch(shell()).await;
    let mut waiting = Command::new(env!("CARGO_BIN_EXE_porthole"))
        .args(["--agent", &format!("http://{}", agent.address), "run", "busybox", "true"])
        .env("NO_COLOR", "1")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(waiting.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    assert!(line.contains("Waiting for room: next in the queue. A container lives here"), "{line}");
    kill_process(Pid::from_child(&waiting), Signal::INT).unwrap();
    assert_eq!(waiting.wait().unwrap().code(), Some(130));
    assert_eq!(queue(&mut client).await.1, 1, "nobody is before");
}

#[tokio::test]
async fn a_detached_run_keeps_its_place_in_the_queue_or_is_refused_at_once_if_it_shall_not_wait() {
    if !possible() {
        return;
    }
    let (agent, _file) = configured("[limits]\nmax-containers = 1\n");
    let mut client = agent.connect().await;
    let first = client.launch(shell()).await;
    let run = |flag: &str| {
        Command::new(env!("CARGO_BIN_EXE_porthole"))
            .args([
                "--agent",
                &format!("http://{}", agent.address),
                "run",
                flag,
                "-d",
                "busybox",
                "sleep",
                "99",
            ])
            .env("NO_COLOR", "1")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let refused = run("--no-wait").wait_with_output().unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("There is no room now. A container lives here, and no more may"), "{told}");
    assert_eq!((refused.status.code(), refused.stdout.len()), (Some(125), 0));

    let mut waiting = run("--name=second");
    let mut lines = BufReader::new(waiting.stderr.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    assert!(line.contains("Waiting for room: next in the queue. A container lives here"), "{line}");
    client.send(&ClientMessage::Remove { request: 99, container: first.container, force: true }).await;
    let waited = waiting.wait_with_output().unwrap();
    let second: ContainerDetail = agent.get("/containers/second").await;
    assert_eq!(String::from_utf8(waited.stdout).unwrap(), format!("{}\n", second.summary.id));
    assert_eq!((waited.status.code(), second.summary.state), (Some(0), ContainerState::Running));
}

#[tokio::test]
async fn a_lifetime_that_is_over_stops_the_container_and_its_terminal_says_why() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let spec = limited(shell(), Limits { lifetime_ms: Some(1500), ..Limits::default() });
    let shell = client.launch(spec).await;
    client.expect(&shell, "porthole: the lifetime of this container (1 second) is over; it stops now.").await;
    client.exit(&shell).await;
    let detail: ContainerDetail = agent.get(&format!("/containers/{}", shell.container)).await;
    assert_eq!(detail.summary.expires_ms, Some(detail.summary.created_ms + 1500));
}

#[tokio::test]
async fn why_a_container_ended_is_told_by_this_agent_and_by_the_next_one() {
    if !possible() {
        return;
    }
    let mut agent = Agent::start();
    let mut client = agent.connect().await;
    let itself = client.launch(run(&["true"])).await.container;
    let sleeper = || run(&["sleep", "1000"]);
    let stopped = client.launch(sleeper()).await.container;
    let lifetime = Limits { lifetime_ms: Some(1000), ..Limits::default() };
    let lifetime = client.launch(limited(sleeper(), lifetime)).await.container;
    let small = Limits { memory_bytes: Some(16 * MIB), ..Limits::default() };
    let memory = run(&["dd", "if=/dev/zero", "of=/dev/null", "bs=64M"]);
    let memory = client.launch(limited(memory, small)).await.container;
    client.send(&ClientMessage::Stop { request: 99, container: stopped.clone() }).await;
    let ended = |client: &Client| {
        let exited = |one: &&ContainerSummary| matches!(one.state, ContainerState::Exited(_));
        client.containers.iter().filter(exited).count() == 4
    };
    client.until(ended).await;

    let noted = |id: &ContainerId| agent.state().join(format!("agent/logs/{id}/end"));
    for id in [&stopped, &lifetime, &memory] {
        while !noted(id).exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let told = [
        (itself, None),
        (stopped, Some(EndReason::Stopped)),
        (lifetime, Some(EndReason::Lifetime)),
        (memory, Some(EndReason::OutOfMemory)),
    ];
    for restarted in [false, true] {
        if restarted {
            agent.kill_and_restart();
        }
        for (id, why) in &told {
            let detail: ContainerDetail = agent.get(&format!("/containers/{id}")).await;
            assert_eq!(detail.summary.why, *why, "restarted: {restarted}");
        }
    }
    let listed = Command::new(env!("CARGO_BIN_EXE_porthole"))
        .args(["--agent", &format!("http://{}", agent.address), "ps", "-a"])
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for status in
        ["Exited (0) ", "Exited (143), stopped", "Exited (143), lifetime over", "Exited (137), out of memory"]
    {
        assert!(listed.contains(status), "{status}: {listed}");
    }
}

#[tokio::test]
async fn an_idle_container_is_stopped_and_one_with_somebody_attached_is_not() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let idle = Limits { idle_ms: Some(1000), ..Limits::default() };
    let mut client = agent.connect().await;
    let attached = client.launch(limited(run(&["sh", "-c", "sleep 3; echo still here"]), idle.clone())).await;
    let started: Started = agent.post("/containers", &limited(run(&["sleep", "1000"]), idle)).await.json();
    client
        .until(|client| {
            client
                .containers
                .iter()
                .any(|one| one.id == started.container && matches!(one.state, ContainerState::Exited(_)))
        })
        .await;
    client.expect(&attached, "still here").await;
    let told = agent.get_bytes(&format!("/containers/{}/logs?stream=stderr", started.container)).await;
    let told = String::from_utf8(told).unwrap();
    assert_eq!(told, "porthole: nobody was in this container for 1 second; it stops now.\n");
}

#[tokio::test]
async fn limits_change_while_a_container_runs_and_outlive_its_agent() {
    if !possible() {
        return;
    }
    let (mut agent, _file) = configured("[limits.most]\nmemory = '1g'\n");
    let mut client = agent.connect().await;
    let box_ = client.launch(shell()).await;
    let id = box_.container.to_string();

    let more = Limits { memory_bytes: Some(512 * MIB), lifetime_ms: Some(3_600_000), ..Limits::default() };
    let changed = patch(&agent, &id, &more).await;
    assert_eq!(changed.status, 200, "{}", String::from_utf8_lossy(&changed.body));
    let stats: Stats = agent.get(&format!("/containers/{id}/stats")).await;
    assert_eq!(stats.memory_limit, Some(512 * MIB), "the kernel knows");

    let request = client.request();
    let limits = Limits { pids: Some(99), ..Limits::default() };
    client.send(&ClientMessage::Update { request, container: box_.container.clone(), limits }).await;
    let ServerMessage::Detail { container, .. } = client.answer(request).await.unwrap() else { panic!() };
    assert_eq!((container.limits.memory_bytes, container.limits.pids), (Some(512 * MIB), Some(99)));
    let expires = container.summary.expires_ms.unwrap();

    for (beyond, words) in [
        (Limits { memory_bytes: Some(2048 * MIB), ..Limits::default() }, "at most 1.0 GiB of memory"),
        (Limits { disk_bytes: Some(9 * MIB), ..Limits::default() }, "keep the limits"),
        (Limits { cpuset: Some("4096".into()), ..Limits::default() }, "no such CPUs"),
        (Limits::default(), "no limit to change"),
    ] {
        let refused = patch(&agent, &id, &beyond).await;
        assert_eq!(refused.code(), "bad_request");
        let told = String::from_utf8(refused.body).unwrap();
        assert!(told.contains(words), "{told}");
    }

    agent.kill_and_restart();
    let detail: ContainerDetail = agent.get(&format!("/containers/{id}")).await;
    assert_eq!((detail.limits.memory_bytes, detail.limits.pids), (Some(512 * MIB), Some(99)));
    assert_eq!(detail.summary.expires_ms, Some(expires));
    // The next agent keeps the time as well.
    let cli = Command::new(env!("CARGO_BIN_EXE_porthole"))
        .args(["--agent", &format!("http://{}", agent.address), "update", "--lifetime", "1s", &id])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&cli.stdout).trim(), id, "{}", String::from_utf8_lossy(&cli.stderr));
    let mut client = agent.connect().await;
    client
        .until(|client| client.containers.iter().any(|one| matches!(one.state, ContainerState::Exited(_))))
        .await;
}

#[tokio::test]
async fn a_launch_beyond_the_most_is_refused_and_offers_say_what_that_is() {
    if !possible() {
        return;
    }
    let (agent, _file) = configured(
        "[limits.defaults]\ncpus = 0.5\nlifetime = '2h'\n[limits.most]\nlifetime = '1h'\npids = 64\n",
    );
    let offers: Offers = agent.get("/offers").await;
    assert_eq!((offers.defaults.cpu_millis, offers.defaults.pids), (Some(500), Some(64)));
    assert_eq!((offers.defaults.lifetime_ms, offers.most.pids), (Some(3_600_000), Some(64)));
    assert!(offers.cpus > 0 && offers.engines.iter().any(|engine| engine.name == "builtin" && engine.usable));
    assert!(offers.networks.iter().any(|network| network.name == "none" && network.usable));
    for beyond in
        [Limits { pids: Some(65), ..Limits::default() }, Limits { lifetime_ms: Some(0), ..Limits::default() }]
    {
        let refused = agent.post("/containers", &limited(shell(), beyond)).await;
        assert_eq!((refused.status, refused.code().as_str()), (400, "bad_request"));
    }
    let started: Started = agent.post("/containers", &shell()).await.json();
    let detail: ContainerDetail = agent.get(&format!("/containers/{}", started.container)).await;
    assert_eq!((detail.limits.cpu_millis, detail.limits.lifetime_ms), (Some(500), Some(3_600_000)));
}

#[tokio::test]
async fn a_container_whose_memory_ran_out_ends_and_says_so() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let mut spec = shell();
    spec.limits.memory_bytes = Some(32 * MIB);
    let shell = client.launch(spec).await;
    client.type_line(&shell, "dd if=/dev/zero of=/dev/null bs=100M").await;
    let exit = client.exit(&shell).await;
    assert!(exit.out_of_memory && exit.code == 137, "{exit:?}");
}

#[tokio::test]
async fn a_container_has_so_many_processes_of_its_clients_and_so_much_output_and_no_more() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let flood = client.launch(run(&["sh", "-c", "yes | head -c 20000000"])).await;
    client.exit(&flood).await;
    let kept = agent.get_bytes(&format!("/containers/{}/logs", flood.container)).await;
    let kept = u64::try_from(kept.len()).unwrap();
    assert!((LOG_BYTES - 2 * MIB..=LOG_BYTES).contains(&kept), "{kept} bytes are kept");

    let started: Started = agent.post("/containers", &run(&["sleep", "1000"])).await.json();
    let exec = serde_json::json!({ "process": { "command": ["sleep", "1000"] } });
    let path = format!("/containers/{}/exec", started.container);
    for _ in 0..MAX_PROCESSES {
        assert_eq!(agent.post(&path, &exec).await.status, 201);
    }
    let refused = agent.post(&path, &exec).await;
    assert_eq!((refused.status, refused.code().as_str()), (429, "too_many"));
}
