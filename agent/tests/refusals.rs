//! Everything that is refused, and how: with a code, a sentence and the next step, and nobody else disturbed.

mod support;

use porthole_protocol::control::ClientMessage;
use porthole_protocol::error::ErrorCode;
use porthole_protocol::frame::Frame;
use porthole_protocol::limits::{MAX_CONTROL_BYTES, MAX_FRAME_BYTES};
use porthole_protocol::spec::LaunchSpec;
use porthole_protocol::version::Generations;
use support::{Agent, Client, possible, run, shell, terminal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn hosts_and_pages_that_are_not_ours_are_refused() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let own = format!("http://{}", agent.address);
    for (headers, status) in [
        (vec![("host", "evil.example")], 403),
        (vec![("origin", "http://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![("origin", own.as_str())], 200),
        (vec![], 200),
    ] {
        let response = agent.request("GET", "/api/v1/version", &headers, b"").await;
        assert_eq!(response.status, status, "{headers:?}");
        if status == 403 {
            assert_eq!(response.code(), "forbidden_origin");
        }
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(response.header("referrer-policy"), Some("no-referrer"));
        let policy = response.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
    }
    for headers in [[("origin", "http://evil.example")], [("host", "evil.example:1")]] {
        let (status, body) = agent.upgrade(&headers).await.unwrap_err();
        assert!(status == 403 && body.contains("forbidden_origin"), "{headers:?}: {status} {body}");
    }
    assert!(agent.upgrade(&[("origin", own.as_str())]).await.is_ok());
}

#[tokio::test]
async fn who_does_not_finish_a_request_is_not_waited_for() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut silent = TcpStream::connect(&agent.address).await.unwrap();
    let mut slow = TcpStream::connect(&agent.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nx-a: ").await.unwrap();
    for connection in [&mut silent, &mut slow] {
        let mut said = Vec::new();
        // Ends with the connection; were it kept, the test would, too.
        connection.read_to_end(&mut said).await.unwrap();
        assert!(!String::from_utf8_lossy(&said).contains("200 OK"));
    }
    assert_eq!(agent.request("GET", "/api/v1/version", &[], b"").await.status, 200);
}

#[tokio::test]
async fn a_socket_needs_its_subprotocol() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    for wrong in ["", "porthole.v0"] {
        let (status, body) = agent.upgrade(&[("sec-websocket-protocol", wrong)]).await.unwrap_err();
        assert!(status == 400 && body.contains("bad_request"), "{wrong:?}: {status} {body}");
    }
    let plain = agent.request("GET", "/api/v1/socket", &[], b"").await;
    assert_eq!((plain.status, plain.code().as_str()), (400, "bad_request"));
}

#[tokio::test]
async fn the_token_is_demanded_on_any_other_address() {
    if !possible() {
        return;
    }
    let agent = Agent::start_with(&["--listen", "0.0.0.0:0"]);
    let address = agent.address.replace("0.0.0.0", "127.0.0.1");
    let token = agent.link.split_once("/#token=").unwrap().1.to_owned();
    assert!(token.len() >= 32, "128 bits or more");
    let bearer = format!("Bearer {token}");
    let wrong = format!("Bearer {}0", &token[1..]);
    for (headers, status) in [
        (vec![], 401),
        (vec![("authorization", "Bearer ")], 401),
        (vec![("authorization", wrong.as_str())], 401),
        (vec![("authorization", bearer.as_str())], 200),
    ] {
        assert_eq!(
            agent.request("GET", "/api/v1/containers", &headers, b"").await.status,
            status,
            "{headers:?}"
        );
    }
    assert_ne!(agent.request("GET", "/", &[], b"").await.status, 401, "the page itself asks for the token");
    assert!(Client::connect(&address, Some(&token)).await.is_ok());
    for given in [None, Some("x")] {
        let (closed, error) = Client::connect(&address, given).await.unwrap_err();
        assert_eq!((closed, error.unwrap().code), (Some(4003), ErrorCode::Unauthorized));
    }
}

#[tokio::test]
async fn what_is_not_the_protocol_ends_the_socket_with_the_reason() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let cases = [
        ("not JSON", Message::text("{"), 4004),
        ("no message", Message::text("[]"), 4004),
        ("a field of the wrong type", Message::text(r#"{"type":"attach","request":"x"}"#), 4004),
        ("an id that is none", Message::text(r#"{"type":"watch","container":"../../etc"}"#), 4004),
        ("a second hello", hello(Generations::OURS), 4004),
        ("an empty frame", Message::binary(vec![0, 0, 0, 1]), 4004),
        ("no channel", Message::binary(vec![0, 0]), 4004),
        ("a channel that never was", Message::binary(vec![0, 0, 0, 9, 65]), 4004),
        ("too long a frame", Message::binary(vec![0; MAX_FRAME_BYTES + 1]), 4005),
        ("too long a message", Message::text("x".repeat(MAX_CONTROL_BYTES + 1)), 4005),
    ];
    for (what, message, code) in cases {
        let mut client = agent.connect().await;
        client.send_raw(message).await;
        let (closed, error) = client.until_closed().await;
        assert_eq!(closed, code, "{what}: {error:?}");
        assert!(error.is_some(), "{what}");
    }
    let mut client = agent.connect().await;
    client.send_raw(Message::text(r#"{"type":"of_a_newer_client","request":1}"#)).await;
    assert_eq!(client.launch(run(&["true"])).await.process, 0, "what is not known is ignored");
}

fn hello(generations: Generations) -> Message {
    let hello =
        ClientMessage::Hello { generations, token: None, client: "test".into(), share: None, name: None };
    Message::text(serde_json::to_string(&hello).expect("it is plain data"))
}

#[tokio::test]
async fn a_socket_begins_with_a_hello_that_both_understand() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let cases = [
        (Message::text(r#"{"type":"ping","nonce":1}"#), 4004, ErrorCode::BadRequest),
        (Message::binary(vec![0, 0, 0, 1, 65]), 4004, ErrorCode::BadRequest),
        (hello(Generations { oldest: 1000, newest: 1001 }), 4001, ErrorCode::VersionMismatch),
    ];
    for (message, code, error_code) in cases {
        let mut client = Client::silent(agent.upgrade(&[]).await.unwrap());
        client.send_raw(message).await;
        let (closed, error) = client.until_closed().await;
        assert_eq!((closed, error.unwrap().code), (code, error_code));
    }
}

#[tokio::test]
async fn requests_outside_their_limits_are_answered_and_the_socket_goes_on() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let mut spec = run(&["true"]);
    let mut refused = Vec::new();
    let edits: [fn(&mut LaunchSpec); 17] = [
        |spec| spec.limits.memory_bytes = Some(0),
        |spec| spec.limits.memory_bytes = Some(u64::MAX),
        |spec| spec.limits.cpu_millis = Some(0),
        |spec| spec.limits.cpu_millis = Some(u32::MAX),
        |spec| spec.limits.pids = Some(0),
        |spec| spec.limits.pids = Some(u32::MAX),
        |spec| spec.name = Some("a/b".into()),
        |spec| spec.hostname = Some("-x".into()),
        |spec| spec.hostname = Some("x".repeat(65)),
        |spec| spec.cap_add = vec!["ROOT".into()],
        |spec| spec.process.workdir = Some("relative".into()),
        |spec| spec.process.env = vec!["no equals sign".into()],
        |spec| spec.process.user = Some("nobody:no-such-group".into()),
        |spec| spec.process.user = Some("4294967295".into()),
        |spec| spec.process.command = vec!["x\0y".into()],
        |spec| spec.process.command = vec!["x".repeat(40_000)],
        |spec| spec.process.command = vec!["x".into(); 2000],
    ];
    for edit in edits {
        let before = spec.clone();
        edit(&mut spec);
        let error = client.try_launch(spec.clone()).await.expect_err(&format!("{spec:?}"));
        assert!(!error.message.is_empty() && !error.hint.is_empty(), "{error:?}");
        refused.push(error.code);
        spec = before;
    }
    assert!(refused.iter().all(|code| *code == ErrorCode::BadRequest), "{refused:?}");
    spec.image = "no/such:image".into();
    assert_eq!(client.try_launch(spec).await.unwrap_err().code, ErrorCode::NoSuchImage);
    let nobody = "0123456789ab".parse().unwrap();
    assert_eq!(client.try_attach(&nobody, 0, None).await.unwrap_err().code, ErrorCode::NoSuchContainer);
    let shell = client.launch(shell()).await;
    assert_eq!(
        client.try_attach(&shell.container, 7, None).await.unwrap_err().code,
        ErrorCode::NoSuchProcess
    );
    let request = client.request();
    let signal = ClientMessage::Signal {
        request,
        container: shell.container.clone(),
        process: 0,
        signal: "NOPE".into(),
    };
    client.send(&signal).await;
    assert_eq!(client.answer(request).await.unwrap_err().code, ErrorCode::BadRequest);
    client.type_line(&shell, "echo still-''here").await;
    client.expect(&shell, "still-here").await;
    assert!(client.containers.len() <= 1, "nothing of what was refused is left");
}

#[tokio::test]
async fn names_are_taken_once() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let mut spec = shell();
    spec.name = Some("web".into());
    let (detail, _) = client.try_launch(spec.clone()).await.unwrap();
    assert_eq!(detail.summary.name, "web");
    assert_eq!(client.try_launch(spec).await.unwrap_err().code, ErrorCode::NameInUse);
}

#[tokio::test]
async fn channels_of_one_socket_are_bounded() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let shell = client.launch(shell()).await;
    let mut open = 1;
    let refused = loop {
        match client.try_attach(&shell.container, 0, None).await {
            Ok(_) => open += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((open, refused.code), (porthole_protocol::limits::MAX_CHANNELS, ErrorCode::TooMany));
    client.send(&ClientMessage::Detach { channel: shell.channel() }).await;
    client.try_attach(&shell.container, 0, None).await.expect("there is room again");
}

#[tokio::test]
async fn input_that_is_not_read_waits_within_bounds_and_others_type_on() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut client = agent.connect().await;
    let mut spec = run(&["sh", "-c", "sleep 2; wc -c"]);
    spec.process.stdin = true;
    let late = client.launch(spec).await;
    let other = client.exec(&late.container, terminal(&["sh"])).await;
    let payload = vec![b'x'; 32 * 1024];
    for _ in 0..32 {
        client.send_raw(Message::binary(Frame { channel: late.channel(), payload: &payload }.encode())).await;
    }
    client.type_line(&other, "echo not held''-up").await;
    client.expect(&other, "not held-up").await;
    assert!(!client.output.contains_key(&late.channel()), "it was not held up until the input was read");
    client.send(&ClientMessage::CloseInput { channel: late.channel() }).await;
    assert_eq!(client.exit(&late).await.code, 0);
    assert_eq!(client.text(late.channel()).trim(), (32 * 32 * 1024).to_string());
    assert!(client.credit[&late.channel()] > 900 * 1024, "the client was told what was taken");
}
