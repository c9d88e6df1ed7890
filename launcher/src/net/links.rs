//! The messages of rtnetlink(7) and nf_tables by what they ask for.

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::netlink::{Attributes, CREATE, Message};

/// Types of messages, see `linux/rtnetlink.h`.
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_SETLINK: u16 = 19;
const RTM_NEWADDR: u16 = 20;
const RTM_NEWROUTE: u16 = 24;
const RTM_NEWNEIGH: u16 = 28;

const AF_INET: u8 = 2;
const AF_BRIDGE: u8 = 7;
const IFF_UP: u32 = 1;

/// Attributes of links, see `linux/if_link.h`.
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MASTER: u16 = 10;
const IFLA_PROTINFO: u16 = 12;
const IFLA_LINKINFO: u16 = 18;
const IFLA_NET_NS_FD: u16 = 28;
const IFLA_NUM_TX_QUEUES: u16 = 31;
const IFLA_NUM_RX_QUEUES: u16 = 32;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
const VETH_INFO_PEER: u16 = 1;
const BRPORT_LEARNING: u16 = 8;
const BRPORT_UNICAST_FLOOD: u16 = 9;

/// Messages of nf_tables, see `linux/netfilter/nf_tables.h`.
const NF_TABLES: u16 = 10 << 8;
const NEW_ELEMENT: u16 = NF_TABLES | 12;
const DELETE_ELEMENT: u16 = NF_TABLES | 14;
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;

/// An address of the link layer.
pub(super) type Hardware = [u8; 6];

/// One end of a pair of virtual Ethernet interfaces, see veth(4).
#[derive(Clone, Copy, Debug)]
pub(super) struct End<'a> {
    pub(super) name: &'a str,
    /// The kernel chooses when it is 0, of the far end alone.
    pub(super) index: u32,
    /// Made up by the kernel when missing.
    pub(super) hardware: Option<Hardware>,
}

/// A pair, `near` here and up, in the bridge `master` if there is one, and `far` in the namespace `netns`, not up yet:
/// the kernel refuses that before they are a pair.
pub(super) fn pair(near: End<'_>, master: Option<u32>, far: End<'_>, netns: BorrowedFd<'_>) -> Message {
    let fd = netns.as_raw_fd().unsigned_abs();
    let mut peer = Attributes::after(&interface(0, far.index, 0))
        .text(IFLA_IFNAME, far.name)
        .number(IFLA_NUM_TX_QUEUES, 1)
        .number(IFLA_NUM_RX_QUEUES, 1)
        .number(IFLA_NET_NS_FD, fd);
    if let Some(hardware) = far.hardware {
        peer = peer.with(IFLA_ADDRESS, &hardware);
    }
    let mut message = Message::new(RTM_NEWLINK, CREATE, &interface(0, near.index, IFF_UP))
        .text(IFLA_IFNAME, near.name)
        .number(IFLA_NUM_TX_QUEUES, 1)
        .number(IFLA_NUM_RX_QUEUES, 1);
    if let Some(master) = master {
        message = message.number(IFLA_MASTER, master);
    }
    let data = Attributes::default().nest(VETH_INFO_PEER, peer);
    message.nest(IFLA_LINKINFO, Attributes::default().text(INFO_KIND, "veth").nest(INFO_DATA, data))
}

/// A bridge, up; its own address does not change with its ports.
pub(super) fn bridge(name: &str, index: u32, hardware: Hardware) -> Message {
    Message::new(RTM_NEWLINK, CREATE, &interface(0, index, IFF_UP))
        .text(IFLA_IFNAME, name)
        .with(IFLA_ADDRESS, &hardware)
        .nest(IFLA_LINKINFO, Attributes::default().text(INFO_KIND, "bridge"))
}

/// Sets an interface up.
pub(super) fn up(index: u32) -> Message {
    Message::new(RTM_NEWLINK, 0, &interface(0, index, IFF_UP))
}

/// Deletes the interface of that name.
pub(super) fn delete(name: &str) -> Message {
    Message::new(RTM_DELLINK, 0, &interface(0, 0, 0)).text(IFLA_IFNAME, name)
}

