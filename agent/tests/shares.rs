//! Terminals that are shared: who comes by a link, what it opens, who types, whose size it is.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

mod support;

use porthole_protocol::control::{ClientMessage, ServerMessage};
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::ids::{ContainerId, PersonId};
use porthole_protocol::limits::MAX_SHARES;
use porthole_protocol::session::{CreatedShare, May, Person, Share, ShareRequest};
use porthole_protocol::spec::Size;
use support::visitor::{Visitor, hello_by};
use support::{Agent, Client, Terminal, possible, run, shell, terminal};

async fn share(agent: &Agent, container: &ContainerId, may: May, expires_in_ms: Option<u64>) -> CreatedShare {
    let path = format!("/containers/{container}/processes/0/shares");
    let answer = agent.post(&path, &ShareRequest { may, expires_in_ms }).await;
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()
}

async fn try_come(
    agent: &Agent,
    secret: &str,
    name: Option<&str>,
) -> Result<Client, (Option<u16>, Option<WireError>)> {
    Client::connect_as(&agent.address, &[], &hello_by(secret, name)).await
}

/// Comes by a link and attaches to what it opens.
async fn come(agent: &Agent, share: &CreatedShare, name: Option<&str>) -> (Client, Terminal) {
    let mut guest = try_come(agent, &share.secret, name).await.expect("a guest is welcome");
    let opened = guest.opened.clone().unwrap();
    let terminal = guest.try_attach(&opened.container, opened.process, None).await.unwrap();
    (guest, terminal)
}

/// What was told last: who is there, which of them one is, who holds the keyboard, the size.
struct Told {
    people: Vec<Person>,
    you: PersonId,
    keyboard: Option<PersonId>,
    size: Size,
}

fn told(client: &Client) -> Option<Told> {
    match client.people.last()?.clone() {
        ServerMessage::People { people, you, keyboard, size, .. } => {
            Some(Told { people, you, keyboard, size })
        }
        _ => None,
    }
}

/// Waits until this is told; answers which of them one is.
async fn until_told(client: &mut Client, is_it: impl Fn(&Told) -> bool) -> PersonId {
    client.until(|client| told(client).as_ref().is_some_and(&is_it)).await;
    told(client).unwrap().you
}

fn names(people: &[Person]) -> Vec<&str> {
    people.iter().map(|person| person.name.as_str()).collect()
}

async fn hand(client: &mut Client, terminal: &Terminal, holder: Option<PersonId>) -> Result<(), WireError> {
    let request = client.request();
    let container = terminal.container.clone();
    client.send(&ClientMessage::Keyboard { request, container, process: terminal.process, holder }).await;
    client.answer(request).await.map(drop)
}

