//! Signs of life, in real time: a connection of which nothing is heard any more is given up on both sides, and an idle one is
//! kept from looking idle to what is between.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

mod support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread::scope;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use porthole_faults::{Fault, Proxy, Target};
use porthole_protocol::control::{ClientMessage, CloseCode};
use porthole_protocol::limits::{DEAD_AFTER_MS, PING_EVERY_MS};
use porthole_protocol::version::Generations;
use support::{Agent, possible};
use tokio_tungstenite::tungstenite::Message;

/// `porthole run -i busybox cat` through a proxy.
fn cat(proxy: &Proxy<'_>) -> Child {
    Command::new(env!("CARGO_BIN_EXE_porthole"))
        .args(["--agent", &format!("http://{}", proxy.address()), "run", "-i", "busybox", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Does this with a `cat` behind a proxy; gives what the proxy's connections suffered.
fn through(agent: &Agent, faults: Vec<Fault>, work: impl FnOnce(&Proxy<'_>, &mut dyn FnMut(&str))) -> usize {
    let target = Target::new(agent.address.parse().unwrap());
    let proxy = Proxy::with(&target, faults).unwrap();
    scope(|scope| {
        let serving = scope.spawn(|| proxy.serve());
        let mut child = cat(&proxy);
        let mut stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut asks = |line: &str| {
            writeln!(stdin, "{line}").unwrap();
            let mut answer = String::new();
            stdout.read_line(&mut answer).unwrap();
            assert_eq!(answer.trim_end(), line);
        };
        asks("first");
        work(&proxy, &mut asks);
        asks("last");
        drop(stdin);
        let status = child.wait().unwrap();
        proxy.stop();
        serving.join().unwrap().unwrap();
        assert!(status.success());
    });
    proxy.happened().len()
}

#[test]
fn a_connection_that_carries_nothing_any_more_is_noticed_and_replaced() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let connections = through(&agent, Vec::new(), |proxy, asks| {
        proxy.freeze();
        // Answered when the silence was noticed: on another connection.
        asks("in the silence");
    });
    assert_eq!(connections, 2);
}

#[test]
fn an_idle_terminal_is_kept_by_a_proxy_that_closes_what_is_idle_either_way() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let idle = Duration::from_millis(PING_EVERY_MS * 3 / 2);
    let connections = through(&agent, vec![Fault::Impatient { idle }], |_, _| {
        #[expect(clippy::disallowed_methods, reason = "nothing is done for a while: that is the test")]
        std::thread::sleep(idle * 2);
    });
    assert_eq!(connections, 1, "it was never closed");
}

#[tokio::test]
async fn a_client_that_gives_no_sign_of_life_is_given_up() {
    if !possible() {
        return;
    }
    let agent = Agent::start();
    let mut socket = agent.upgrade(&[]).await.unwrap();
    let hello = ClientMessage::Hello {
        generations: Generations::OURS,
        token: None,
        client: "silent".into(),
        share: None,
        name: None,
    };
    socket.send(Message::text(serde_json::to_string(&hello).unwrap())).await.unwrap();
    let closed = async {
        loop {
            // Its pings are read and not answered.
            if let Message::Close(frame) = socket.next().await.unwrap().unwrap() {
                return frame.unwrap().code;
            }
        }
    };
    let patience = Duration::from_millis(DEAD_AFTER_MS * 3);
    let code = tokio::time::timeout(patience, closed).await.expect("it is given up");
    assert_eq!(u16::from(code), CloseCode::TimedOut as u16);
}
