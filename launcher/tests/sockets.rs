//! Sockets in containers' network namespaces.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Instant;

use porthole_launcher::wire::{FailureKind, Reply, RequestBody};
use rustix::io::ioctl_fionbio;
use support::{Launcher, eventually, on_pipes, possible, shell};

const ID: &str = "0123456789ab";

fn echo_server() -> RequestBody {
    let mut request = shell(ID);
    request.process = on_pipes(&["nc", "-ll", "-p", "7000", "-e", "cat"]);
    RequestBody::Launch(Box::new(request))
}

fn socket(launcher: &mut Launcher, ipv6: bool) -> Result<OwnedFd, FailureKind> {
    match launcher.ask(RequestBody::Socket { container: ID.to_owned(), ipv6 }) {
        (Reply::Socket, mut fds) => Ok(fds.pop().unwrap()),
        (Reply::Failed(failure), _) => Err(failure.kind),
        (other, _) => panic!("{other:?}"),
    }
}

/// Connects, as the agent does but waiting for it.
fn connect(socket: OwnedFd, address: &str) -> rustix::io::Result<TcpStream> {
    let flags = rustix::fs::fcntl_getfl(&socket).unwrap();
    assert!(flags.contains(rustix::fs::OFlags::NONBLOCK), "the agent must not block on it");
    assert!(rustix::io::fcntl_getfd(&socket).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
    ioctl_fionbio(&socket, false).unwrap();
    rustix::net::connect(&socket, &address.parse::<SocketAddr>().unwrap())?;
    Ok(socket.into())
}

fn listens(launcher: &mut Launcher) {
    eventually("the container listens", || {
        let (reply, _) = launcher.ask(RequestBody::Listening { container: ID.to_owned() });
        let Reply::Listening(tables) = reply else { panic!("{reply:?}") };
        tables.iter().any(|table| table.contains(":1B58"))
    });
}

fn reaches_the_container_and_nothing_of_the_host(mut launcher: Launcher) {
    let home = format!("/proc/{}/ns/net", launcher.process.id());
    let before = fs::read_link(&home).unwrap();
    let (reply, _fds) = launcher.ask(echo_server());
    assert!(matches!(reply, Reply::Launched { .. }), "{reply:?}");
    listens(&mut launcher);
    for (ipv6, address) in [(false, "127.0.0.1:7000"), (true, "[::1]:7000")] {
        let mut stream = connect(socket(&mut launcher, ipv6).unwrap(), address).unwrap();
        stream.write_all(b"through").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }
    let hosts = TcpListener::bind("127.0.0.1:0").unwrap();
    let hosts = hosts.local_addr().unwrap().to_string();
    TcpStream::connect(&hosts).expect("from the host's own namespace it is reached");
    let refused = connect(socket(&mut launcher, false).unwrap(), &hosts).unwrap_err();
    assert_eq!(refused, rustix::io::Errno::CONNREFUSED);

    if std::env::var_os("PORTHOLE_STEPS").is_some() {
        let begun = Instant::now();
        let sockets: Vec<_> = (0..200).map(|_| socket(&mut launcher, false).unwrap()).collect();
        println!("{:?} for one of {}", begun.elapsed() / 200, sockets.len());
    }
    assert_eq!(fs::read_link(&home).unwrap(), before, "the launcher is where it was");
    launcher.ask(RequestBody::Kill { container: ID.to_owned() });
    launcher.ended(ID);
    assert_eq!(socket(&mut launcher, false).unwrap_err(), FailureKind::NotRunning);
    launcher.assert_settled();
}

#[test]
fn a_socket_reaches_the_container_and_nothing_of_the_host() {
    if possible() {
        reaches_the_container_and_nothing_of_the_host(Launcher::start());
    }
}

#[test]
fn the_same_without_root() {
    if possible() {
        reaches_the_container_and_nothing_of_the_host(Launcher::start_without_root());
    }
}

#[test]
fn there_is_no_socket_of_a_container_that_is_not_there() {
    if !possible() {
        return;
    }
    let mut launcher = Launcher::start();
    assert_eq!(socket(&mut launcher, false).unwrap_err(), FailureKind::NoSuchContainer);
}
