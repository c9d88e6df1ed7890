//! Ports of containers: what listens, and what is published. Every container here has no network but its loopback.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod support;

use std::time::Duration;

use porthole_protocol::error::ErrorCode;
use porthole_protocol::http::{ContainerDetail, ContainerSummary, ListeningPort, Started};
use porthole_protocol::kernel::KernelView;
use porthole_protocol::limits::MAX_PUBLISHED;
use porthole_protocol::spec::{LaunchSpec, Publish};
use support::{Agent, Response, possible, run};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// Between two looks at something that is about to happen.
const POLL: Duration = Duration::from_millis(20);

/// Sends back what it is sent, whoever comes.
const ECHO: &str = "exec nc -ll -p 7000 -e cat";

fn publishing(script: &str, ports: &[(u16, Option<u16>)]) -> LaunchSpec {
    let mut spec = run(&["sh", "-c", script]);
    spec.publish = ports.iter().map(|&(port, host_port)| Publish { port, host_port }).collect();
    spec
}

async fn launch(agent: &Agent, spec: &LaunchSpec) -> ContainerDetail {
    let response = agent.post("/containers", spec).await;
    assert_eq!(response.status, 201, "{}", String::from_utf8_lossy(&response.body));
    agent.get(&format!("/containers/{}", response.json::<Started>().container)).await
}

/// Asks until as many ports are listened on.
async fn listening(agent: &Agent, container: &ContainerDetail, count: usize) -> Vec<(u16, bool)> {
    loop {
        let ports: Vec<ListeningPort> =
            agent.get(&format!("/containers/{}/ports", container.summary.id)).await;
        if ports.len() >= count {
            return ports.into_iter().map(|ListeningPort { port, loopback, .. }| (port, loopback)).collect();
        }
        tokio::time::sleep(POLL).await;
    }
}

fn outside(container: &ContainerDetail, at: usize) -> String {
    format!("127.0.0.1:{}", container.published[at].host_port.expect("it has one by now"))
}

/// What comes back of `sent`, once both have ended.
async fn echoed(address: &str, sent: Vec<u8>) -> Vec<u8> {
    let (mut reader, mut writer) = TcpStream::connect(address).await.unwrap().into_split();
    let mut received = Vec::new();
    let sending = async {
        writer.write_all(&sent).await.unwrap();
        writer.shutdown().await.unwrap();
    };
    let (_, ()) = tokio::join!(reader.read_to_end(&mut received), sending);
    received
}

/// Bytes that no part of can be taken for another one.
fn numbers(bytes: u32) -> Vec<u8> {
    (0..bytes / 4).flat_map(u32::to_le_bytes).collect()
}

fn refused(response: &Response, status: u16, code: &str) {
    assert_eq!((response.status, response.code().as_str()), (status, code));
}

#[tokio::test]
async fn what_listens_is_told_with_how_far_it_is_reached() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let script = "httpd -p 127.0.0.1:8001; httpd -p 0.0.0.0:8002; httpd -p '[::1]:8003'; httpd -p '[::]:8004'; sleep 1000";
    let container = launch(&agent, &run(&["sh", "-c", script])).await;
    let told = [(8001, true), (8002, false), (8003, true), (8004, false)];
    assert_eq!(listening(&agent, &container, 4).await, told);
    let view: KernelView = agent.get(&format!("/containers/{}/kernel", container.summary.id)).await;
    assert_eq!(view.listening.iter().map(|port| (port.port, port.loopback)).collect::<Vec<_>>(), told);
}

#[tokio::test]
async fn a_published_port_carries_every_byte_both_ways_and_the_end_of_each() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let container = launch(&agent, &publishing(ECHO, &[(7000, None)])).await;
    listening(&agent, &container, 1).await;
    let sent = numbers(10 << 20);
    assert!(echoed(&outside(&container, 0), sent.clone()).await == sent, "not what was sent");
    let again: ContainerDetail = agent.get(&format!("/containers/{}", container.summary.id)).await;
    assert_eq!(again.published, container.published, "inspect tells where it is");
    assert_eq!(again.summary.published, container.published, "and so does every list");
}

#[tokio::test]
async fn a_port_is_reached_on_whatever_address_it_listens() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let script = "httpd -p 127.0.0.1:8001; httpd -p '[::1]:8003'; httpd -p 127.0.0.9:8005; sleep 1000";
    let spec = publishing(script, &[(8001, None), (8003, None), (8005, None)]);
    let container = launch(&agent, &spec).await;
    listening(&agent, &container, 3).await;
    for at in 0..3 {
        let mut stream = TcpStream::connect(outside(&container, at)).await.unwrap();
        stream.write_all(b"GET /no-such HTTP/1.0\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 404"), "{at}: {answer}");
    }
}

