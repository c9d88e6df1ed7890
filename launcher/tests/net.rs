//! Networks, with a whole world of the test's own: see `support/world.rs`.

mod support;

use porthole_launcher::capabilities;
use porthole_launcher::wire::{Address, LaunchRequest, Message, Reply, RequestBody};
use support::world::{self, FORBIDDEN, HOST, HOST_LAN, WEB, World, here, router, state_of_host};
use support::{Launcher, on_pipes, read_all, shell};

/// A container that does nothing, in these networks.
fn idle(id: &str, networks: &[&str]) -> LaunchRequest {
    LaunchRequest {
        networks: networks.iter().map(|&name| name.to_owned()).collect(),
        process: on_pipes(&["/bin/sleep", "600"]),
        ..shell(id)
    }
}

/// Starts it; answers its addresses.
fn launch(launcher: &mut Launcher, request: LaunchRequest) -> Vec<Address> {
    match launcher.ask(RequestBody::Launch(Box::new(request))).0 {
        Reply::Launched { addresses, .. } => addresses,
        other => panic!("{other:?}"),
    }
}

/// What a script in a container prints.
fn inside(launcher: &mut Launcher, id: &str, script: &str) -> String {
    let process = on_pipes(&["/bin/sh", "-c", &format!("{{ {script}; }} 2>&1")]);
    let (reply, mut fds) = launcher.ask(RequestBody::Exec { container: id.to_owned(), process });
    assert!(matches!(reply, Reply::Started { .. }), "{reply:?}");
    read_all(fds.remove(1))
}

/// Whether a container reaches a TCP port: what answers there says a word at once.
fn reaches(launcher: &mut Launcher, id: &str, address: &str, port: u16) -> bool {
    let said = inside(launcher, id, &format!("nc -w 2 {address} {port} < /dev/null | head -n 1"));
    said.starts_with("outside:") || said.starts_with("host") || said.starts_with("inside")
}

fn end(launcher: &mut Launcher, id: &str) {
    launcher.ask(RequestBody::Kill { container: id.to_owned() });
    launcher.ended(id);
    launcher.ask(RequestBody::Remove { container: id.to_owned() });
}

/// Raw sockets: the static busybox's ping and arping need them.
const NET_RAW: u64 = 1 << 13;

const A: &str = "aaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbb";
const C: &str = "cccccccccccc";

#[test]
fn a_container_in_nat_reaches_what_is_outside_and_without_a_network_nothing() {
    if !world::possible() {
        return;
    }
    let _world = World::new();
    let mut launcher = Launcher::start();
    let before = state_of_host();
    launch(&mut launcher, idle(B, &[]));
    assert_eq!(state_of_host(), before, "a container without a network changes nothing");
    assert!(!reaches(&mut launcher, B, WEB, 80));

    let ping = capabilities::DEFAULT | NET_RAW;
    let addresses = launch(&mut launcher, LaunchRequest { capabilities: ping, ..idle(A, &["nat"]) });
    assert_eq!(addresses.len(), 1);
    assert_eq!((addresses[0].network.as_str(), addresses[0].interface.as_str()), ("nat", "eth0"));
    assert!(reaches(&mut launcher, A, WEB, 80), "{}", inside(&mut launcher, A, "ip addr; ip route"));
    let pinged = inside(&mut launcher, A, &format!("ping -c 1 -W 2 {WEB}"));
    assert!(pinged.contains("1 packets received"), "{pinged}");
}
