//! The table of connections: what a container that is gone has left in it must not be taken for another's.

use std::io;
use std::net::Ipv4Addr;

use super::netlink::{Attributes, Message, Netlink, attributes};

/// Messages of `linux/netfilter/nfnetlink_conntrack.h`.
const LIST: u16 = 0x101;
const DELETE: u16 = 0x102;

/// Connections of IPv4.
const HEAD: [u8; 4] = [2, 0, 0, 0];

/// Attributes: who began it, with the addresses in there, and what a list is restricted to.
const ORIGINAL: u16 = 1;
const ADDRESSES: u16 = 1;
const SOURCE: u16 = 1;
const FILTER: u16 = 25;
const ORIGINAL_FLAGS: u16 = 1;
const REPLY_FLAGS: u16 = 2;
const BY_SOURCE: u32 = 1;

/// Deletes every connection that `address` has begun.
///
/// # Errors
/// The kernel's.
pub(super) fn forget(netfilter: &Netlink, address: Ipv4Addr) -> io::Result<()> {
    let source = Attributes::default().with(SOURCE, &address.octets());
    let flags = Attributes::default().number(ORIGINAL_FLAGS, BY_SOURCE).number(REPLY_FLAGS, 0);
    let list = Message::list(LIST, &HEAD)
        .nest(ORIGINAL, Attributes::default().nest(ADDRESSES, source))
        .nest(FILTER, flags);
    let deletions: Vec<Message> = netfilter
        .list(list)?
        .iter()
        .filter_map(|connection| {
            let original = find(connection.get(HEAD.len()..)?, ORIGINAL)?;
            // A kernel before 5.8 lists all of them.
            let own = find(find(original, ADDRESSES)?, SOURCE)? == address.octets();
            own.then(|| Message::new(DELETE, 0, &HEAD).nest(ORIGINAL, Attributes::after(original)))
        })
        .collect();
    // One by one: the answers to hundreds at once would not fit the socket. One that has just ended by itself is no error.
    deletions.iter().for_each(|deletion| drop(netfilter.ask(std::slice::from_ref(deletion))));
    Ok(())
}

fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).into_iter().find(|(found, _)| *found == kind).map(|(_, value)| value)
}