#[tokio::test]
async fn a_share_opens_one_terminal_and_nothing_else() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut owner = agent.connect().await;
    let own = owner.launch(shell()).await;
    let second = owner.exec(&own.container, terminal(&["sh"])).await;
    let other = owner.launch(shell()).await;
    let watch = share(&agent, &own.container, May::Watch, None).await;
    assert!(watch.secret.len() >= 32 && watch.secret != watch.share.id);
    let (mut guest, seen) = come(&agent, &watch, None).await;
    assert_eq!(guest.opened.as_ref().unwrap().may, May::Watch);
    assert!(guest.session.is_none());

    owner.type_line(&own, "echo look $((6 * 7))").await;
    guest.expect(&seen, "look 42").await;
    // What a watcher types goes nowhere; it is told once, and what the owner types then comes after it.
    guest.type_line(&seen, "echo never").await;
    guest.until(|guest| guest.last_words.is_some()).await;
    assert_eq!(guest.last_words.take().unwrap().code, ErrorCode::Forbidden);
    guest.type_line(&seen, "echo never").await;
    guest.resize(&seen, 7, 7).await;
    guest.send(&ClientMessage::CloseInput { channel: seen.channel() }).await;
    let (container, process) = (own.container.clone(), own.process);
    let asked: [fn(u32, ContainerId) -> ClientMessage; 8] = [
        |request, container| ClientMessage::Inspect { request, container },
        |request, container| ClientMessage::Stop { request, container },
        |request, container| ClientMessage::Remove { request, container, force: true },
        |request, container| ClientMessage::Signal { request, container, process: 0, signal: "KILL".into() },
        |request, container| ClientMessage::Keyboard { request, container, process: 0, holder: None },
        |request, container| ClientMessage::Record { request, container, process: 0, on: true },
        |request, _| ClientMessage::Launch { request, spec: shell(), credit: 1, typist: None },
        |request, _| ClientMessage::Pull { request, name: "debian".into() },
    ];
    for ask in asked {
        let request = guest.request();
        let message = ask(request, container.clone());
        guest.send(&message).await;
        assert_eq!(guest.answer(request).await.unwrap_err().code, ErrorCode::Forbidden, "{message:?}");
    }
    assert!(guest.last_words.is_none(), "it was told once");
    let exec = guest.try_exec(&container, terminal(&["id"])).await.unwrap_err();
    assert_eq!(exec.code, ErrorCode::Forbidden);
    let second = guest.try_attach(&container, second.process, None).await.unwrap_err();
    assert_eq!(second.code, ErrorCode::NoSuchProcess);
    let other = guest.try_attach(&other.container, process, None).await.unwrap_err();
    assert_eq!(other.code, ErrorCode::NoSuchContainer);
    // A watcher sets no size.
    owner.type_line(&own, "stty size").await;
    guest.expect(&seen, "24 80\r\n").await;
    assert!(!guest.text(seen.channel()).contains("never"));
    assert!(guest.containers.is_empty() && guest.images.is_empty() && guest.views.is_empty());
}

#[tokio::test]
async fn whoever_may_type_types_until_the_keyboard_is_anothers() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut owner = agent.connect().await;
    let own = owner.launch(shell()).await;
    let link = share(&agent, &own.container, May::Type, None).await;
    let (mut guest, seen) = come(&agent, &link, Some("Ann\u{1b}[2J")).await;
    guest.type_line(&seen, "echo from $((1 + 1))").await;
    owner.expect(&own, "from 2").await;
    let ann = until_told(&mut guest, |told| names(&told.people) == ["Owner", "Ann [2J"]).await;
    until_told(&mut owner, |told| {
        let Told { people, you, .. } = told;
        names(people) == ["Owner", "Ann [2J"] && people[0].owner && !people[1].owner && people[0].id == *you
    })
    .await;

    let owner_id = told(&owner).unwrap().you;
    hand(&mut owner, &own, Some(ann)).await.unwrap();
    until_told(&mut owner, |told| told.keyboard == Some(ann)).await;
    owner.type_line(&own, "echo unheard").await;
    owner.until(|owner| owner.last_words.is_some()).await;
    guest.type_line(&seen, "echo heard").await;
    owner.expect(&own, "\nheard\r\n").await;
    assert!(!owner.text(own.channel()).contains("unheard"));
    assert_eq!(hand(&mut guest, &seen, None).await.unwrap_err().code, ErrorCode::Forbidden);
    assert_eq!(hand(&mut owner, &own, Some(999)).await.unwrap_err().code, ErrorCode::BadRequest);

    hand(&mut owner, &own, Some(owner_id)).await.unwrap();
    until_told(&mut guest, |told| told.keyboard == Some(owner_id)).await;
    guest.type_line(&seen, "echo unheard").await;
    guest.until(|guest| guest.last_words.is_some()).await;
    hand(&mut owner, &own, Some(ann)).await.unwrap();
    // When the holder leaves, the keyboard is free again.
    drop(guest);
    until_told(&mut owner, |told| told.people.len() == 1 && told.keyboard.is_none()).await;
    owner.type_line(&own, "echo mine $((3 * 3))").await;
    owner.expect(&own, "mine 9").await;
    assert!(!owner.text(own.channel()).contains("unheard"));
}

