//! One end of the socket between agent and launcher: whole messages with descriptors beside them.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, recvmsg, sendmsg,
    socket_with,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::wire::{MAX_FDS, MAX_MESSAGE_BYTES};

/// Why a message could not be sent or received.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The socket failed; `WouldBlock` on a non-blocking one means: wait for readiness.
    #[error("the launcher's socket failed: {0}")]
    Io(#[from] io::Error),
    /// Larger than [`MAX_MESSAGE_BYTES`], or with more than [`MAX_FDS`] descriptors.
    #[error("a message exceeds {MAX_MESSAGE_BYTES} bytes or {MAX_FDS} descriptors")]
    TooLarge,
    /// Not a message of this build.
    #[error("a message cannot be decoded: {0}")]
    Malformed(#[from] postcard::Error),
}

impl SocketError {
    /// Whether a non-blocking socket is just not ready.
    #[must_use]
    pub fn would_block(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

/// One end. Blocking or not as its descriptor is.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
}

impl From<OwnedFd> for Socket {
    fn from(fd: OwnedFd) -> Self {
        Self { fd }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Socket {
    /// Connects to a listening launcher; the socket is blocking and closed on exec.
    ///
    /// # Errors
    /// As `connect(2)`: `NotFound` or `ConnectionRefused` when no launcher listens there.
    pub fn connect(path: &Path) -> io::Result<Self> {
        let fd = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        connect(&fd, &SocketAddrUnix::new(path)?)?;
        Ok(Self { fd })
    }

    /// Sends one message; the descriptors are duplicated into the peer.
    ///
    /// # Errors
    /// [`SocketError`]; nothing is sent then.
    pub fn send<T: Serialize>(&self, message: &T, fds: &[BorrowedFd<'_>]) -> Result<(), SocketError> {
        let bytes = postcard::to_stdvec(message)?;
        if bytes.len() > MAX_MESSAGE_BYTES || fds.len() > MAX_FDS {
            return Err(SocketError::TooLarge);
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            let pushed = ancillary.push(SendAncillaryMessage::ScmRights(fds));
            debug_assert!(pushed, "the space is made for MAX_FDS descriptors");
        }
        sendmsg(&self.fd, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL)
            .map_err(io::Error::from)?;
        Ok(())
    }

    /// Receives one message and its descriptors (closed on exec); `None` when the peer is gone.
    ///
    /// # Errors
    /// [`SocketError`]; a message that is too large or cannot be decoded is consumed, its descriptors closed.
    pub fn receive<T: DeserializeOwned>(&self) -> Result<Option<(T, Vec<OwnedFd>)>, SocketError> {
        let mut bytes = vec![0; MAX_MESSAGE_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received =
            recvmsg(&self.fd, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)
                .map_err(io::Error::from)?;
        let fds: Vec<OwnedFd> = ancillary
            .drain()
            .flat_map(|message| match message {
                RecvAncillaryMessage::ScmRights(fds) => fds.collect(),
                _ => Vec::new(),
            })
            .collect();
        if received.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(SocketError::TooLarge);
        }
        if received.bytes == 0 {
            return Ok(None);
        }
        Ok(Some((postcard::from_bytes(&bytes[..received.bytes])?, fds)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Request, RequestBody};
    use rustix::net::socketpair;
    use std::io::{Read, Write};

    fn pair() -> (Socket, Socket) {
        let (a, b) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        (Socket::from(a), Socket::from(b))
    }

    #[test]
    fn a_message_arrives_whole_with_its_descriptor() {
        let (agent, launcher) = pair();
        let (mut reader, writer) = std::io::pipe().unwrap();
        let request = Request { seq: 7, body: RequestBody::List { after: None } };
        agent.send(&request, &[writer.as_fd()]).unwrap();
        drop(writer);
        let (received, mut fds) = launcher.receive::<Request>().unwrap().unwrap();
        assert_eq!(received, request);
        let mut writer = std::fs::File::from(fds.pop().unwrap());
        writer.write_all(b"through").unwrap();
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
    }

    #[test]
    fn garbage_is_refused_and_the_next_message_still_arrives() {
        let (agent, launcher) = pair();
        agent.send(&vec![0xffu8; 40], &[]).unwrap();
        assert!(matches!(launcher.receive::<Request>(), Err(SocketError::Malformed(_))));
        agent.send(&Request { seq: 1, body: RequestBody::List { after: None } }, &[]).unwrap();
        assert!(launcher.receive::<Request>().unwrap().is_some());
    }

    #[test]
    fn a_peer_that_is_gone_reads_as_none() {
        let (agent, launcher) = pair();
        drop(agent);
        assert!(launcher.receive::<Request>().unwrap().is_none());
    }
}
