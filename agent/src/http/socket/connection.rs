//! The task that reads one socket and owns its channels.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use porthole_protocol::control::{ClientMessage, CloseCode, OpenChannel, ServerMessage, Stream};
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::frame::{Frame, FrameError, HEADER_BYTES};
use porthole_protocol::ids::{Channel, ContainerId, PersonId, ProcessNumber, RequestId, Typist};
use porthole_protocol::limits::{DEAD_AFTER_MS, MAX_CHANNELS, PING_EVERY_MS};
use porthole_protocol::session::{May, Person};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::outbox::{Attached, Attachment, Outbox, Outgoing};
use super::requests::{Achieved, Outcome, Work, failed, request_of};
use super::watching::Watching;
use super::writer::Writer;
use super::{Farewell, GOODBYE_WITHIN, lists};
use crate::http::app::Caller;
use crate::http::error::{Answer, Refusal};
use crate::people::{Seat, Typing};
use crate::terminal::fanout::Fanout;
use crate::terminal::{Input, Meter, Terminal};

/// Requests of one socket that are being carried out. A page has a few.
const MAX_REQUESTS: usize = 32;

/// Owns the reading half.
pub(super) struct Connection {
    caller: Caller,
    /// Whoever is at the other end, as others see it.
    person: Person,
    outbox: Outbox,
    /// Wakes the writer.
    wake: Arc<Notify>,
    channels: HashMap<Channel, Open>,
    next_channel: Channel,
    /// Channels promised to requests that are being carried out.
    promised: usize,
    requests: JoinSet<Outcome>,
    /// Cancelled to give a pull or a launch up, by its request.
    given_up: HashMap<RequestId, CancellationToken>,
    watching: Watching,
    /// Input that waits for its process; until it is taken, nothing further is read.
    held: Option<Held>,
    heard: Instant,
    nonce: u64,
}

/// An open channel.
struct Open {
    terminal: Terminal,
    fanout: Arc<Fanout>,
    viewer: u64,
    meter: Arc<Meter>,
    /// The place among the people at a terminal.
    seat: Option<Seat>,
}

/// Input that a terminal has no room for.
struct Held {
    terminal: Terminal,
    input: Input,
    meter: Arc<Meter>,
}

/// How somebody attaches.
struct Reader {
    from: Option<u64>,
    credit: u32,
    typist: Option<Typist>,
}

/// What wakes this task.
enum Event {
    Received(Option<Result<Message, axum::Error>>),
    Finished(Outcome),
    ChannelClosed(Channel),
    InputRoom,
    Room(bool),
    Tick,
    WriterEnded,
    /// What the caller came by has ended.
    Over(WireError),
    Stopping,
}

impl Connection {
    /// Serves a socket whose hello was answered, until it ends.
    pub(super) async fn serve(caller: Caller, person: Person, socket: WebSocket) {
        let (sink, stream) = socket.split();
        let (outbox, outgoing) = Outbox::new();
        let (closed_sender, closed) = mpsc::channel(MAX_CHANNELS);
        let wake = Arc::new(Notify::new());
        let mut writer = JoinSet::new();
        writer.spawn(
            Writer::new(lists::Feeds::of(&caller), sink, outgoing, Arc::clone(&wake), closed_sender).run(),
        );
        let connection = Self {
            caller,
            person,
            outbox,
            wake,
            channels: HashMap::new(),
            next_channel: 1,
            promised: 0,
            requests: JoinSet::new(),
            given_up: HashMap::new(),
            watching: Watching::default(),
            held: None,
            heard: Instant::now(),
            nonce: 0,
        };
        connection.run(stream, closed, &mut writer).await;
        // The writer says the goodbye it was told, or finds its outbox closed.
        let _ = timeout(GOODBYE_WITHIN, writer.join_next()).await;
    }