/// A bridge's port learns no addresses from what it receives, and gets no frames for addresses that nobody has.
pub(super) fn no_learning(port: u32) -> Message {
    let settings = Attributes::default().with(BRPORT_LEARNING, &[0]).with(BRPORT_UNICAST_FLOOD, &[0]);
    Message::new(RTM_SETLINK, 0, &interface(AF_BRIDGE, port, 0)).nest(IFLA_PROTINFO, settings)
}

/// The address `hardware` is behind the port of a bridge, for as long as that exists.
pub(super) fn behind(port: u32, hardware: Hardware) -> Message {
    /// Neither ages nor moves to another port; "permanent" would be an address of the bridge itself.
    const NOARP: u16 = 0x40;
    const OF_THE_BRIDGE: u8 = 0x4;
    const LLADDR: u16 = 2;
    let mut head = [AF_BRIDGE, 0, 0, 0, 0, 0, 0, 0, 0, 0, OF_THE_BRIDGE, 0];
    head[4..8].copy_from_slice(&port.to_ne_bytes());
    head[8..10].copy_from_slice(&NOARP.to_ne_bytes());
    Message::new(RTM_NEWNEIGH, CREATE, &head).with(LLADDR, &hardware)
}

/// An address of an interface.
pub(super) fn address(index: u32, address: Ipv4Addr, prefix: u8) -> Message {
    let mut head = [AF_INET, prefix, 0, 0, 0, 0, 0, 0];
    head[4..].copy_from_slice(&index.to_ne_bytes());
    let message =
        Message::new(RTM_NEWADDR, CREATE, &head).with(2, &address.octets()).with(1, &address.octets());
    if prefix > 30 {
        return message;
    }
    let broadcast = Ipv4Addr::from_bits(address.to_bits() | (u32::MAX >> prefix));
    message.with(4, &broadcast.octets())
}

/// The way to one address is an interface.
pub(super) fn route_to(address: Ipv4Addr, index: u32) -> Message {
    const LINK: u8 = 253;
    route(32, LINK, 0).with(1, &address.octets()).number(4, index)
}

/// Everything else is behind `gateway`, which is behind an interface whatever its addresses are.
pub(super) fn default_route(gateway: Ipv4Addr, index: u32) -> Message {
    const UNIVERSE: u8 = 0;
    const ONLINK: u32 = 4;
    route(0, UNIVERSE, ONLINK).with(5, &gateway.octets()).number(4, index)
}

fn route(prefix: u8, scope: u8, flags: u32) -> Message {
    const MAIN: u8 = 254;
    const STATIC: u8 = 4;
    const UNICAST: u8 = 1;
    let head = [AF_INET, prefix, 0, 0, MAIN, STATIC, scope, UNICAST];
    Message::new(RTM_NEWROUTE, CREATE, &[&head[..], &flags.to_ne_bytes()].concat())
}

fn interface(family: u8, index: u32, flags: u32) -> [u8; 16] {
    let mut head = [0; 16];
    head[0] = family;
    head[4..8].copy_from_slice(&index.to_ne_bytes());
    head[8..12].copy_from_slice(&flags.to_ne_bytes());
    head[12..16].copy_from_slice(&flags.to_ne_bytes());
    head
}

/// Puts what a bridge's port may send from into the set `ports` of the bridge family's table, or takes it out.
pub(super) fn element(add: bool, port: u32, hardware: Hardware, address: Ipv4Addr) -> [Message; 3] {
    const BRIDGE: u8 = 7;
    const TABLE: u16 = 1;
    const SET: u16 = 2;
    const ELEMENTS: u16 = 3;
    // Each part of a key that is made of several begins at a multiple of four bytes.
    let key = [&port.to_ne_bytes()[..], &hardware, &[0, 0], &address.octets()].concat();
    let element = Attributes::default().nest(1, Attributes::default().with(1, &key));
    let (kind, flags) = if add { (NEW_ELEMENT, CREATE) } else { (DELETE_ELEMENT, 0) };
    let change = Message::new(kind, flags, &[BRIDGE, 0, 0, 0])
        .text(TABLE, "porthole")
        .text(SET, "ports")
        .nest(ELEMENTS, Attributes::default().nest(1, element));
    let whole = [0, 0, 0, (NF_TABLES >> 8) as u8];
    [Message::unanswered(BATCH_BEGIN, &whole), change, Message::unanswered(BATCH_END, &whole)]
}
