//! Visitors: each with a cookie, containers of their own, an end, and nothing of anybody else's.

mod support;

use porthole_protocol::control::{ClientMessage, ServerMessage};
use porthole_protocol::error::ErrorCode;
use porthole_protocol::http::{ContainerDetail, ContainerSummary, Offers, Started};
use porthole_protocol::session::Session;
use porthole_protocol::spec::{LaunchSpec, Limits};
use serde_json::Value;
use support::visitor::{Visitor, hello};
use support::{Agent, Client, possible, run, shell, terminal};

/// An agent that visitors come to.
fn open_agent() -> Agent {
    Agent::start_with(&["--listen", "127.0.0.1:0", "--visitors"])
}

fn ids(containers: &[ContainerSummary]) -> Vec<String> {
    containers.iter().map(|container| container.id.to_string()).collect()
}

#[tokio::test]
async fn a_visitor_finds_his_containers_again_and_the_owner_finds_all() {
    if !possible() {
        return;
    }
    let agent = open_agent();
    let ann = Visitor::comes(&agent).await;
    assert!(!ann.session.owner && ann.session.containers == 0 && ann.session.expires_ms.is_some());
    let mut client = ann.connect().await;
    assert_eq!(client.session.as_ref().unwrap().id, ann.session.id);
    let own = client.launch(shell()).await;
    client.until(|client| client.session.as_ref().unwrap().containers == 1).await;
    drop(client);

    // A reload: the same cookie.
    let mut client = ann.connect().await;
    client.until(|client| !client.containers.is_empty()).await;
    assert_eq!(ids(&client.containers), [own.container.to_string()]);
    assert_eq!(client.containers[0].session.as_ref(), Some(&ann.session.id));
    let again = client.try_attach(&own.container, 0, None).await.unwrap();
    client.type_line(&again, "echo still $((40 + 2))").await;
    client.expect(&again, "still 42").await;

    let bob = Visitor::comes(&agent).await;
    assert_ne!(bob.session.id, ann.session.id);
    let mut other = bob.connect().await;
    other.until(|client| !client.images.is_empty()).await;
    assert_eq!(ids(&other.containers), [""; 0]);
    let mut owner = Client::connect(&agent.address, Some(agent.token())).await.unwrap();
    owner.until(|client| !client.containers.is_empty()).await;
    assert!(owner.session.as_ref().unwrap().owner);
    assert_eq!(ids(&owner.containers), [own.container.to_string()]);
    let listed = agent.owner("GET", "/containers", b"").await;
    assert_eq!(ids(&listed.json::<Vec<ContainerSummary>>()), [own.container.to_string()]);
}

#[tokio::test]
async fn the_owner_needs_the_token_and_a_stranger_needs_a_session() {
    let agent = open_agent();
    for path in ["/containers", "/version", "/images", "/offers"] {
        let refused = agent.request("GET", &format!("/api/v1{path}"), &[], b"").await;
        assert_eq!((refused.status, refused.code().as_str()), (401, "unauthorized"), "{path}");
    }
    let ann = Visitor::comes(&agent).await;
    // A wrong token is no visitor, whatever cookie is beside it.
    let headers = [("cookie", ann.cookie.as_str()), ("authorization", "Bearer 00")];
    assert_eq!(agent.request("GET", "/api/v1/containers", &headers, b"").await.status, 401);
    let (closed, _) = Client::connect(&agent.address, Some("00")).await.err().unwrap();
    assert_eq!(closed, Some(4003));
    let mut hello = hello();
    if let ClientMessage::Hello { token, .. } = &mut hello {
        *token = Some("00".into());
    }
    let (closed, _) =
        Client::connect_as(&agent.address, &[("cookie", &ann.cookie)], &hello).await.err().unwrap();
    assert_eq!(closed, Some(4003));
    // A cookie that nobody gave is none, and is replaced.
    let forged = [("cookie", "porthole_session=0123456789abcdef0123456789abcdef")];
    assert_eq!(agent.request("GET", "/api/v1/containers", &forged, b"").await.status, 401);
    let fresh = agent.request("GET", "/api/v1/session", &forged, b"").await;
    let cookie = fresh.header("set-cookie").unwrap();
    assert!(!cookie.contains("0123456789abcdef0123456789abcdef"), "{cookie}");
    assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Strict") && !cookie.contains("Secure"), "{cookie}");
    let tls = [("x-forwarded-proto", "https")];
    let secure = agent.request("GET", "/api/v1/session", &tls, b"").await;
    assert!(secure.header("set-cookie").unwrap().ends_with("; Secure"));
    // The agent's directory does not give the cookies away.
    let kept = std::fs::read_to_string(agent.state().join("agent/sessions.json")).unwrap();
    assert!(!kept.contains(ann.cookie.split('=').next_back().unwrap()) && kept.contains(&ann.session.id));
}