#[tokio::test]
async fn the_size_is_the_owners_and_the_others_scale() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut owner = agent.connect().await;
    let own = owner.launch(shell()).await;
    let link = share(&agent, &own.container, May::Type, None).await;
    let (mut guest, seen) = come(&agent, &link, None).await;
    owner.resize(&own, 40, 100).await;
    until_told(&mut guest, |told| told.size == Size { rows: 40, cols: 100 }).await;
    guest.resize(&seen, 20, 50).await;
    guest.type_line(&seen, "until stty size | grep '40 100'; do sleep 0.1; done").await;
    guest.expect(&seen, "\n40 100\r\n").await;
    // The owner's other device, as soon as something is done there.
    let mut phone = agent.connect().await;
    let again = phone.try_attach(&own.container, 0, None).await.unwrap();
    phone.resize(&again, 30, 60).await;
    until_told(&mut guest, |told| told.size == Size { rows: 30, cols: 60 }).await;
    owner.type_line(&own, "echo back").await;
    until_told(&mut guest, |told| told.size == Size { rows: 40, cols: 100 }).await;
    // Without the owner it is that of who may type.
    drop((owner, phone));
    until_told(&mut guest, |told| told.size == Size { rows: 20, cols: 50 }).await;
    guest.type_line(&seen, "until stty size | grep '20 50'; do sleep 0.1; done").await;
    guest.expect(&seen, "\n20 50\r\n").await;
}

#[tokio::test]
async fn a_revoked_share_is_out_at_once() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut owner = agent.connect().await;
    let own = owner.launch(shell()).await;
    let (first, second) = (
        share(&agent, &own.container, May::Type, None).await,
        share(&agent, &own.container, May::Watch, None).await,
    );
    let (mut guest, seen) = come(&agent, &first, None).await;
    let (mut stays, _) = come(&agent, &second, None).await;
    let shares: Vec<Share> = agent.get(&format!("/containers/{}/shares", own.container)).await;
    assert_eq!(shares, [first.share.clone(), second.share.clone()]);
    let path = format!("/api/v1/containers/{}/shares/{}", own.container, first.share.id);
    assert_eq!(agent.request("DELETE", &path, &[], b"").await.status, 204);
    guest.until(|guest| guest.closed.is_some()).await;
    assert_eq!(guest.closed, Some(4006));
    assert_eq!(guest.last_words.as_ref().unwrap().code, ErrorCode::NoSuchShare);
    guest.type_line(&seen, "echo late").await;
    let (closed, error) = try_come(&agent, &first.secret, None).await.err().unwrap();
    assert_eq!((closed, error.unwrap().code), (Some(4006), ErrorCode::NoSuchShare));
    assert_eq!(agent.request("DELETE", &path, &[], b"").await.code(), "no_such_share");
    for wrong in ["", "x", &second.share.id, &second.secret[1..]] {
        assert_eq!(try_come(&agent, wrong, None).await.err().unwrap().0, Some(4006), "{wrong}");
    }
    owner.type_line(&own, "echo still").await;
    stays.until(|stays| stays.output.values().any(|bytes| bytes.windows(7).any(|w| w == b"still\r\n"))).await;
    assert!(!owner.text(own.channel()).contains("late"));
    // With the container everybody is out.
    let gone =
        agent.request("DELETE", &format!("/api/v1/containers/{}?force=true", own.container), &[], b"").await;
    assert_eq!(gone.status, 204);
    stays.until(|stays| stays.closed == Some(4006)).await;
}

#[tokio::test]
async fn a_share_ends_by_itself() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut owner = agent.connect().await;
    let own = owner.launch(shell()).await;
    let link = share(&agent, &own.container, May::Watch, Some(1500)).await;
    assert_eq!(link.share.expires_ms, Some(link.share.created_ms + 1500));
    let (mut guest, _) = come(&agent, &link, None).await;
    guest.until(|guest| guest.closed == Some(4006)).await;
    assert!(try_come(&agent, &link.secret, None).await.is_err());
    let shares: Vec<Share> = agent.get(&format!("/containers/{}/shares", own.container)).await;
    assert_eq!(shares, []);
}

