//! The task that writes one socket.
//!
//! It pulls: answers from the outbox, output from the terminals' logs as far as credit reaches, and the newest lists. What
//! the socket has no room for stays where it is, so output gathers into large frames by itself when the client is slow or
//! the program fast, and leaves at once when neither is.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use porthole_protocol::control::ServerMessage;
use porthole_protocol::frame::MAX_PAYLOAD_BYTES;
use porthole_protocol::http::Exit;
use porthole_protocol::ids::Channel;
use porthole_protocol::limits::MAX_PENDING_INPUT;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::lists::{Feeds, Text};
use super::outbox::{Attachment, Outgoing};
use super::text_of;
use crate::people::News;
use crate::terminal::fanout::Taken;
use crate::terminal::screen::Snapshot;

/// Input that was accepted, before the client is told at once: a small part of its window.
const CREDIT_STEP: u64 = MAX_PENDING_INPUT as u64 / 16;

/// How long a client waits to be told of less: it keeps what it was not told of.
const TELL_AFTER: Duration = Duration::from_millis(200);

/// Room for what a keystroke echoes; larger output makes its own.
const SMALL_FRAME: usize = 256;

/// Bytes in a frame after which more are waited for: a terminal that is printed to all the time is read in pieces of 2 to 4 KiB. What a
/// key causes is mostly less.
const FLOOD: usize = 1024;

/// How long they are waited for: at a terminal's rate, a large frame's worth. Each frame costs the agent, the kernel and the
/// client a fixed share, which the program that prints would have to wait for.
const GATHER: Duration = Duration::from_millis(1);

/// Owns the writing half.
pub(super) struct Writer {
    sink: SplitSink<WebSocket, Message>,
    outbox: mpsc::Receiver<Outgoing>,
    /// Notified by output and by input that was taken.
    wake: Arc<Notify>,
    attachments: Vec<Attachment>,
    /// The frame being made.
    frame: Vec<u8>,
    /// Screens being drawn for viewers who lack output.
    screens: JoinSet<(Channel, Option<Snapshot>)>,
    /// When to tell of input that was accepted, though it is little.
    tell: Option<Instant>,
    /// When to look for output again, while it gathers.
    gather: Option<Instant>,
    /// Told of channels that have closed by themselves. It has room for as many as may be open.
    closed: mpsc::Sender<Channel>,
    feeds: Feeds,
}

/// What wakes this task.
enum Event {
    Outgoing(Option<Outgoing>),
    Wake,
    List(Text),
    Screen(Channel, Option<Snapshot>),
    Tell,
}

/// Whether to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Continue,
    Stop,
}

impl Writer {
    pub(super) fn new(
        feeds: Feeds,
        sink: SplitSink<WebSocket, Message>,
        outbox: mpsc::Receiver<Outgoing>,
        wake: Arc<Notify>,
        closed: mpsc::Sender<Channel>,
    ) -> Self {
        Self {
            sink,
            outbox,
            wake,
            attachments: Vec::new(),
            frame: Vec::new(),
            screens: JoinSet::new(),
            tell: None,
            gather: None,
            closed,
            feeds,
        }
    }

    /// Runs until the goodbye is said, the socket fails, or the connection is gone.
    pub(super) async fn run(mut self) {
        // A socket that fails is noticed by the reading half as well, which tells why.
        let _ = self.write().await;
    }

    async fn write(&mut self) -> Result<(), axum::Error> {
        loop {
            let event = self.next().await;
            if self.handle(event).await? == Flow::Stop {
                return self.sink.flush().await;
            }
            self.gather = None;
            while self.pull().await? {
                // An answer waits for one round of frames at most.
                while let Ok(outgoing) = self.outbox.try_recv() {
                    if self.send(outgoing).await? == Flow::Stop {
                        return self.sink.flush().await;
                    }
                }
            }
            self.sink.flush().await?;
        }
    }

    /// What happens next. A flood on one channel holds up what is printed on the others for as long as it gathers; answers it
    /// does not.
    async fn next(&mut self) -> Event {
        tokio::select! {
            outgoing = self.outbox.recv() => Event::Outgoing(outgoing),
            () = self.wake.notified(), if self.gather.is_none() => Event::Wake,
            () = sleep_until(self.gather.unwrap_or_else(Instant::now)), if self.gather.is_some() => Event::Wake,
            text = self.feeds.next() => Event::List(text),
            Some(Ok((channel, screen))) = self.screens.join_next() => Event::Screen(channel, screen),
            () = sleep_until(self.tell.unwrap_or_else(Instant::now)), if self.tell.is_some() => Event::Tell,
        }
    }

    async fn handle(&mut self, event: Event) -> Result<Flow, axum::Error> {
        match event {
            Event::Outgoing(None) => return Ok(Flow::Stop),
            Event::Outgoing(Some(outgoing)) => return self.send(outgoing).await,
            Event::Wake => {}
            Event::Screen(channel, screen) => self.screen(channel, screen).await?,
            Event::Tell => self.tell_input().await?,
            // Empty before the first list is made.
            Event::List(text) if text.is_empty() => {}
            Event::List(text) => self.text(&text).await?,
        }
        Ok(Flow::Continue)
    }