#[tokio::test]
async fn a_page_that_opens_the_socket_first_gets_its_session_there() {
    let agent = open_agent();
    let client = Client::connect_as(&agent.address, &[], &hello()).await.unwrap();
    let session = client.session.clone().unwrap();
    assert!(!session.owner && session.expires_ms.is_some());
    // A page of another site cannot, not even with the cookie.
    let foreign = [("origin", "http://evil.example")];
    assert_eq!(agent.upgrade(&foreign).await.err().unwrap().0, 403);
    let ann = Visitor::comes(&agent).await;
    let from = |origin: &'static str, site: &'static str| {
        [("cookie", ann.cookie.clone()), ("origin", origin.to_owned()), ("sec-fetch-site", site.to_owned())]
    };
    for (origin, site, status) in [
        ("http://evil.example", "cross-site", 403),
        ("http://x.localhost", "same-site", 403),
        ("", "same-site", 401),
    ] {
        let headers = from(origin, site);
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .filter(|(_, value)| !value.is_empty())
            .collect();
        let refused = agent.request("POST", "/api/v1/session/extend", &headers, b"").await;
        assert_eq!(refused.status, status, "{origin} {site}");
    }
}

/// Every path that the agent describes, as somebody without a right to the container in it: a path that is added is tried
/// without being named here.
#[tokio::test]
async fn no_path_shows_a_visitor_what_is_not_his() {
    if !possible() {
        return;
    }
    let agent = open_agent();
    let ann = Visitor::comes(&agent).await;
    let mut client = ann.connect().await;
    let (detail, _) = client.try_launch(shell()).await.unwrap();
    let (id, name) = (detail.summary.id.to_string(), detail.summary.name.clone());
    let bob = Visitor::comes(&agent).await;
    let document: Value = agent.owner("GET", "/openapi.json", b"").await.json();
    // What a visitor may ask for because nothing in it is anybody's.
    let harmless = [
        ("get", "/version"),
        ("get", "/offers"),
        ("post", "/plan"),
        ("get", "/session"),
        ("post", "/session/extend"),
        ("delete", "/session"),
        ("get", "/socket"),
        ("get", "/containers"),
        ("post", "/containers"),
        ("get", "/stats"),
        ("get", "/images"),
        ("get", "/images/detail"),
        ("get", "/images/tree"),
        ("get", "/images/file"),
        ("get", "/recordings"),
    ];
    let mut tried = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = path.strip_prefix("/api/v1").unwrap();
        for method in operations.as_object().unwrap().keys().filter(|key| key.len() <= 6) {
            if harmless.contains(&(method.as_str(), path)) {
                continue;
            }
            for which in [&id, &name, &id[..6].to_owned()] {
                let asked = path
                    .replace("{id}", which)
                    .replace("{number}", "0")
                    .replace("{share}", "0123456789abcdef")
                    .replace("{port}", "80");
                let query = "?path=/etc/passwd&name=busybox&as=mine&force=true";
                let body = br#"{"name":"busybox","process":{"command":["id"]},"signal":"KILL","may":"watch","pids":9}"#;
                let answer = bob.request(&method.to_uppercase(), &format!("{asked}{query}"), body).await;
                let code = answer.code();
                let hidden = matches!(code.as_str(), "no_such_container" | "forbidden" | "no_such_recording");
                assert!(hidden, "{method} {asked}: {} {code}", answer.status);
                tried += 1;
            }
        }
    }
    assert!(tried > 60, "{tried}");
    // The same by the socket, message by message.
    let mut other = bob.connect().await;
    let container = detail.summary.id.clone();
    assert_eq!(other.try_attach(&container, 0, None).await.unwrap_err().code, ErrorCode::NoSuchContainer);
    let exec = other.try_exec(&container, terminal(&["sh"])).await.unwrap_err();
    assert_eq!(exec.code, ErrorCode::NoSuchContainer);
    let asked: [fn(u32, porthole_protocol::ids::ContainerId) -> ClientMessage; 7] = [
        |request, container| ClientMessage::Inspect { request, container },
        |request, container| ClientMessage::Stop { request, container },
        |request, container| ClientMessage::Remove { request, container, force: true },
        |request, container| ClientMessage::Signal { request, container, process: 0, signal: "KILL".into() },
        |request, container| ClientMessage::Keyboard { request, container, process: 0, holder: None },
        |request, container| ClientMessage::Record { request, container, process: 0, on: true },
        |request, container| {
            let limits = Limits { pids: Some(9), ..Limits::default() };
            ClientMessage::Update { request, container, limits }
        },
    ];
    for ask in asked {
        let request = other.request();
        let message = ask(request, container.clone());
        other.send(&message).await;
        assert_eq!(other.answer(request).await.unwrap_err().code, ErrorCode::NoSuchContainer, "{message:?}");
    }
    let request = other.request();
    other.send(&ClientMessage::Pull { request, name: "debian".into() }).await;
    assert_eq!(other.answer(request).await.unwrap_err().code, ErrorCode::Forbidden);
    other.send(&ClientMessage::Watch { container: container.clone() }).await;
    // Whatever Watch would cause comes before the answer to what follows its first view.
    client.send(&ClientMessage::Watch { container }).await;
    client.until(|client| !client.views.is_empty()).await;
    let request = other.request();
    other.send(&ClientMessage::Pull { request, name: "debian".into() }).await;
    let _ = other.answer(request).await;
    assert!(other.views.is_empty() && other.containers.is_empty());
    let stats: Vec<Value> = bob.request("GET", "/stats", b"").await.json();
    let listed: Vec<Value> = bob.request("GET", "/containers?size=true", b"").await.json();
    assert!(stats.is_empty() && listed.is_empty());
    // And the container is as it was.
    assert_eq!(ann.request("GET", &format!("/containers/{id}"), b"").await.status, 200);
    assert!(client.exits.is_empty());
}