#[tokio::test]
async fn shares_outlive_the_agent_and_a_revoked_one_stays_revoked() {
    if !possible() {
        return;
    }
    let mut agent = Agent::start();
    let container = agent.connect().await.launch(shell()).await.container;
    let (kept, revoked) =
        (share(&agent, &container, May::Type, None).await, share(&agent, &container, May::Type, None).await);
    // Also where the container has ended: the last words are still read.
    let path = format!("/api/v1/containers/{container}/shares/{}", revoked.share.id);
    let mut owner = agent.connect().await;
    let own = owner.try_attach(&container, 0, None).await.unwrap();
    owner.type_line(&own, "exit").await;
    owner.exit(&own).await;
    let stopped = agent.request("POST", &format!("/api/v1/containers/{container}/stop"), &[], b"").await;
    assert_eq!(stopped.status, 204);
    assert_eq!(agent.request("DELETE", &path, &[], b"").await.status, 204);
    agent.kill_and_restart();
    let guest = try_come(&agent, &kept.secret, None).await.expect("it still opens");
    assert_eq!(guest.opened.unwrap().container, container);
    assert_eq!(try_come(&agent, &revoked.secret, None).await.err().unwrap().0, Some(4006));
}

#[tokio::test]
async fn shares_are_bounded_and_only_of_terminals() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut owner = agent.connect().await;
    let own = owner.launch(shell()).await;
    for _ in 0..MAX_SHARES {
        share(&agent, &own.container, May::Watch, None).await;
    }
    let path = format!("/containers/{}/processes/0/shares", own.container);
    let watch = ShareRequest { may: May::Watch, expires_in_ms: None };
    assert_eq!(agent.post(&path, &watch).await.code(), "too_many");
    let pipes = owner.launch(run(&["sleep", "100"])).await;
    let path = |process: u32| format!("/containers/{}/processes/{process}/shares", pipes.container);
    assert_eq!(agent.post(&path(0), &watch).await.code(), "bad_request");
    assert_eq!(agent.post(&path(9), &watch).await.code(), "no_such_process");
    let unknown = serde_json::json!({ "may": "fly" });
    let path = format!("/containers/{}/processes/0/shares", owner.launch(shell()).await.container);
    assert_eq!(agent.post(&path, &unknown).await.code(), "bad_request");
}

#[tokio::test]
async fn a_visitor_shares_what_is_his_and_the_link_ends_with_his_session() {
    if !possible() {
        return;
    }
    let agent = Agent::start_with(&["--listen", "127.0.0.1:0", "--visitors"]);
    let ann = Visitor::comes(&agent).await;
    let mut client = ann.connect().await;
    let own = client.launch(shell()).await;
    let path = format!("/containers/{}/processes/0/shares", own.container);
    let link: CreatedShare =
        ann.post(&path, &ShareRequest { may: May::Type, expires_in_ms: None }).await.json();
    let bob = Visitor::comes(&agent).await;
    let refused = bob.post(&path, &ShareRequest { may: May::Type, expires_in_ms: None }).await;
    assert_eq!(refused.code(), "no_such_container");
    // A guest needs neither token nor session, and gets none.
    let (mut guest, seen) = come(&agent, &link, None).await;
    guest.type_line(&seen, "echo hello").await;
    client.expect(&own, "hello\r\n").await;
    until_told(&mut client, |told| told.people.len() == 2 && told.people[0].owner && !told.people[1].owner)
        .await;
    assert_eq!(ann.request("DELETE", "/session", b"").await.status, 204);
    guest.until(|guest| guest.closed == Some(4006)).await;
}

#[tokio::test]
async fn a_hundred_who_come_at_once_are_told_of_each_other_in_a_few_messages() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut owner = agent.connect().await;
    let own = owner.launch(shell()).await;
    let link = share(&agent, &own.container, May::Watch, None).await;
    let mut guests = futures_util::future::join_all((0..100).map(|_| come(&agent, &link, None))).await;
    until_told(&mut owner, |told| told.people.len() == 101).await;
    let messages = owner.people.len();
    assert!(messages <= 50, "{messages}");
    owner.type_line(&own, "echo to all").await;
    for (guest, seen) in &mut guests {
        guest.expect(seen, "to all\r\n").await;
        until_told(guest, |told| told.people.len() == 101).await;
    }
}
