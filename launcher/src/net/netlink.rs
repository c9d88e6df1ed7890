//! The little of netlink(7) that networks need: messages built by hand and answered one by one.
//!
//! A dozen messages of fixed shape, some of them for nf_tables, sent by a thread that waits for each: the crates that know
//! netlink are larger than this, asynchronous, or know nothing of nf_tables.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind, recv, send, socket_with,
};

/// Length of a message's header, in bytes.
const HEADER: usize = 16;

/// Type of the message that acknowledges or refuses another one.
const NLMSG_ERROR: u16 = 2;

/// Type of the message that ends a list.
const NLMSG_DONE: u16 = 3;

/// Flags of requests, see `linux/netlink.h`.
const REQUEST: u16 = 0x1;
const ACK: u16 = 0x4;

/// List everything that there is.
const DUMP: u16 = 0x300;

/// Fail when there is one already, else create it.
pub(super) const CREATE: u16 = 0x400 | 0x200;

/// An attribute that holds attributes.
const NESTED: u16 = 0x8000;

/// Bytes of one answer: more than the kernel puts into one.
const ANSWER: usize = 32 * 1024;

/// A request that is being built.
#[derive(Clone, Debug)]
pub(super) struct Message {
    bytes: Vec<u8>,
    acknowledged: bool,
}

impl Message {
    /// A request of `kind` whose fixed part is `head`, acknowledged by the kernel.
    pub(super) fn new(kind: u16, flags: u16, head: &[u8]) -> Self {
        Self::build(kind, REQUEST | ACK | flags, head)
    }

    /// One that the kernel does not answer unless it refuses it.
    pub(super) fn unanswered(kind: u16, head: &[u8]) -> Self {
        Self::build(kind, REQUEST, head)
    }

    /// One that the kernel answers with a list.
    pub(super) fn list(kind: u16, head: &[u8]) -> Self {
        Self::build(kind, REQUEST | DUMP, head)
    }

    fn build(kind: u16, flags: u16, head: &[u8]) -> Self {
        let mut bytes = vec![0; HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&flags.to_ne_bytes());
        bytes.extend_from_slice(head);
        Self { bytes, acknowledged: flags & ACK != 0 }
    }

    /// With an attribute, see netlink(7).
    pub(super) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        push(&mut self.bytes, kind, value);
        self
    }

    /// With a string, zero at its end.
    pub(super) fn text(self, kind: u16, value: &str) -> Self {
        self.with(kind, &[value.as_bytes(), b"\0"].concat())
    }

    /// With a number in the host's byte order.
    pub(super) fn number(self, kind: u16, value: u32) -> Self {
        self.with(kind, &value.to_ne_bytes())
    }

    /// With attributes in an attribute.
    pub(super) fn nest(self, kind: u16, inner: Attributes) -> Self {
        self.with(kind | NESTED, &inner.0)
    }
}

/// Attributes that go into an attribute.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes(Vec<u8>);

impl Attributes {
    /// None yet, after a fixed part.
    pub(super) fn after(head: &[u8]) -> Self {
        Self(head.to_vec())
    }

    pub(super) fn with(mut self, kind: u16, value: &[u8]) -> Self {
        push(&mut self.0, kind, value);
        self
    }

    pub(super) fn text(self, kind: u16, value: &str) -> Self {
        self.with(kind, &[value.as_bytes(), b"\0"].concat())
    }

    pub(super) fn number(self, kind: u16, value: u32) -> Self {
        self.with(kind, &value.to_ne_bytes())
    }

    pub(super) fn nest(self, kind: u16, inner: Self) -> Self {
        self.with(kind | NESTED, &inner.0)
    }
}

fn push(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).expect("attributes are short");
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