#[tokio::test]
async fn a_visitor_gets_what_is_ordinary_and_no_more() {
    if !possible() {
        return;
    }
    let agent = open_agent();
    let ann = Visitor::comes(&agent).await;
    let plain = run(&["true"]);
    for (spec, code) in [
        (LaunchSpec { networks: vec!["nat".into()], ..plain.clone() }, "forbidden"),
        (LaunchSpec { networks: vec!["lab".into()], ..plain.clone() }, "forbidden"),
        (LaunchSpec { cap_add: vec!["NET_RAW".into()], ..plain.clone() }, "forbidden"),
        (LaunchSpec { new_privileges: true, ..plain.clone() }, "forbidden"),
        (
            LaunchSpec {
                limits: Limits { memory_bytes: Some(1 << 40), ..Limits::default() },
                ..plain.clone()
            },
            "bad_request",
        ),
        (
            LaunchSpec { limits: Limits { disk_bytes: Some(1 << 40), ..Limits::default() }, ..plain.clone() },
            "bad_request",
        ),
    ] {
        assert_eq!(ann.post("/containers", &spec).await.code(), code, "{spec:?}");
    }
    let offers: Offers = ann.request("GET", "/offers", b"").await.json();
    assert!(offers.networks.iter().all(|offer| !offer.usable || offer.name == "none"), "{offers:?}");
    assert_eq!(offers.most.memory_bytes, offers.defaults.memory_bytes);
    let started = ann.post("/containers", &shell()).await;
    let Started { container, .. } = started.json();
    let more = Limits { memory_bytes: Some(1 << 30), ..Limits::default() };
    let body = serde_json::to_vec(&more).unwrap();
    let raised = ann.request("PATCH", &format!("/containers/{container}"), &body).await;
    assert_eq!(raised.code(), "bad_request");
    assert_eq!(
        agent.owner("PATCH", &format!("/containers/{container}"), &body).await.code(),
        "bad_request",
        "it is the container that is bound"
    );
    let fewer = serde_json::to_vec(&Limits { pids: Some(64), ..Limits::default() }).unwrap();
    assert_eq!(ann.request("PATCH", &format!("/containers/{container}"), &fewer).await.status, 200);
}