    async fn send(&mut self, outgoing: Outgoing) -> Result<Flow, axum::Error> {
        match outgoing {
            Outgoing::Message(message) => self.message(&message).await?,
            Outgoing::Text(text) => self.text(&text).await?,
            Outgoing::Attach(message, attachment) => {
                self.message(&message).await?;
                self.attachments.push(attachment);
            }
            Outgoing::Detach(channel) => self.detach(channel).await?,
            Outgoing::Close(farewell) => {
                if let Some(error) = farewell.error.clone() {
                    self.message(&ServerMessage::Error { request: None, error }).await?;
                }
                self.sink.feed(farewell.frame()).await?;
                return Ok(Flow::Stop);
            }
        }
        Ok(Flow::Continue)
    }

    async fn message(&mut self, message: &ServerMessage) -> Result<(), axum::Error> {
        self.sink.feed(text_of(message)).await
    }

    /// Lets a viewer that lacks output go on, with the screen as it is now.
    async fn screen(&mut self, channel: Channel, screen: Option<Snapshot>) -> Result<(), axum::Error> {
        let mut attached = self.attachments.iter_mut().flat_map(|attachment| &mut attachment.channels);
        // It may have been detached meanwhile.
        let Some(attached) = attached.find(|attached| attached.channel == channel) else { return Ok(()) };
        let (offset, jumped) = attached.viewer.resume(screen.as_ref());
        if jumped {
            self.message(&ServerMessage::Skipped { channel, offset }).await?;
        }
        if let Some(Snapshot { offset, size, screen }) = screen {
            self.message(&ServerMessage::Screen { channel, offset, size, screen }).await?;
        }
        Ok(())
    }

    /// Tells of all input that was accepted.
    async fn tell_input(&mut self) -> Result<(), axum::Error> {
        self.tell = None;
        for attached in self.attachments.iter_mut().flat_map(|attachment| &mut attachment.channels) {
            if let Some(message) = attached.accepted(1) {
                self.sink.feed(text_of(&message)).await?;
            }
        }
        Ok(())
    }

    async fn text(&mut self, text: &str) -> Result<(), axum::Error> {
        self.sink.feed(Message::Text(text.into())).await
    }

    async fn detach(&mut self, channel: Channel) -> Result<(), axum::Error> {
        for attachment in &mut self.attachments {
            attachment.channels.retain(|attached| attached.channel != channel);
        }
        self.attachments.retain(|attachment| !attachment.channels.is_empty());
        self.message(&ServerMessage::Detached { channel }).await
    }

    /// Sends at most one frame of each channel; answers whether there may be more.
    async fn pull(&mut self) -> Result<bool, axum::Error> {
        let mut more = false;
        let mut index = 0;
        while index < self.attachments.len() {
            match self.pull_from(index).await? {
                Pulled::Ended(exit) => {
                    let attachment = self.attachments.swap_remove(index);
                    self.end(attachment, exit).await?;
                }
                Pulled::Something => {
                    more = true;
                    index += 1;
                }
                Pulled::Flood => {
                    self.gather = Some(Instant::now() + GATHER);
                    index += 1;
                }
                Pulled::Nothing => index += 1,
            }
        }
        Ok(more)
    }

    /// At most one frame of each channel of one process.
    async fn pull_from(&mut self, index: usize) -> Result<Pulled, axum::Error> {
        let mut exit = None;
        let mut open = 0;
        let mut sent = false;
        let mut flood = false;
        if let Some(text) = self.attachments[index].news.as_mut().and_then(News::take) {
            self.text(&text).await?;
        }
        for attached in &mut self.attachments[index].channels {
            let channel = attached.channel;
            self.frame.clear();
            self.frame.extend_from_slice(&channel.to_be_bytes());
            let taken = attached.viewer.take(MAX_PAYLOAD_BYTES, &mut self.frame);
            let message = match taken {
                Taken::Bytes(bytes) => {
                    flood |= (FLOOD..MAX_PAYLOAD_BYTES).contains(&bytes);
                    let frame = std::mem::replace(&mut self.frame, Vec::with_capacity(SMALL_FRAME));
                    Some(Message::Binary(Bytes::from(frame)))
                }
                Taken::Skipped(offset) => Some(text_of(&ServerMessage::Skipped { channel, offset })),
                Taken::Lost => {
                    let drawn = attached.viewer.screen();
                    self.screens.spawn(async move { (channel, drawn.await) });
                    None
                }
                Taken::Ended(ended) => {
                    exit = Some(ended);
                    None
                }
                Taken::Nothing => None,
            };
            open += usize::from(!matches!(taken, Taken::Ended(_)));
            if let Some(message) = message {
                self.sink.feed(message).await?;
                sent = true;
            }
            if let Some(message) = attached.accepted(CREDIT_STEP) {
                self.sink.feed(text_of(&message)).await?;
            } else if self.tell.is_none() && attached.has_accepted() {
                self.tell = Some(Instant::now() + TELL_AFTER);
            }
        }
        Ok(match exit {
            Some(exit) if open == 0 => Pulled::Ended(exit),
            _ if flood => Pulled::Flood,
            _ if sent => Pulled::Something,
            _ => Pulled::Nothing,
        })
    }

    /// Tells the exit of a process whose output has all been sent.
    async fn end(&mut self, attachment: Attachment, exit: Exit) -> Result<(), axum::Error> {
        let Attachment { container, process, channels, news: _ } = attachment;
        for attached in &channels {
            let told = self.closed.try_send(attached.channel);
            debug_assert!(told.is_ok(), "there is room for every channel that may be open");
        }
        self.message(&ServerMessage::Exited { container, process, exit }).await
    }
}

/// What a process had to send.
enum Pulled {
    Something,
    /// So much that more is on its way.
    Flood,
    Nothing,
    Ended(Exit),
}