/// The attributes in `bytes`, each with its type; ends at whatever is none.
pub(super) fn attributes(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while let Some(length) = word(bytes, 0).map(usize::from).filter(|n| (4..=bytes.len()).contains(n)) {
        found.push((word(bytes, 2).unwrap_or_default() & !NESTED, &bytes[4..length]));
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A socket to the kernel, in the network namespace in which it was opened, for as long as it is open.
#[derive(Debug)]
pub(super) struct Netlink(OwnedFd);

impl Netlink {
    /// For links, addresses and routes: rtnetlink(7).
    ///
    /// # Errors
    /// As `socket(2)`.
    pub(super) fn route() -> io::Result<Self> {
        Self::open(None)
    }

    /// For nf_tables and the table of connections.
    ///
    /// # Errors
    /// As `socket(2)`.
    pub(super) fn netfilter() -> io::Result<Self> {
        Self::open(Some(netlink::NETFILTER))
    }

    /// Without a protocol it is number 0, NETLINK_ROUTE.
    fn open(protocol: Option<rustix::net::Protocol>) -> io::Result<Self> {
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        bind(&socket, &SocketAddrNetlink::new(0, 0))?;
        Ok(Self(socket))
    }

    /// Sends all of them at once, and waits until the kernel has carried them out in this order. One that is refused does not
    /// keep it from the next.
    ///
    /// # Errors
    /// The first refusal.
    pub(super) fn ask(&self, messages: &[Message]) -> io::Result<()> {
        self.send(messages)?;
        let mut expected = messages.iter().filter(|message| message.acknowledged).count();
        let mut first = Ok(());
        while expected > 0 {
            self.receive(|kind, body| {
                if kind == NLMSG_ERROR {
                    expected = expected.saturating_sub(1);
                    let refused = refusal(body);
                    if first.is_ok() {
                        first = refused;
                    }
                }
            })?;
        }
        first
    }

    /// Everything that the kernel lists for `message`: the body of each, after its header.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub(super) fn list(&self, message: Message) -> io::Result<Vec<Vec<u8>>> {
        self.send(&[message])?;
        let (mut found, mut done) = (Vec::new(), None);
        while done.is_none() {
            self.receive(|kind, body| match kind {
                NLMSG_DONE => done = Some(Ok(())),
                NLMSG_ERROR => done = Some(refusal(body)),
                _ => found.push(body.to_vec()),
            })?;
        }
        done.unwrap_or(Ok(())).map(|()| found)
    }

    fn send(&self, messages: &[Message]) -> io::Result<()> {
        let mut bytes = Vec::new();
        for message in messages {
            let start = bytes.len();
            bytes.extend_from_slice(&message.bytes);
            let length = u32::try_from(message.bytes.len()).expect("messages are short");
            bytes[start..start + 4].copy_from_slice(&length.to_ne_bytes());
        }
        send(&self.0, &bytes, SendFlags::empty())?;
        Ok(())
    }

    /// Takes one datagram apart.
    fn receive(&self, mut each: impl FnMut(u16, &[u8])) -> io::Result<()> {
        let mut buffer = vec![MaybeUninit::uninit(); ANSWER];
        let ((bytes, _), _) = recv(&self.0, &mut buffer[..], RecvFlags::empty())?;
        let mut bytes: &[u8] = bytes;
        while let Some(length) = number(bytes, 0).and_then(|n| usize::try_from(n).ok()) {
            let Some(message) = bytes.get(..length).filter(|message| message.len() >= HEADER) else { break };
            each(word(message, 4).unwrap_or_default(), &message[HEADER..]);
            bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
        Ok(())
    }
}

/// What an NLMSG_ERROR says: zero is an acknowledgement.
fn refusal(body: &[u8]) -> io::Result<()> {
    match number(body, 0).map(u32::cast_signed) {
        Some(0) => Ok(()),
        Some(errno) => Err(Errno::from_raw_os_error(-errno).into()),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read_as_they_were_written_and_no_further() {
        let written = Attributes::default().text(1, "veth").number(2, 7).with(3, &[1, 2, 3]);
        let read = attributes(&written.0);
        assert_eq!(read, [(1, &b"veth\0"[..]), (2, &7u32.to_ne_bytes()[..]), (3, &[1, 2, 3][..])]);
        for cut in 0..written.0.len() {
            assert!(attributes(&written.0[..cut]).len() <= 3);
        }
        assert!(attributes(&[3, 0, 0, 0]).is_empty(), "shorter than its own header");
    }
}