#[tokio::test]
async fn containers_are_counted_by_session_and_by_address() {
    if !possible() {
        return;
    }
    let agent = Agent::start_configured(
        "[visitors]\nenabled = true\ncontainers = 2\ncontainers-per-address = 3\nsessions-per-address = 2\n",
    );
    let ann = Visitor::comes(&agent).await;
    let mut client = ann.connect().await;
    assert_eq!(client.session.as_ref().unwrap().max_containers, Some(2));
    let (first, second) = (client.launch(shell()).await, client.launch(shell()).await);
    let third = client.try_launch(shell()).await.unwrap_err();
    assert_eq!(third.code, ErrorCode::TooMany);
    let bob = Visitor::comes(&agent).await;
    assert_eq!(bob.post("/containers", &shell()).await.status, 201);
    let fourth = bob.post("/containers", &shell()).await;
    assert_eq!((fourth.status, fourth.code().as_str()), (429, "too_many"));
    assert_eq!(Visitor::comes_from(&agent, "203.0.113.1").await.err().unwrap().code(), "too_many");
    // Somebody from elsewhere is not concerned; of version 6, one network is one address.
    let eve = Visitor::comes_from(&agent, "2001:db8::1").await.ok().unwrap();
    assert_eq!(eve.post("/containers", &shell()).await.status, 201);
    assert!(Visitor::comes_from(&agent, "2001:db8::2").await.is_ok());
    assert!(Visitor::comes_from(&agent, "2001:db8::3").await.is_err());
    // What has ended counts no more; neither does a launch that failed.
    client.type_line(&first, "exit").await;
    client.exit(&first).await;
    client.until(|client| client.session.as_ref().unwrap().containers == 1).await;
    let broken = run(&["/no/such/command"]);
    assert_eq!(client.try_launch(broken).await.unwrap_err().code, ErrorCode::CommandNotFound);
    let next = client.launch(shell()).await;
    assert_ne!(next.container, second.container);
}

#[tokio::test]
async fn a_session_that_is_ended_leaves_nothing() {
    if !possible() {
        return;
    }
    let agent = open_agent();
    let ann = Visitor::comes(&agent).await;
    let bob = Visitor::comes(&agent).await;
    let mut client = ann.connect().await;
    let mut other = bob.connect().await;
    let (own, _) = (client.launch(shell()).await, client.launch(run(&["true"])).await);
    let kept = other.launch(shell()).await;
    let gone = ann.request("DELETE", "/session", b"").await;
    assert_eq!(gone.status, 204);
    assert!(gone.header("set-cookie").unwrap().contains("Max-Age=0"));
    client.until(|client| client.closed.is_some()).await;
    assert_eq!(client.closed, Some(4006));
    assert!(client.last_words.is_some());
    assert_eq!(ann.request("GET", "/containers", b"").await.status, 401);
    let left: Vec<ContainerSummary> = agent.owner("GET", "/containers", b"").await.json();
    assert_eq!(ids(&left), [kept.container.to_string()]);
    assert_ne!(own.container, kept.container);
    other.type_line(&kept, "echo here").await;
    other.expect(&kept, "here\r\n").await;
}