#[tokio::test]
async fn a_port_that_cannot_be_had_is_refused_before_anything_starts() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let own = agent.address.rsplit_once(':').unwrap().1.parse().unwrap();
    for (ports, status, code) in [
        (vec![(80, Some(own))], 409, ErrorCode::PortInUse),
        (vec![(80, None), (81, Some(own))], 409, ErrorCode::PortInUse),
        (vec![(80, Some(80))], 400, ErrorCode::BadRequest),
        (vec![(0, None)], 400, ErrorCode::BadRequest),
        (vec![(80, Some(0))], 400, ErrorCode::BadRequest),
        (vec![(80, None); MAX_PUBLISHED + 1], 400, ErrorCode::BadRequest),
    ] {
        let response = agent.post("/containers", &publishing("sleep 1000", &ports)).await;
        let code = serde_json::to_value(code).unwrap();
        refused(&response, status, code.as_str().unwrap());
    }
    let list: Vec<ContainerSummary> = agent.get("/containers").await;
    assert!(list.is_empty(), "{list:?}");
}

#[tokio::test]
async fn a_published_port_ends_with_its_container() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let container = launch(&agent, &publishing(ECHO, &[(7000, None)])).await;
    listening(&agent, &container, 1).await;
    let mut open = TcpStream::connect(outside(&container, 0)).await.unwrap();
    open.write_all(b"x").await.unwrap();
    assert_eq!(open.read_u8().await.unwrap(), b'x');
    let id = &container.summary.id;
    let network = format!("/proc/{}/ns/net", container.init_pid);
    let network = std::fs::read_link(network).unwrap();
    assert_eq!(
        agent.post(&format!("/containers/{id}/stop"), &serde_json::json!({"grace_ms": 0})).await.status,
        204
    );
    let ended = open.read_u8().await.unwrap_err();
    assert!(matches!(ended.kind(), std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset));
    // The listener is closed by its own task.
    while TcpStream::connect(outside(&container, 0)).await.is_ok() {
        tokio::time::sleep(POLL).await;
    }
    let agents = format!("/proc/{}/fd", agent.pid());
    let links =
        std::fs::read_dir(agents).unwrap().flatten().filter_map(|fd| std::fs::read_link(fd.path()).ok());
    assert!(
        !links.into_iter().any(|link| link == network),
        "the agent holds the network of a container that ended"
    );
    refused(
        &agent.request("GET", &format!("/api/v1/containers/{id}/ports"), &[], b"").await,
        409,
        "not_running",
    );
}

#[tokio::test]
async fn a_published_port_is_there_again_after_the_agent_was_killed() {
    if !possible() {
        return;
    }
    let mut agent = Agent::start();
    let container = launch(&agent, &publishing(ECHO, &[(7000, None), (7000, None)])).await;
    listening(&agent, &container, 1).await;
    assert_eq!(echoed(&outside(&container, 1), numbers(4096)).await, numbers(4096));
    agent.kill_and_restart();
    let again: ContainerDetail = agent.get(&format!("/containers/{}", container.summary.id)).await;
    assert_eq!(again.published, container.published, "{:?}", again.lacks);
    for at in 0..2 {
        assert_eq!(echoed(&outside(&container, at), numbers(4096)).await, numbers(4096));
    }
}

#[tokio::test]
async fn a_program_that_takes_no_connection_holds_up_nobody_else() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let deaf = "nc -ll -p 7000 -e cat & until grep -q :1B58 /proc/net/tcp /proc/net/tcp6; do :; done; kill -STOP $!; wait";
    let deaf = launch(&agent, &publishing(deaf, &[(7000, None)])).await;
    let echo = launch(&agent, &publishing(ECHO, &[(7000, None)])).await;
    listening(&agent, &deaf, 1).await;
    listening(&agent, &echo, 1).await;
    let mut waiting = JoinSet::new();
    for _ in 0..200 {
        let address = outside(&deaf, 0);
        waiting.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"anybody there?").await.unwrap();
            stream.read_u8().await.is_ok()
        });
    }
    assert_eq!(echoed(&outside(&echo, 0), numbers(1 << 20)).await, numbers(1 << 20));
    let list: Vec<ContainerSummary> = agent.get("/containers").await;
    assert_eq!(list.len(), 2);
    let path = format!("/api/v1/containers/{}?force=true", deaf.summary.id);
    assert_eq!(agent.request("DELETE", &path, &[], b"").await.status, 204);
    while let Some(answered) = waiting.join_next().await {
        assert!(!answered.unwrap_or(false), "nobody was there");
    }
}
