//! Names in networks: the agent answers those of a lab, and passes the others on to the host's name server.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod support;
#[path = "../../launcher/tests/support/world.rs"]
#[allow(dead_code, unreachable_pub, reason = "tests of the launcher use what these do not")]
mod world;

use std::fs;

use nix::sched::{CloneFlags, unshare};
use porthole_protocol::ids::ContainerId;
use porthole_protocol::spec::LaunchSpec;
use support::{Agent, Client, possible, run};
use world::{WEB, World, here};

/// The world, and in it the only name server that the host knows: every name is the web server's.
fn world_with_names() -> World {
    let mut world = World::new();
    world.answer(53, the_web_server);
    // Of this thread, and of what it starts, alone.
    unshare(CloneFlags::CLONE_NEWNS).unwrap();
    let settings = tempfile::NamedTempFile::new().unwrap();
    fs::write(settings.path(), format!("nameserver {WEB}\n")).unwrap();
    here(&format!(
        "chmod 644 {0}; mount --make-rprivate /; mount --bind {0} $(readlink -f /etc/resolv.conf)",
        settings.path().display()
    ));
    world
}

/// The answer to a question of DNS: whatever the name, it is the web server's.
fn the_web_server(question: &[u8]) -> Vec<u8> {
    let mut reply = question.to_vec();
    reply[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1]);
    reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 45, 33, 32, 2]);
    reply
}

/// A container that idles in these networks. Answers its id and its first address.
async fn launch(client: &mut Client, name: &str, networks: &[&str]) -> (ContainerId, String) {
    let networks = networks.iter().map(|&network| network.to_owned()).collect();
    let spec = LaunchSpec {
        name: Some(name.to_owned()),
        hostname: Some(format!("{name}-host")),
        networks,
        ..run(&["sleep", "600"])
    };
    let (detail, _terminal) = client.try_launch(spec).await.unwrap();
    let address = detail.addresses[0].address.split('/').next().unwrap().to_owned();
    (detail.summary.id, address)
}

/// What `nslookup` in a container says of an IPv4 name.
async fn look_up(client: &mut Client, container: &ContainerId, name: &str) -> String {
    let script = format!("nslookup -type=a {name} 2>&1 | sed 1,2d");
    let terminal = client.exec(container, run(&["sh", "-c", &script]).process).await;
    client.exit(&terminal).await;
    client.text(terminal.channel())
}

#[tokio::test]
async fn a_lab_knows_its_members_by_name_and_nat_knows_what_the_host_knows() {
    if !possible() || !world::possible() {
        return;
    }
    let _world = world_with_names();
    let mut agent = Agent::start();
    let mut client = agent.connect().await;
    let (web, web_address) = launch(&mut client, "web", &["one", "nat"]).await;
    let (db, db_address) = launch(&mut client, "db", &["one"]).await;
    let (other, _) = launch(&mut client, "other", &["two"]).await;

    for name in ["db", "DB-host", db.as_str()] {
        let said = look_up(&mut client, &web, name).await;
        assert!(said.contains(&format!("Address: {db_address}")), "{name}: {said}");
    }
    let said = look_up(&mut client, &db, "web").await;
    assert!(said.contains(&format!("Address: {web_address}")), "{said}");
    let said = look_up(&mut client, &web, "example.org").await;
    assert!(said.contains(&format!("Address: {WEB}")), "{said}");
    for (container, name) in [(&db, "example.org"), (&db, "other"), (&other, "db"), (&web, "nobody")] {
        let said = look_up(&mut client, container, name).await;
        assert!(said.contains("NXDOMAIN"), "{name}: {said}");
    }

    // A new agent is given the same sockets, and learns who is where.
    agent.kill_and_restart();
    let mut client = agent.connect().await;
    let said = look_up(&mut client, &db, "web").await;
    assert!(said.contains(&format!("Address: {web_address}")), "{said}");
    let said = look_up(&mut client, &web, "example.org").await;
    assert!(said.contains(&format!("Address: {WEB}")), "{said}");
    agent.stop();
}

#[tokio::test]
async fn a_container_that_asks_without_end_does_not_keep_another_from_its_names() {
    if !possible() || !world::possible() {
        return;
    }
    let world = World::new();
    // A name server that is silent: every question outward stays open for as long as it may.
    let _silent = world.udp(53);
    let mut agent = Agent::start();
    let mut client = agent.connect().await;
    let (greedy, _) = launch(&mut client, "greedy", &["nat"]).await;
    let (modest, _) = launch(&mut client, "modest", &["one"]).await;
    let (_, friend) = launch(&mut client, "friend", &["one"]).await;
    let flood = "for n in $(seq 100); do nslookup -type=a $n.example.org > /dev/null 2>&1 & done; sleep 600";
    client.exec(&greedy, run(&["sh", "-c", flood]).process).await;
    for _ in 0..5 {
        let said = look_up(&mut client, &modest, "friend").await;
        assert!(said.contains(&format!("Address: {friend}")), "{said}");
    }
    agent.stop();
}