#[tokio::test]
async fn a_session_ends_by_itself_unless_it_is_extended() {
    if !possible() {
        return;
    }
    let agent = Agent::start_configured("[visitors]\nenabled = true\nlifetime = '4s'\nlongest = '6s'\n");
    let ann = Visitor::comes(&agent).await;
    let mut client = ann.connect().await;
    client.launch(shell()).await;
    let begun = ann.session.clone();
    assert_eq!(begun.expires_ms, Some(begun.created_ms + 4000));
    // As soon as there is something to gain, it is offered.
    let offered = loop {
        let session: Session = ann.request("GET", "/session", b"").await.json();
        if session.extends_to_ms.is_some() {
            break session;
        }
    };
    assert!(offered.extends_to_ms > offered.expires_ms);
    let extended: Session = ann.request("POST", "/session/extend", b"").await.json();
    assert!(extended.expires_ms > begun.expires_ms, "{extended:?}");
    client.until(|client| client.session.as_ref().unwrap().expires_ms == extended.expires_ms).await;
    client.until(|client| client.closed.is_some()).await;
    assert_eq!(client.closed, Some(4006));
    let mut owner = Client::connect(&agent.address, Some(agent.token())).await.unwrap();
    owner.until(|client| !client.images.is_empty() && client.containers.is_empty()).await;
    assert_eq!(ann.request("POST", "/session/extend", b"").await.status, 401);
}

#[tokio::test]
async fn sessions_and_what_they_own_survive_a_killed_agent() {
    if !possible() {
        return;
    }
    let mut agent = open_agent();
    let (cookie, session, container) = {
        let ann = Visitor::comes(&agent).await;
        let mut client = ann.connect().await;
        let shell = client.launch(shell()).await;
        (ann.cookie.clone(), ann.session.clone(), shell.container)
    };
    let orphan = {
        let bob = Visitor::comes(&agent).await;
        let started = bob.post("/containers", &shell()).await;
        (bob.session.id.clone(), started.json::<Started>().container)
    };
    // One of the sessions is lost with its line of the file, as if it had been ended just before.
    agent.kill_and_restart_after(|state| {
        let path = state.join("agent/sessions.json");
        let mut kept: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        kept.retain(|entry| entry["id"] != Value::String(orphan.0.clone()));
        std::fs::write(&path, serde_json::to_vec(&kept).unwrap()).unwrap();
    });
    let mut client = Client::connect_as(&agent.address, &[("cookie", &cookie)], &hello()).await.unwrap();
    let now = client.session.clone().unwrap();
    assert_eq!((now.id, now.expires_ms, now.containers), (session.id, session.expires_ms, 1));
    let again = client.try_attach(&container, 0, None).await.unwrap();
    client.type_line(&again, "echo back").await;
    client.expect(&again, "back\r\n").await;
    // What belongs to nobody any more is removed.
    let mut owner = Client::connect(&agent.address, Some(agent.token())).await.unwrap();
    owner.until(|client| ids(&client.containers) == [container.to_string()]).await;
    let gone = agent.owner("GET", &format!("/containers/{}", orphan.1), b"").await;
    assert_eq!(gone.code(), "no_such_container");
}

#[tokio::test]
async fn without_visitors_nothing_is_as_it_was_not() {
    let agent = Agent::start();
    let session = agent.request("GET", "/api/v1/session", &[], b"").await;
    assert!(session.json::<Session>().owner && session.header("set-cookie").is_none());
    let client = agent.connect().await;
    assert!(client.session.unwrap().owner);
    let _: Vec<ContainerDetail> = agent.get("/containers").await;
    let ending = agent.request("DELETE", "/api/v1/session", &[], b"").await;
    assert_eq!(ending.code(), "bad_request");
}

#[tokio::test]
async fn a_launch_by_the_socket_says_whose_it_is() {
    if !possible() {
        return;
    }
    let agent = open_agent();
    let ann = Visitor::comes(&agent).await;
    let mut client = ann.connect().await;
    let (detail, _) = client.try_launch(run(&["true"])).await.unwrap();
    assert_eq!(detail.summary.session, Some(ann.session.id));
    let mut owner = Client::connect(&agent.address, Some(agent.token())).await.unwrap();
    let (own, _) = owner.try_launch(run(&["true"])).await.unwrap();
    assert_eq!(own.summary.session, None);
    let request = owner.request();
    owner.send(&ClientMessage::Inspect { request, container: detail.summary.id }).await;
    assert!(matches!(owner.answer(request).await, Ok(ServerMessage::Detail { .. })));
}
