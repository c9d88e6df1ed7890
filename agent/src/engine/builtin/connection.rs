//! The task that owns the launcher's socket: sends calls in order, hands replies to their callers and events on.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use porthole_launcher::socket::{Socket, SocketError};
use porthole_launcher::wire::{Event as WireEvent, Message, Request};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{mpsc, oneshot};

use super::{Answer, Call};
use crate::async_fd;
use crate::engine::EngineEvent;

/// The socket as [`AsyncFd`] wants it.
struct Raw(Socket);

impl AsRawFd for Raw {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl AsFd for Raw {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

pub(super) struct Connection {
    socket: AsyncFd<Raw>,
    /// Callers by the number of their request.
    waiting: HashMap<u32, oneshot::Sender<Answer>>,
    /// The number of the next request.
    seq: u32,
    /// A request that the socket had no room for.
    unsent: Option<(Request, Vec<OwnedFd>)>,
}

/// What wakes this task.
enum Event {
    Call(Option<Call>),
    Received(Result<Option<(Message, Vec<OwnedFd>)>, SocketError>),
    Sent(Result<(), SocketError>),
}

impl Connection {
    /// Registers the socket with the runtime.
    pub(super) fn new(socket: Socket) -> io::Result<Self> {
        let socket = async_fd::register(Raw(socket))?;
        Ok(Self { socket, waiting: HashMap::new(), seq: 0, unsent: None })
    }

    /// Runs until the launcher is gone or every handle is. Dropping `self` then fails whoever waits for a reply.
    pub(super) async fn run(mut self, mut calls: mpsc::Receiver<Call>, events: mpsc::Sender<EngineEvent>) {
        loop {
            let event = tokio::select! {
                received = receive(&self.socket) => Event::Received(received),
                sent = send(&self.socket, self.unsent.as_ref()), if self.unsent.is_some() => Event::Sent(sent),
                call = calls.recv(), if self.unsent.is_none() => Event::Call(call),
            };
            match event {
                Event::Call(Some(call)) => self.enqueue(call),
                Event::Call(None) => return,
                Event::Sent(Ok(())) => self.unsent = None,
                Event::Sent(Err(SocketError::Io(error))) => {
                    return tracing::error!(%error, "the launcher cannot be written to");
                }
                Event::Sent(Err(error)) => self.refuse(&error),
                Event::Received(Ok(Some((message, fds)))) => {
                    if let Some(event) = self.dispatch(message, fds)
                        && events.send(event).await.is_err()
                    {
                        return;
                    }
                }
                Event::Received(Ok(None)) => return tracing::debug!("the launcher is gone"),
                Event::Received(Err(error)) => {
                    return tracing::error!(%error, "the launcher cannot be read from");
                }
            }
        }
    }

    /// Numbers a call and sends it next.
    fn enqueue(&mut self, Call { body, fds, answer }: Call) {
        self.seq = self.seq.wrapping_add(1);
        self.waiting.insert(self.seq, answer);
        self.unsent = Some((Request { seq: self.seq, body }, fds));
    }

    /// Gives a request up that can never be sent; its caller learns that there is no reply.
    fn refuse(&mut self, error: &SocketError) {
        if let Some((request, _)) = self.unsent.take() {
            tracing::error!(%error, seq = request.seq, "a request cannot be sent");
            self.waiting.remove(&request.seq);
        }
    }

    /// Hands a reply to its caller; an event is returned to be passed on.
    fn dispatch(&mut self, message: Message, fds: Vec<OwnedFd>) -> Option<EngineEvent> {
        match message {
            Message::Reply { seq, reply } => {
                // A caller that no longer waits loses nothing: launches and execs are awaited by tasks that do not end early.
                if let Some(caller) = self.waiting.remove(&seq) {
                    let _ = caller.send((reply, fds));
                }
                None
            }
            Message::Event(WireEvent::Exited { container, process, ending }) => {
                Some(EngineEvent::Exited { container, process, ending })
            }
            Message::Event(WireEvent::Ended { container }) => Some(EngineEvent::Ended { container }),
        }
    }
}

/// One message. Cancelling loses none: a message is either read whole or left in the socket.
async fn receive(socket: &AsyncFd<Raw>) -> Result<Option<(Message, Vec<OwnedFd>)>, SocketError> {
    ready(socket, Interest::READABLE, |socket| socket.receive()).await
}

/// Sends the request; it is either sent whole or not at all.
async fn send(socket: &AsyncFd<Raw>, unsent: Option<&(Request, Vec<OwnedFd>)>) -> Result<(), SocketError> {
    let Some((request, fds)) = unsent else { return Ok(()) };
    let fds: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
    ready(socket, Interest::WRITABLE, |socket| socket.send(request, &fds)).await
}

/// Repeats `act` until the socket is ready for it.
async fn ready<T>(
    socket: &AsyncFd<Raw>,
    interest: Interest,
    act: impl Fn(&Socket) -> Result<T, SocketError>,
) -> Result<T, SocketError> {
    loop {
        let mut guard = socket.ready(interest).await?;
        match act(&socket.get_ref().0) {
            Err(error) if error.would_block() => guard.clear_ready(),
            result => return result,
        }
    }
}
