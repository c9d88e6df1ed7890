//! The router: a network namespace with one interface to the host and one to each container in a network.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketAddrV4, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

use super::links::{self, End};
use super::netlink::Netlink;
use super::uplink::{self, Names};
use super::{connections, hardware, nft, pool, sysctl, visit};
use crate::plan::Join;

/// Number of the interface to the host, and of the loopback.
const UP: u32 = 10;
const LOOPBACK: u32 = 1;

/// Port of name servers.
const DOMAIN: u16 = 53;

/// Name servers' connections that wait to be accepted.
const BACKLOG: i32 = 64;

/// Settings of the router's namespace, before anything is in it.
const SETTINGS: [(&str, &str); 9] = [
    ("ipv4/ip_forward", "1"),
    // A packet is dropped whose source is not behind the interface that it came from (RFC 3704, strict).
    ("ipv4/conf/all/rp_filter", "1"),
    ("ipv4/conf/default/rp_filter", "1"),
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv4/conf/default/send_redirects", "0"),
    ("ipv4/conf/all/accept_source_route", "0"),
    ("ipv4/conf/default/accept_source_route", "0"),
    ("ipv4/conf/all/accept_redirects", "0"),
    ("ipv4/conf/default/accept_redirects", "0"),
];

/// Settings that not every kernel has: those of IPv6, which is off, and of the table of connections.
const OPTIONAL: [(&str, &str); 4] = [
    ("ipv6/conf/all/disable_ipv6", "1"),
    ("ipv6/conf/default/disable_ipv6", "1"),
    // A connection begins with its first packet, and is forgotten an hour after its last one.
    ("netfilter/nf_conntrack_tcp_loose", "0"),
    ("netfilter/nf_conntrack_tcp_timeout_established", "3600"),
];

/// Where it exists, it would show frames between members of a lab to the rules for packets outward.
const BRIDGED: &str = "bridge/bridge-nf-call-iptables";

/// The router.
#[derive(Debug)]
pub(super) struct Router {
    /// What keeps it.
    netns: OwnedFd,
    route: Netlink,
    filter: Netlink,
    /// A UDP and a TCP socket on the port of name servers.
    pub(super) resolver: [OwnedFd; 2],
}

impl Router {
    /// Makes it, and its way to the host. Takes some tens of milliseconds, once.
    ///
    /// # Errors
    /// What the kernel or nft refuse; nothing is left then.
    pub(super) fn open(home: &OwnedFd, names: &Names) -> io::Result<Self> {
        let router = visit::within_new(home, Self::set_up)?;
        let transit = uplink::prepare(names)?;
        let done = router.connect(home, names, transit);
        if done.is_err() {
            uplink::take_back(names);
        }
        done.map(|()| router)
    }

    /// In its own namespace, where nothing is yet.
    fn set_up() -> io::Result<Self> {
        let netns = visit::here()?;
        for (name, value) in SETTINGS {
            sysctl::write(name, value)?;
        }
        let router = Self {
            netns,
            route: Netlink::route()?,
            filter: Netlink::netfilter()?,
            resolver: [listener(SocketType::DGRAM)?, listener(SocketType::STREAM)?],
        };
        nft::load(nft::ROUTER)?;
        for (name, value) in OPTIONAL {
            sysctl::write_if_there(name, value)?;
        }
        router.route.ask(&[links::up(LOOPBACK), links::address(LOOPBACK, pool::GATEWAY, 32)])?;
        Ok(router)
    }

    fn connect(&self, home: &OwnedFd, names: &Names, transit: uplink::Transit) -> io::Result<()> {
        let near = End { name: "up", index: UP, hardware: None };
        let far = End { name: &names.link, index: 0, hardware: None };
        self.route.ask(&[links::pair(near, None, far, home.as_fd())])?;
        uplink::raise(names, transit)?;
        self.route.ask(&[links::address(UP, transit.router, 30), links::default_route(transit.host, UP)])
    }

    /// A bridge for a lab, with an address to ask for names at.
    pub(super) fn make_bridge(
        &self,
        home: &OwnedFd,
        name: &str,
        index: u32,
        address: Ipv4Addr,
    ) -> io::Result<()> {
        visit::within(self.netns.as_fd(), home, || sysctl::write_if_there(BRIDGED, "0"))?;
        self.route.ask(&[
            links::bridge(name, index, hardware(address)),
            links::address(index, address, pool::LAB_PREFIX),
        ])
    }

    /// Takes a bridge away that has no member left.
    pub(super) fn remove_bridge(&self, name: &str) {
        // Fails only when its making has.
        let _ = self.route.ask(&[links::delete(name)]);
    }

    /// The cable to a container; a port of the bridge `master`, if there is one.
    pub(super) fn make_link(
        &self,
        join: &Join,
        master: Option<u32>,
        netns: BorrowedFd<'_>,
    ) -> io::Result<()> {
        let name = join.link();
        let near = End { name: &name, index: join.index, hardware: None };
        let far = End { name: &join.address.interface, index: join.inside, hardware: Some(join.hardware()) };
        self.route.ask(&[links::pair(near, master, far, netns)])
    }

    /// A container that goes outward is behind its cable.
    pub(super) fn route_to(&self, join: &Join) -> io::Result<()> {
        self.route.ask(&[links::route_to(join.address.address, join.index)])
    }

    /// The port of a lab's bridge is its member's, by both of its addresses, and nobody else's.
    pub(super) fn bind_port(&self, join: &Join) -> io::Result<()> {
        let (port, hardware) = (join.index, join.hardware());
        self.route.ask(&[links::no_learning(port), links::behind(port, hardware)])?;
        self.filter.ask(&links::element(true, port, hardware, join.address.address))
    }

    /// Forgets what outlives the cable, which goes with the container.
    pub(super) fn forget(&self, join: &Join) {
        if join.lab.is_some() {
            // Fails when it was never bound.
            let _ =
                self.filter.ask(&links::element(false, join.index, join.hardware(), join.address.address));
        } else if let Err(error) = connections::forget(&self.filter, join.address.address) {
            eprintln!("porthole launcher: connections of {} are left: {error}", join.address.address);
        }
    }
}

/// A socket on the port of name servers, of every address that the router has or will have.
fn listener(kind: SocketType) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, kind, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, DOMAIN))?;
    if kind == SocketType::STREAM {
        listen(&socket, BACKLOG)?;
    }
    Ok(socket)
}

/// Makes a router, a bridge and a pair in the caller's own namespace.
pub(super) fn attempt() -> io::Result<()> {
    let router = Router::set_up()?;
    let bridge = pool::bridge(1);
    let member = Ipv4Addr::from(u32::from(bridge) + 1);
    router.route.ask(&[links::bridge("lab1", 101, hardware(bridge))])?;
    let end = |name, index| End { name, index, hardware: None };
    router.route.ask(&[links::pair(end("p1", 102), Some(101), end("eth0", 103), router.netns.as_fd())])?;
    router.route.ask(&[links::no_learning(102), links::behind(102, hardware(member))])?;
    router.filter.ask(&links::element(true, 102, hardware(member), member))
}