    async fn run(
        mut self,
        mut stream: SplitStream<WebSocket>,
        mut closed: mpsc::Receiver<Channel>,
        writer: &mut JoinSet<()>,
    ) {
        let mut tick = interval(Duration::from_millis(PING_EVERY_MS));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let handled = match self.next(&mut stream, &mut closed, &mut tick, writer).await {
                Event::Received(Some(Ok(message))) => self.receive(message),
                Event::Received(Some(Err(error))) => Err(broken(&error)),
                Event::Received(None) | Event::WriterEnded | Event::Room(false) => return,
                Event::Finished(outcome) => {
                    self.finish(outcome);
                    Ok(())
                }
                Event::ChannelClosed(channel) => {
                    self.channels.remove(&channel);
                    Ok(())
                }
                Event::InputRoom => {
                    self.heard = Instant::now();
                    if let Some(Held { terminal, input, meter }) = self.held.take() {
                        self.type_into(&terminal, input, meter);
                    }
                    Ok(())
                }
                Event::Room(true) => {
                    self.outbox.resume();
                    Ok(())
                }
                Event::Tick => self.tick(),
                Event::Over(error) => Err(Some(Farewell { code: CloseCode::Ended, error: Some(error) })),
                Event::Stopping => Err(Some(Farewell { code: CloseCode::ShuttingDown, error: None })),
            };
            match handled {
                Ok(()) => {}
                Err(Some(farewell)) => return self.outbox.push(Outgoing::Close(farewell)),
                Err(None) => return,
            }
        }
    }

    async fn next(
        &mut self,
        stream: &mut SplitStream<WebSocket>,
        closed: &mut mpsc::Receiver<Channel>,
        tick: &mut Interval,
        writer: &mut JoinSet<()>,
    ) -> Event {
        let reads = self.held.is_none() && !self.outbox.is_congested();
        tokio::select! {
            received = stream.next(), if reads => Event::Received(received),
            () = input_room(self.held.as_ref()), if self.held.is_some() => Event::InputRoom,
            Some(Ok(outcome)) = self.requests.join_next() => Event::Finished(outcome),
            Some(channel) = closed.recv() => Event::ChannelClosed(channel),
            room = self.outbox.room(), if self.outbox.is_waiting() => Event::Room(room),
            _ = tick.tick() => Event::Tick,
            _ = writer.join_next() => Event::WriterEnded,
            error = self.caller.ended() => Event::Over(error),
            () = self.caller.app().stopping.cancelled() => Event::Stopping,
        }
    }

    /// Takes one WebSocket message; fails with why the socket must end.
    fn receive(&mut self, message: Message) -> Result<(), Option<Farewell>> {
        self.heard = Instant::now();
        match message {
            Message::Binary(bytes) => self.input(bytes),
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(message) => self.command(message),
                Err(error) => {
                    Err(Some(Farewell::protocol_error(format!("A message cannot be read: {error}."))))
                }
            },
            Message::Ping(_) | Message::Pong(_) => Ok(()),
            Message::Close(_) => Err(None),
        }
    }

    fn input(&mut self, message: Bytes) -> Result<(), Option<Farewell>> {
        let channel = match Frame::decode(&message) {
            Ok(frame) => frame.channel,
            Err(error @ FrameError::TooShort) => {
                return Err(Some(Farewell::protocol_error(format!("{error}."))));
            }
            Err(error @ FrameError::TooLong) => return Err(Some(Farewell::too_large(format!("{error}.")))),
        };
        if let Some(open) = self.open(channel)? {
            let (terminal, meter) = (open.terminal.clone(), Arc::clone(&open.meter));
            let mut input = Input::Bytes(message.slice(HEADER_BYTES..), Arc::clone(&meter));
            match open.seat.as_ref().map_or(Typing::Accepted, Seat::types) {
                Typing::Accepted => {}
                refused => {
                    input = Input::Dropped(message.len() - HEADER_BYTES, Arc::clone(&meter));
                    if refused == Typing::RefusedFirst {
                        self.outbox.message(ServerMessage::Error { request: None, error: may_not_type() });
                    }
                }
            }
            self.type_into(&terminal, input, meter);
        }
        Ok(())
    }

    /// Gives input to a process, or holds it when the process reads too slowly and the client sends on all the same.
    fn type_into(&mut self, terminal: &Terminal, input: Input, meter: Arc<Meter>) {
        if let Err(input) = terminal.try_input(input) {
            self.held = Some(Held { terminal: terminal.clone(), input, meter });
        }
    }

    /// An open channel; none when it has closed, which the client may not have heard yet.
    fn open(&self, channel: Channel) -> Result<Option<&Open>, Option<Farewell>> {
        if channel == 0 || channel >= self.next_channel {
            return Err(Some(Farewell::protocol_error(format!("There was never a channel {channel}."))));
        }
        Ok(self.channels.get(&channel))
    }

    /// Ends a process's input after what was typed before.
    fn close_input(&mut self, channel: Channel) -> Result<(), Option<Farewell>> {
        if let Some(open) = self.open(channel)? {
            let (terminal, meter) = (open.terminal.clone(), Arc::clone(&open.meter));
            self.type_into(&terminal, Input::End, meter);
        }
        Ok(())
    }

    fn command(&mut self, message: ClientMessage) -> Result<(), Option<Farewell>> {
        use ClientMessage as M;
        if let Err(Refusal(error)) = self.caller.permit(&message) {
            self.refuse(&message, error);
            return Ok(());
        }
        match message {
            M::Hello { .. } => return Err(Some(Farewell::protocol_error("A second hello came."))),
            M::Launch { request, spec, credit, typist } => {
                let (given_up, queue) = (CancellationToken::new(), self.outbox.sender());
                self.work(request, Work::Launch { spec, credit, typist, given_up, queue });
            }
            M::Exec { request, container, process, credit, typist } => {
                self.work(request, Work::Exec { container, process, credit, typist });
            }
            M::Attach { request, container, process, from, credit, typist } => {
                let reader = Reader { from, credit, typist };
                if let Err(Refusal(error)) = self.attach_to(request, &container, process, reader) {
                    self.outbox.message(failed(request, error));
                }
            }
            M::Credit { channel, bytes } => {
                if let Some(open) = self.open(channel)? {
                    open.fanout.grant(open.viewer, bytes);
                }
            }
            M::Resize { channel, size } => match self.open(channel)? {
                Some(Open { seat: Some(seat), .. }) => seat.resize(size),
                Some(open) => open.terminal.resize(size),
                None => {}
            },
            M::CloseInput { channel } => self.close_input(channel)?,
            M::Detach { channel } => {
                self.open(channel)?;
                if self.channels.remove(&channel).is_some() {
                    self.outbox.push(Outgoing::Detach(channel));
                }
            }
            M::Signal { request, container, process, signal } => {
                self.work(request, Work::Signal { container, process, signal });
            }
            M::Update { request, container, limits } => {
                self.work(request, Work::Update { container, limits: Box::new(limits) });
            }
            M::Stop { request, container } => self.work(request, Work::Stop { container }),
            M::Remove { request, container, force } => self.work(request, Work::Remove { container, force }),
            M::Inspect { request, container } => self.inspect(request, &container),
            M::Watch { container } => self.watch(&container),
            M::Unwatch { container } => self.watching.end(&container),
            M::Ping { nonce } => self.outbox.message(ServerMessage::Pong { nonce }),
            M::Pull { request, name } => {
                self.work(request, Work::Pull { name, given_up: CancellationToken::new() });
            }
            // One that has ended meanwhile was answered.
            M::CancelPull { pull: request } | M::CancelLaunch { launch: request } => {
                self.given_up.remove(&request).iter().for_each(CancellationToken::cancel);
            }
            M::Keyboard { request, container, process, holder } => {
                let handed = self.hand_keyboard(&container, process, holder);
                self.outbox.message(match handed {
                    Ok(()) => ServerMessage::Done { request },
                    Err(Refusal(error)) => failed(request, error),
                });
            }
            M::Record { request, container, process, on } => {
                self.work(request, Work::Record { container, process, on });
            }
            M::Pong { .. } | M::Unknown => {}
        }
        Ok(())
    }

    /// Answers a message that may not be obeyed; one without a request goes nowhere.
    fn refuse(&mut self, message: &ClientMessage, error: WireError) {
        if let Some(request) = request_of(message) {
            self.outbox.message(failed(request, error));
        }
    }

    /// Begins a request that takes time.
    fn work(&mut self, request: RequestId, work: Work) {
        let channels = work.channels();
        if self.requests.len() >= MAX_REQUESTS {
            let error = too_many(MAX_REQUESTS, "requests of this socket under way");
            return self.outbox.message(failed(request, error));
        }
        if let Err(error) = self.check_room(channels) {
            return self.outbox.message(failed(request, error));
        }
        if let Work::Pull { given_up, .. } | Work::Launch { given_up, .. } = &work {
            self.given_up.insert(request, given_up.clone());
        }
        self.promised += channels;
        self.requests.spawn(work.carry_out(request, self.caller.clone()));
    }

    fn check_room(&self, channels: usize) -> Result<(), WireError> {
        if self.channels.len() + self.promised + channels > MAX_CHANNELS {
            return Err(too_many(MAX_CHANNELS, "channels open on this socket"));
        }
        Ok(())
    }

    fn finish(&mut self, Outcome { request, channels, result }: Outcome) {
        self.promised -= channels;
        self.given_up.remove(&request);
        match result {
            Ok(Achieved::Changed(container)) => {
                self.outbox.message(ServerMessage::Detail { request, container });
            }
            Ok(Achieved::Done) => self.outbox.message(ServerMessage::Done { request }),
            Ok(Achieved::Started { launched, container, process, terminal, credit, typist }) => {
                if let Some(container) = launched {
                    self.outbox.message(ServerMessage::Launched { request, container });
                }
                let reader = Reader { from: None, credit, typist };
                if let Err(Refusal(error)) = self.attach(request, container, process, &terminal, reader) {
                    self.outbox.message(failed(request, error));
                }
            }
            Err(error) => self.outbox.message(failed(request, error)),
        }
    }

    fn attach_to(
        &mut self,
        request: RequestId,
        container: &ContainerId,
        process: ProcessNumber,
        reader: Reader,
    ) -> Answer<()> {
        let terminal = self.caller.terminal(container.as_str(), process)?;
        self.check_room(terminal.streams().len())?;
        self.attach(request, container.clone(), process, &terminal, reader)
    }

    /// Opens a channel for each of the process's streams.
    fn attach(
        &mut self,
        request: RequestId,
        container: ContainerId,
        process: ProcessNumber,
        terminal: &Terminal,
        Reader { from, credit, typist }: Reader,
    ) -> Answer<()> {
        let is_terminal = terminal.streams().iter().any(|(stream, _)| *stream == Stream::Terminal);
        let place = (&container, process);
        let joined = is_terminal
            .then(|| self.caller.app().people.join(place, terminal, &self.person, Arc::clone(&self.wake)));
        let (mut seat, news) = joined.transpose()?.unzip();
        // Who may only watch paces nobody, types nothing, and takes no place among the typists that are remembered.
        let types = self.person.may == May::Type;
        let accepted = |typist| Some((typist, terminal.accepted(typist)?));
        let mut typist = typist.filter(|_| types).and_then(accepted);
        let mut channels = Vec::new();
        let mut attached = Vec::new();
        for (stream, fanout) in terminal.streams() {
            let channel = self.next_channel;
            self.next_channel += 1;
            let viewer = fanout.view(from, credit, types, Arc::clone(&self.wake));
            // The first channel is the one that takes input.
            let typist = typist.take();
            let (input, meter) = (typist.map(|(_, input)| input), Meter::new(typist, Arc::clone(&self.wake)));
            let (offset, end) = (viewer.offset(), Some(viewer.end()));
            channels.push(OpenChannel { channel, stream: *stream, offset, input, end });
            let open = Open {
                terminal: terminal.clone(),
                fanout: Arc::clone(fanout),
                viewer: viewer.id(),
                meter: Arc::clone(&meter),
                seat: seat.take(),
            };
            self.channels.insert(channel, open);
            attached.push(Attached { channel, viewer, meter, told: 0 });
        }
        let message = ServerMessage::Attached { request, container: container.clone(), process, channels };
        let attachment = Attachment { container, process, channels: attached, news };
        self.outbox.push(Outgoing::Attach(Box::new(message), attachment));
        Ok(())
    }

    fn hand_keyboard(
        &self,
        container: &ContainerId,
        process: ProcessNumber,
        holder: Option<PersonId>,
    ) -> Answer<()> {
        self.caller.terminal(container.as_str(), process)?;
        Ok(self.caller.app().people.hand(container, process, holder)?)
    }

    fn inspect(&mut self, request: RequestId, container: &ContainerId) {
        let answer = match self.caller.find(container.as_str()) {
            Ok(found) => {
                let container = Box::new(found.view().detail.clone());
                ServerMessage::Detail { request, container }
            }
            Err(error) => failed(request, Refusal::from(error).0),
        };
        self.outbox.message(answer);
    }

    /// Begins to send a container's kernel view. Who watches one that is not there learns that from the lists.
    fn watch(&mut self, container: &ContainerId) {
        if let Ok(found) = self.caller.find(container.as_str()) {
            self.watching.begin(container, || self.caller.app().watches.watch(&found), self.outbox.sender());
        }
    }

    /// Asks for a sign of life, or gives the client up.
    fn tick(&mut self) -> Result<(), Option<Farewell>> {
        // While its input is held, nothing of it can be heard.
        if self.held.is_none() && self.heard.elapsed() >= Duration::from_millis(DEAD_AFTER_MS) {
            return Err(Some(Farewell { code: CloseCode::TimedOut, error: None }));
        }
        if !self.outbox.is_waiting() {
            self.nonce += 1;
            self.outbox.message(ServerMessage::Ping { nonce: self.nonce });
        }
        Ok(())
    }
}

