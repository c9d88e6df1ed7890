//! The connection to the agent: what cannot be sent at once waits here.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::epoll;
use rustix::net::{RecvFlags, recv};

use crate::engine::failure;
use crate::socket::{Socket, SocketError};
use crate::wire::{FailureKind, Message, Reply, Request};

/// Messages that may wait for an agent that does not read; one that lets more wait is dropped and may connect again.
const MAX_WAITING: usize = 4096;

/// A connected agent.
#[derive(Debug)]
pub(super) struct Agent {
    socket: Socket,
    waiting: VecDeque<(Message, Vec<OwnedFd>)>,
}

/// The connection is of no more use.
#[derive(Debug)]
pub(super) struct Gone;

impl Agent {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self { socket: Socket::from(fd), waiting: VecDeque::new() }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// What to wait for on its socket.
    pub(super) fn interest(&self) -> epoll::EventFlags {
        let writing =
            if self.waiting.is_empty() { epoll::EventFlags::empty() } else { epoll::EventFlags::OUT };
        epoll::EventFlags::IN | writing
    }

    /// Whether the other end is still there.
    pub(super) fn is_alive(&self) -> bool {
        let mut byte = [0; 1];
        let peeked = recv(&self.socket, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT);
        !matches!(peeked, Ok((_, 0)))
    }

    /// The next request and its descriptors; `None` when there is none yet.
    pub(super) fn receive(&self) -> Result<Option<(Request, Vec<OwnedFd>)>, Gone> {
        match self.socket.receive() {
            Ok(Some(request)) => Ok(Some(request)),
            Err(error) if error.would_block() => Ok(None),
            // An agent of this build sends no such thing.
            Ok(None) | Err(_) => Err(Gone),
        }
    }

    /// Sends a message, or keeps it until there is room.
    pub(super) fn send(&mut self, message: Message, fds: Vec<OwnedFd>) -> Result<(), Gone> {
        if self.waiting.len() >= MAX_WAITING {
            return Err(Gone);
        }
        self.waiting.push_back((message, fds));
        self.flush()
    }

    /// Says instead of an answer that is too large that it is.
    fn replace_front(&mut self) {
        if let Some((Message::Reply { seq, .. }, _)) = self.waiting.pop_front() {
            let failure = failure(FailureKind::TooMany, "The answer is too large for one message.");
            self.waiting.push_front((Message::Reply { seq, reply: Reply::Failed(failure) }, Vec::new()));
        }
    }

    /// Sends what waits, as far as there is room.
    pub(super) fn flush(&mut self) -> Result<(), Gone> {
        while let Some((message, fds)) = self.waiting.front() {
            let borrowed: Vec<BorrowedFd<'_>> = fds.iter().map(AsFd::as_fd).collect();
            match self.socket.send(message, &borrowed) {
                Ok(()) => drop(self.waiting.pop_front()),
                Err(error) if error.would_block() => return Ok(()),
                Err(SocketError::Io(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(SocketError::TooLarge) => self.replace_front(),
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }
}
