//! The HTTP API over real containers.

mod support;

use std::time::Duration;

use porthole_protocol::doctor::DoctorReport;
use porthole_protocol::http::{
    ContainerDetail, ContainerState, ContainerSummary, ExecRequest, KillRequest, PlanStep, Started, Stats,
    StopRequest, Version,
};
use porthole_protocol::image::ImageSummary;
use porthole_protocol::kernel::{KernelView, Process};
use porthole_protocol::spec::ProcessSpec;
use support::{Agent, Response, possible, run, shell};

/// Between two looks at something that is about to happen.
const POLL: Duration = Duration::from_millis(20);

async fn launch(agent: &Agent, command: &[&str]) -> Started {
    let response = agent.post("/containers", &run(command)).await;
    assert_eq!(response.status, 201, "{}", String::from_utf8_lossy(&response.body));
    response.json()
}

/// Asks until a container has ended.
async fn ended(agent: &Agent, id: &str) -> ContainerState {
    loop {
        let detail: ContainerDetail = agent.get(&format!("/containers/{id}")).await;
        if detail.summary.state != ContainerState::Running {
            return detail.summary.state;
        }
        tokio::time::sleep(POLL).await;
    }
}

fn refused(response: &Response, status: u16, code: &str) {
    assert_eq!((response.status, response.code().as_str()), (status, code));
}

#[tokio::test]
async fn the_agent_says_who_it_is_and_what_this_host_can_do() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let version: Version = agent.get("/version").await;
    assert_eq!(version.kernel, rustix::system::uname().release().to_str().unwrap());
    let doctor: DoctorReport = agent.get("/doctor").await;
    assert!(doctor.checks.len() > 5, "{doctor:?}");
    let document: serde_json::Value = agent.get("/openapi.json").await;
    assert!(document["paths"]["/api/v1/containers/{id}/exec"]["post"].is_object());
    let plan = agent.post("/plan", &shell()).await.json::<Vec<PlanStep>>();
    assert!(plan.iter().any(|step| step.call.contains("pivot_root")), "{plan:?}");
    let images: Vec<ImageSummary> = agent.get("/images").await;
    assert_eq!(images[0].names, ["busybox:latest"]);
}

#[tokio::test]
async fn a_container_lives_from_launch_to_removal() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let Started { container, process } =
        launch(&agent, &["sh", "-c", "echo out; echo err >&2; exec sleep 1000"]).await;
    assert_eq!(process, 0);
    let list: Vec<ContainerSummary> = agent.get("/containers").await;
    assert_eq!((list.len(), &list[0].id, &list[0].state), (1, &container, &ContainerState::Running));
    let detail: ContainerDetail = agent.get(&format!("/containers/{}", list[0].name)).await;
    assert!(detail.birth.len() > 10 && detail.summary.start_micros > 0, "{detail:?}");
    let begin = &container.as_str()[..6];
    let exec = ExecRequest { process: ProcessSpec { command: vec!["true".into()], ..Default::default() } };
    let second: Started = agent.post(&format!("/containers/{begin}/exec"), &exec).await.json();
    assert_eq!(second.process, 1);

    let view: KernelView = agent.get(&format!("/containers/{container}/kernel")).await;
    assert_eq!(view.container.cap_effective.len(), 12, "{:?}", view.container.cap_effective);
    assert!(view.container.no_new_privs && view.container.seccomp_mode == 2, "{:?}", view.container);
    let top: Vec<Process> = agent.get(&format!("/containers/{container}/top")).await;
    assert!(top.iter().any(|process| process.command.contains("sleep 1000")), "{top:?}");
    let stats: Vec<Stats> = agent.get("/stats").await;
    assert!(stats[0].memory_bytes > 0 && stats[0].pids >= 2, "{stats:?}");

    for (query, expected) in
        [("", "out\nerr\n"), ("?stream=stdout", "out\n"), ("?process=0&stream=stderr", "err\n")]
    {
        let logs =
            agent.request("GET", &format!("/api/v1/containers/{container}/logs{query}"), &[], b"").await;
        assert_eq!(String::from_utf8_lossy(&logs.body), expected, "{query}");
    }

    let path = format!("/api/v1/containers/{container}");
    refused(&agent.request("DELETE", &path, &[], b"").await, 409, "still_running");
    let kill = KillRequest { signal: "usr1".into() };
    assert_eq!(agent.post(&format!("/containers/{container}/kill"), &kill).await.status, 204);
    assert!(
        matches!(ended(&agent, container.as_str()).await, ContainerState::Exited(exit) if exit.code == 138)
    );
    refused(&agent.post(&format!("/containers/{container}/kill"), &kill).await, 409, "not_running");
    assert_eq!(agent.request("DELETE", &path, &[], b"").await.status, 204);
    refused(&agent.request("DELETE", &path, &[], b"").await, 404, "no_such_container");
}

#[tokio::test]
async fn stopping_waits_for_the_end_and_kills_who_does_not_listen() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let deaf = launch(&agent, &["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"]).await;
    let path = format!("/containers/{}", deaf.container);
    // Before it has said so, it still listens.
    while agent.request("GET", &format!("/api/v1{path}/logs"), &[], b"").await.body != b"deaf\n" {
        tokio::time::sleep(POLL).await;
    }
    assert_eq!(agent.post(&format!("{path}/stop"), &StopRequest { grace_ms: Some(300) }).await.status, 204);
    let detail: ContainerDetail = agent.get(&path).await;
    assert!(matches!(detail.summary.state, ContainerState::Exited(exit) if exit.code == 137), "{detail:?}");
    let removed = agent.request("DELETE", &format!("/api/v1{path}?force=true"), &[], b"").await;
    assert_eq!(removed.status, 204);
}

#[tokio::test]
async fn one_that_is_to_be_removed_goes_with_its_first_process() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let mut spec = run(&["true"]);
    spec.remove = true;
    let container = client.launch(spec).await;
    assert_eq!(client.exit(&container).await.code, 0);
    client.until(|client| client.containers.is_empty()).await;
}

#[tokio::test]
async fn what_is_not_well_formed_is_refused_with_a_reason() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let json = [("content-type", "application/json")];
    let post = async |path: &str, headers: &[(&str, &str)], body: &[u8]| {
        agent.request("POST", &format!("/api/v1{path}"), headers, body).await
    };
    refused(&post("/containers", &json, b"{").await, 400, "bad_request");
    refused(&post("/containers", &json, br#"{"image": 7}"#).await, 400, "bad_request");
    refused(&post("/containers", &[], br#"{"image": "busybox"}"#).await, 400, "bad_request");
    refused(&post("/containers", &json, &vec![b' '; 300 * 1024]).await, 413, "too_large");
    refused(&post("/containers", &json, br#"{"image": "no-such"}"#).await, 404, "no_such_image");
    refused(&post("/images/import", &[], b"").await, 400, "bad_request");
    refused(&post("/images/import?name=x:y", &[], b"this is no archive").await, 422, "bad_image");
    refused(&agent.request("GET", "/api/v1/containers/no-such", &[], b"").await, 404, "no_such_container");
    refused(&agent.request("GET", "/api/v1/no-such-path", &[], b"").await, 404, "no_such_route");
    refused(&agent.request("DELETE", "/api/v1/images?name=no-such", &[], b"").await, 404, "no_such_image");
    let list: Vec<ContainerSummary> = agent.get("/containers").await;
    assert!(list.is_empty());
}