async fn input_room(held: Option<&Held>) {
    if let Some(Held { meter, .. }) = held {
        meter.room().await;
    }
}

/// What somebody is told once whose typing goes nowhere.
fn may_not_type() -> WireError {
    let hint = "Ask the owner of the terminal for the keyboard.";
    WireError::new(ErrorCode::Forbidden, "You may not type here now: what you typed was dropped.", hint)
}

fn too_many(count: usize, what: &str) -> WireError {
    let hint = "Close some, or open another socket.";
    WireError::new(ErrorCode::TooMany, format!("There are {count} {what} already."), hint)
}

/// Why a socket that cannot be read ends: what it broke, if that can still be told.
fn broken(error: &axum::Error) -> Option<Farewell> {
    let cause = std::error::Error::source(error)?.downcast_ref::<tokio_tungstenite::tungstenite::Error>()?;
    match cause {
        tokio_tungstenite::tungstenite::Error::Capacity(_) => {
            Some(Farewell::too_large("A message is larger than the limit."))
        }
        tokio_tungstenite::tungstenite::Error::Utf8(_) => {
            Some(Farewell::protocol_error("A text message is not UTF-8."))
        }
        tokio_tungstenite::tungstenite::Error::Protocol(error) => {
            Some(Farewell::protocol_error(format!("This is not WebSocket: {error}.")))
        }
        _ => None,
    }
}
