//! How a runtime hands over a terminal: it connects to a socket of ours and sends the descriptor, see `docs/terminals.md` of
//! runc.

use std::fs;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketAddrUnix, SocketFlags,
    SocketType, accept_with, bind, listen, recvmsg, socket_with,
};
use rustix::termios::{Winsize, tcsetwinsize};

/// A socket that one terminal arrives at. Its name is gone when it is dropped.
#[derive(Debug)]
pub(super) struct Console {
    socket: OwnedFd,
    path: PathBuf,
}

impl Console {
    /// Listens at `path`, where only root can connect.
    pub(super) fn listen(path: PathBuf) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        bind(&socket, &SocketAddrUnix::new(&path)?)?;
        listen(&socket, 1)?;
        Ok(Self { socket, path })
    }

    /// The terminal's master that a runtime which has ended has sent; its size is set.
    pub(super) fn take(&self, rows: u16, cols: u16) -> io::Result<OwnedFd> {
        let connection = accept_with(&self.socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
        let mut name = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        recvmsg(&connection, &mut [IoSliceMut::new(&mut name)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
        let mut sent = ancillary.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        let master = sent.next().ok_or_else(|| io::Error::other("no terminal was sent"))?;
        tcsetwinsize(&master, Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 })?;
        Ok(master)
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
