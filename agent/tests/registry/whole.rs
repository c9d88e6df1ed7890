//! The whole way: a registry, an agent with its launcher, and a container from what was pulled.

use porthole_protocol::control::{ClientMessage, ServerMessage};
use porthole_protocol::error::ErrorCode;
use porthole_protocol::image::{Storage, TransferEvent, TransferRequest};
use porthole_protocol::spec::{LaunchSpec, ProcessSpec};

use super::real::Real;
use super::support::Agent;

fn events(body: &[u8]) -> Vec<TransferEvent> {
    let lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

#[tokio::test]
async fn an_image_goes_to_a_registry_and_comes_back_and_runs() {
    let Some(registry) = Real::start("an_image_goes_to_a_registry_and_comes_back_and_runs") else { return };
    let name = format!("{}/tool:1", registry.host);
    let request = TransferRequest { name: name.clone(), ..TransferRequest::default() };
    let agent = Agent::start();
    let tagged = agent.request("POST", &format!("/api/v1/images/tag?name=busybox&as={name}"), &[], b"").await;
    assert_eq!(tagged.status, 200, "{}", String::from_utf8_lossy(&tagged.body));
    let pushed = agent.post("/images/push", &request).await;
    assert_eq!(pushed.status, 200);
    let pushed = events(&pushed.body);
    assert!(matches!(pushed.last(), Some(TransferEvent::Done { .. })), "{pushed:?}");
    drop(agent);

    // Another agent, which has the same layer of its own: it is not fetched.
    let agent = Agent::start();
    let pulled = agent.post("/images/pull", &request).await;
    let pulled = events(&pulled.body);
    assert!(matches!(pulled.first(), Some(TransferEvent::Progress { .. })), "{pulled:?}");
    let Some(TransferEvent::Done { image, .. }) = pulled.last() else { panic!("{pulled:?}") };
    assert!(image.names.contains(&name));

    // Without it, it is, and a container runs from it.
    for name in ["busybox", &name] {
        let removed = agent.request("DELETE", &format!("/api/v1/images?name={name}"), &[], b"").await;
        assert_eq!(removed.status, 200, "{}", String::from_utf8_lossy(&removed.body));
    }
    let mut client = agent.connect().await;
    let pull = client.request();
    client.send(&ClientMessage::Pull { request: pull, name: name.clone() }).await;
    assert!(matches!(client.answer(pull).await, Ok(ServerMessage::Done { .. })));
    client.until(|client| client.transfers.last().is_some_and(Vec::is_empty)).await;
    let process = ProcessSpec { command: vec!["echo".into(), "hello".into()], ..ProcessSpec::default() };
    let spec = LaunchSpec { image: name.clone(), process, ..LaunchSpec::default() };
    let terminal = client.launch(spec).await;
    client.exit(&terminal).await;
    assert_eq!(client.text(terminal.channel()), "hello\n");
    let storage: Storage = agent.get("/storage").await;
    assert_eq!((storage.layers.len(), storage.download_bytes), (1, 0));

    let none = client.request();
    client.send(&ClientMessage::Pull { request: none, name: format!("{}/none:1", registry.host) }).await;
    assert_eq!(client.answer(none).await.unwrap_err().code, ErrorCode::NoSuchImage);
    client.send(&ClientMessage::CancelPull { pull: none }).await;
    let refused = agent.post("/images/pull", &TransferRequest { name: "Bad Name".into(), ..request }).await;
    assert_eq!(refused.status, 400);
}
