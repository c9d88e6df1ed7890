//! The sockets on port 53, with the address that a datagram was sent to: its answer must come from there.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::cmsg_space;
use nix::libc::in_pktinfo;
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt, sockopt,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::TcpListener;

/// Longest query in a datagram, in bytes: one question with all its options is far below (RFC 6891 recommends 4096).
const MAX_QUERY: usize = 4096;

/// Who has asked, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) peer: Ipv4Addr,
    port: u16,
    asked: in_pktinfo,
}

/// The UDP socket.
#[derive(Debug)]
pub(super) struct Datagrams(AsyncFd<OwnedFd>);

/// Makes the launcher's two descriptors sockets of this runtime.
///
/// # Errors
/// When they are none.
pub(super) fn open(datagrams: OwnedFd, connections: OwnedFd) -> io::Result<(Datagrams, TcpListener)> {
    setsockopt(&datagrams, sockopt::Ipv4PacketInfo, &true)?;
    let listener = TcpListener::from_std(std::net::TcpListener::from(connections))?;
    Ok((Datagrams(crate::async_fd::register(datagrams)?), listener))
}

impl Datagrams {
    /// The next query.
    ///
    /// # Errors
    /// As `recvmsg(2)`.
    pub(super) async fn receive(&self) -> io::Result<(Vec<u8>, Origin)> {
        loop {
            let received = self.0.async_io(Interest::READABLE, |fd| Ok(receive(fd)?)).await?;
            if let Some(received) = received {
                return Ok(received);
            }
        }
    }

    /// Sends an answer. Lost when the socket is full, as any datagram may be.
    pub(super) fn send(&self, reply: &[u8], origin: Origin) {
        let peer = SockaddrIn::from(SocketAddrV4::new(origin.peer, origin.port));
        let from = in_pktinfo { ipi_ifindex: 0, ..origin.asked };
        let control = [ControlMessage::Ipv4PacketInfo(&from)];
        let fd = self.0.get_ref().as_raw_fd();
        if let Err(error) = sendmsg(fd, &[IoSlice::new(reply)], &control, MsgFlags::MSG_DONTWAIT, Some(&peer))
        {
            tracing::debug!(%error, "an answer to a container is lost");
        }
    }
}

/// None when a datagram is too long, or does not say where it was sent to.
fn receive(fd: &OwnedFd) -> nix::Result<Option<(Vec<u8>, Origin)>> {
    let mut bytes = vec![0; MAX_QUERY];
    let mut control = cmsg_space!(in_pktinfo);
    let mut buffers = [IoSliceMut::new(&mut bytes)];
    let message =
        recvmsg::<SockaddrIn>(fd.as_raw_fd(), &mut buffers, Some(&mut control), MsgFlags::MSG_DONTWAIT)?;
    let asked = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4PacketInfo(information) => Some(information),
        _ => None,
    });
    let (length, whole) = (message.bytes, !message.flags.contains(MsgFlags::MSG_TRUNC));
    let origin =
        message.address.zip(asked).map(|(peer, asked)| Origin { peer: peer.ip(), port: peer.port(), asked });
    bytes.truncate(length);
    Ok(origin.filter(|_| whole).map(|origin| (bytes, origin)))
}
