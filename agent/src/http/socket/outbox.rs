//! From the connection to its writer: answers, and channels that open and close.

use std::collections::VecDeque;
use std::sync::Arc;

use porthole_protocol::control::ServerMessage;
use porthole_protocol::ids::{Channel, ContainerId, ProcessNumber};
use tokio::sync::mpsc;

use super::Farewell;
use crate::people::News;
use crate::terminal::Meter;
use crate::terminal::fanout::Viewer;

/// Messages on their way to the writer.
const CAPACITY: usize = 32;

/// Messages that a client has not taken, before no more of its own are read.
const CONGESTED: usize = 64;

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Outgoing {
    /// Send this.
    Message(Box<ServerMessage>),
    /// Send this, which is a message already.
    Text(Arc<str>),
    /// Send this, then the output of these channels.
    Attach(Box<ServerMessage>, Attachment),
    /// Stop sending this channel's output and say so.
    Detach(Channel),
    /// Say goodbye; nothing follows.
    Close(Farewell),
}

/// One process's output on one socket.
#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) container: ContainerId,
    pub(super) process: ProcessNumber,
    pub(super) channels: Vec<Attached>,
    /// Who else is there, at a terminal.
    pub(super) news: Option<News>,
}

/// One channel of it.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) channel: Channel,
    pub(super) viewer: Viewer,
    /// Input that came on the channel, and how much of that was told to have been accepted.
    pub(super) meter: Arc<Meter>,
    pub(super) told: u64,
}

impl Attached {
    /// What to tell of input that was accepted, when it is so many bytes.
    pub(super) fn accepted(&mut self, least: u64) -> Option<ServerMessage> {
        let input = self.meter.taken() - self.told;
        if input < least {
            return None;
        }
        let bytes = u32::try_from(input).unwrap_or(u32::MAX);
        self.told += u64::from(bytes);
        Some(ServerMessage::Credit { channel: self.channel, bytes })
    }

    /// Whether there is any.
    pub(super) fn has_accepted(&self) -> bool {
        self.meter.taken() > self.told
    }
}

/// The connection's end. It never waits: what the writer has no room for stays here, and a client that takes nothing is
/// not read from either.
#[derive(Debug)]
pub(super) struct Outbox {
    writer: mpsc::Sender<Outgoing>,
    waiting: VecDeque<Outgoing>,
}

impl Outbox {
    /// Both ends.
    pub(super) fn new() -> (Self, mpsc::Receiver<Outgoing>) {
        let (writer, receiver) = mpsc::channel(CAPACITY);
        (Self { writer, waiting: VecDeque::new() }, receiver)
    }

    /// Sends, now or as soon as there is room.
    pub(super) fn push(&mut self, outgoing: Outgoing) {
        self.waiting.push_back(outgoing);
        self.resume();
    }

    /// Sends a message.
    pub(super) fn message(&mut self, message: ServerMessage) {
        self.push(Outgoing::Message(Box::new(message)));
    }

    /// Whether something waits for room.
    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether so much waits that no more should be caused.
    pub(super) fn is_congested(&self) -> bool {
        self.waiting.len() >= CONGESTED
    }

    /// Resolves when there is room for what waits; false when the writer is gone.
    pub(super) async fn room(&self) -> bool {
        self.writer.reserve().await.is_ok()
    }

    /// Sends what waits as far as there is room.
    pub(super) fn resume(&mut self) {
        while !self.waiting.is_empty() {
            let Ok(room) = self.writer.try_reserve() else { return };
            if let Some(next) = self.waiting.pop_front() {
                room.send(next);
            }
        }
    }

    /// Another sender to the same writer, for a task that may wait.
    pub(super) fn sender(&self) -> mpsc::Sender<Outgoing> {
        self.writer.clone()
    }
}
