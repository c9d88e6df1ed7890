//! One attached process: its output to ours, our input and signals to it, until it ends or we leave. A connection that is lost
//! on the way is made anew, and both directions go on at the byte where they stopped.

mod loss;
mod notice;
mod opening;
mod reconnect;

use std::io;
use std::time::Duration;

use bytes::Bytes;
use porthole_protocol::control::{ClientMessage, ServerMessage, Stream};
use porthole_protocol::frame::MAX_PAYLOAD_BYTES;
use porthole_protocol::http::Exit;
use porthole_protocol::ids::{Channel, ContainerId};
use porthole_protocol::resume::Resume;
use tokio::io::{AsyncReadExt, Stdin};
use tokio::time::{sleep, timeout};

use super::client::Client;
use super::credit::OUTPUT_WINDOW;
use super::detach::{DetachKeys, Keys, Typed};
use super::failure::{Failure, warn};
use super::signals::{Caught, Signals};
use super::sink::Sink;
use super::socket::{Received, Socket};
use super::terminal::{self, RawMode};

pub(super) use opening::Opening;

/// Interrupts after which a person means us and not the process, as with Docker.
const INSISTENT: u32 = 3;

/// How long the agent has to do what is left when our part is over.
const LAST_WORDS_DEADLINE: Duration = Duration::from_secs(2);

/// Between two questions whether a container is gone: removing one takes a few milliseconds.
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// The status a shell shows for a program that SIGPIPE ended.
const BROKEN_PIPE_STATUS: u8 = 128 + 13;

/// What we want of the process we attach to.
#[derive(Default)]
pub(super) struct Wishes {
    /// Send our standard input to it.
    pub(super) input: bool,
    /// Pass these signals on to it; without, they end this program as ever.
    pub(super) signals: Option<Signals>,
    /// The keys that leave it, where a person types.
    pub(super) detach_keys: Keys,
    /// We started it, so it ends, as in a shell's pipeline, when nobody reads its output any more.
    pub(super) ours: bool,
    /// Stay until the container is removed, which the agent does when its process has ended.
    pub(super) removed: bool,
    /// Do not wait in the queue of launches.
    pub(super) no_wait: bool,
}

/// How the session ended.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    /// The process ended.
    Exited(Exit),
    /// We left; the process runs on.
    Detached,
    /// Nobody reads our output any more.
    OutputClosed,
}

#[allow(clippy::large_enum_variant, reason = "there is one of it at a time")]
enum Event {
    Received(Received),
    Typed(usize),
    Written(Stream, io::Result<Option<u32>>),
    Caught(Caught),
}

struct Session<'a> {
    client: &'a Client,
    opening: Opening,
    wishes: Wishes,
    resume: Resume,
    stdout: Sink,
    stderr: Sink,
    stdin: Option<Stdin>,
    /// Our terminal, where it is the process's.
    raw: Option<RawMode>,
    detach_keys: Option<DetachKeys>,
    interrupts: u32,
    /// What was read of our input, and is looked at next.
    buffer: Vec<u8>,
    /// Signals that came while there was no connection.
    waiting: Vec<&'static str>,
    /// Whether the end of the input was told on this socket.
    told_end: bool,
    /// Whether the line is on the screen that says that there is no connection.
    status_shown: bool,
}

/// Starts or finds the process and stays with it; tells what a person should know of the end, and gives the status to exit
/// with.
///
/// # Errors
/// The agent's refusal, [`Failure::Lost`] when it does not come back, or whatever the terminal refuses.
pub(super) async fn status(client: &Client, opening: Opening, wishes: Wishes) -> Result<u8, Failure> {
    let mut session = Session::new(client, opening, wishes)?;
    let ended = session.carry().await;
    // Before anything is told, the terminal is what it was.
    session.raw = None;
    match ended? {
        Ended::Exited(exit) => {
            if exit.out_of_memory {
                warn(
                    "The container's memory was used up, so the kernel killed it.",
                    "Give it more with --memory.",
                );
            }
            Ok(exit.code)
        }
        Ended::Detached => {
            let hint = session.resume.place().map(|(id, _)| format!("Return with `porthole attach {id}`."));
            warn("Detached; the process runs on.", &hint.unwrap_or_default());
            Ok(0)
        }
        Ended::OutputClosed => Ok(BROKEN_PIPE_STATUS),
    }
}

/// Launches a container, waits for room as long as that takes, and leaves its first process alone; answers the container's id.
///
/// # Errors
/// As [`status`].
pub(super) async fn launch(
    client: &Client,
    opening: Opening,
    wishes: Wishes,
) -> Result<ContainerId, Failure> {
    let mut session = Session::new(client, opening, wishes)?;
    let mut socket = Socket::open(client).await?;
    while let Err(failure) = session.open(&mut socket).await {
        if !loss::is_loss(&failure) {
            return Err(failure);
        }
        session.resume.lost();
        socket = session.reconnect(failure).await?;
    }
    socket.close().await;
    let (container, _) = session.resume.place().expect("what was opened has a place");
    Ok(container.clone())
}

impl<'a> Session<'a> {
    fn new(client: &'a Client, opening: Opening, wishes: Wishes) -> Result<Self, Failure> {
        Ok(Self {
            client,
            resume: opening.resume(),
            opening,
            stdout: Sink::new(io::stdout())?,
            stderr: Sink::new(io::stderr())?,
            stdin: wishes.input.then(tokio::io::stdin),
            wishes,
            raw: None,
            detach_keys: None,
            interrupts: 0,
            buffer: vec![0; MAX_PAYLOAD_BYTES],
            waiting: Vec::new(),
            told_end: false,
            status_shown: false,
        })
    }

    async fn carry(&mut self) -> Result<Ended, Failure> {
        let mut socket = Socket::open(self.client).await?;
        let ended = loop {
            let lived = self.live(&mut socket).await;
            match lived {
                Err(failure) if loss::is_loss(&failure) => {
                    self.resume.lost();
                    socket = self.reconnect(failure).await?;
                }
                other => break other,
            }
        };
        self.raw = None;
        self.leave(&mut socket, &ended).await;
        socket.close().await;
        match ended {
            Err(Failure::OutputClosed) => Ok(Ended::OutputClosed),
            ended => ended,
        }
    }

    /// On one socket, from the request to its end.
    async fn live(&mut self, socket: &mut Socket) -> Result<Ended, Failure> {
        self.open(socket).await?;
        if self.resume.channel(Stream::Terminal).is_some()
            && self.wishes.input
            && self.raw.is_none()
            && terminal::input_is_terminal()
        {
            self.raw = Some(RawMode::enter()?);
            self.detach_keys.get_or_insert_with(|| DetachKeys::new(self.wishes.detach_keys.clone()));
        }
        self.resize(socket);
        for signal in std::mem::take(&mut self.waiting) {
            self.signal(socket, signal);
        }
        self.run(socket).await
    }

    async fn run(&mut self, socket: &mut Socket) -> Result<Ended, Failure> {
        loop {
            self.type_on(socket);
            let room = self.resume.input.room().min(self.buffer.len());
            let may_read = self.stdin.is_some() && room > 0 && !socket.is_busy();
            let event = tokio::select! {
                received = socket.receive() => Event::Received(received?),
                read = read(&mut self.stdin, &mut self.buffer[..room]), if may_read => Event::Typed(read?),
                granted = self.stdout.write_some(), if self.stdout.is_waiting() =>
                    Event::Written(Stream::Stdout, granted),
                granted = self.stderr.write_some(), if self.stderr.is_waiting() =>
                    Event::Written(Stream::Stderr, granted),
                caught = caught(&mut self.wishes.signals) => Event::Caught(caught),
            };
            let ended = match event {
                Event::Received(Received::Output { channel, bytes }) => self.output(channel, &bytes),
                Event::Received(Received::Control(message)) => self.control(message).await?,
                Event::Typed(0) => self.end_of_input(),
                Event::Typed(read) => self.typed(read),
                Event::Written(stream, granted) => self.grant(socket, stream, granted?),
                Event::Caught(Caught::Resized) => self.resize(socket),
                Event::Caught(Caught::Forward(signal)) => self.forward(socket, signal),
            };
            if let Some(ended) = ended {
                self.type_on(socket);
                return Ok(ended);
            }
        }
    }

    fn output(&mut self, channel: Channel, bytes: &Bytes) -> Option<Ended> {
        let (stream, fresh) = self.resume.output(channel, bytes)?;
        // What came before counts as written: it was granted for like the rest.
        let known = bytes.len() - fresh.len();
        self.sink(stream).push(bytes.slice(known..), known);
        None
    }

    fn sink(&mut self, stream: Stream) -> &mut Sink {
        if stream == Stream::Stderr { &mut self.stderr } else { &mut self.stdout }
    }

    async fn control(&mut self, message: ServerMessage) -> Result<Option<Ended>, Failure> {
        match message {
            ServerMessage::Exited { container, process, exit }
                if self.resume.place() == Some((&container, process)) =>
            {
                self.stdout.write_rest().await?;
                self.stderr.write_rest().await?;
                return Ok(Some(Ended::Exited(exit)));
            }
            ServerMessage::Detached { channel } if self.resume.input_channel() == Some(channel) => {
                return Ok(Some(Ended::Detached));
            }
            ServerMessage::Credit { channel, bytes } if self.resume.input_channel() == Some(channel) => {
                self.resume.input.accepted(bytes);
            }
            ServerMessage::Skipped { channel, offset } => {
                let missing = self.resume.skipped(channel, offset);
                self.tell_missing(missing);
            }
            ServerMessage::Screen { channel, offset, size, screen } => {
                let missing = self.resume.skipped(channel, offset);
                self.tell_missing(missing);
                self.draw(size, &screen);
            }
            _ => {}
        }
        Ok(None)
    }

    /// Sends what was typed, as far as the agent has room for it, and its end.
    fn type_on(&mut self, socket: &mut Socket) {
        let Some(channel) = self.resume.input_channel() else { return };
        while !socket.is_busy() {
            let bytes = self.resume.input.due(MAX_PAYLOAD_BYTES);
            if bytes.is_empty() {
                break;
            }
            socket.send_input(channel, &bytes);
        }
        // Nobody who wants input has it closed, and a terminal that ends has been left.
        let is_over = self.wishes.input && self.stdin.is_none() && self.detach_keys.is_none();
        if is_over && self.resume.input.is_sent() && !self.told_end {
            self.told_end = true;
            socket.send(&ClientMessage::CloseInput { channel });
        }
    }

    fn typed(&mut self, read: usize) -> Option<Ended> {
        let typed = &self.buffer[..read];
        let (bytes, detach) = match self.detach_keys.as_mut().map(|keys| keys.take(typed)) {
            Some(Typed::Send(bytes)) => (bytes, false),
            Some(Typed::Detach(bytes)) => (bytes, true),
            None => (typed.to_vec(), false),
        };
        self.resume.input.push(&bytes);
        detach.then_some(Ended::Detached)
    }

    /// A process on pipes is told; a terminal that ends has been closed, and we with it.
    fn end_of_input(&mut self) -> Option<Ended> {
        self.stdin = None;
        self.detach_keys.is_some().then_some(Ended::Detached)
    }

    fn grant(&mut self, socket: &mut Socket, stream: Stream, granted: Option<u32>) -> Option<Ended> {
        let stream = match stream {
            Stream::Stdout if self.resume.channel(Stream::Terminal).is_some() => Stream::Terminal,
            stream => stream,
        };
        if let (Some(channel), Some(bytes)) = (self.resume.channel(stream), granted) {
            socket.send(&ClientMessage::Credit { channel, bytes });
        }
        None
    }

    fn resize(&mut self, socket: &mut Socket) -> Option<Ended> {
        let channel = self.resume.channel(Stream::Terminal)?;
        // Who only looks on has no say in the size.
        if self.wishes.signals.is_some() {
            socket.send(&ClientMessage::Resize { channel, size: terminal::size()? });
        }
        None
    }

    fn forward(&mut self, socket: &mut Socket, signal: &str) -> Option<Ended> {
        self.interrupts += u32::from(matches!(signal, "INT" | "TERM"));
        if self.interrupts >= INSISTENT {
            return Some(Ended::Detached);
        }
        self.signal(socket, signal);
        None
    }

    /// Asks for a signal; should the process have ended meanwhile, its `exited` is on its way.
    fn signal(&mut self, socket: &mut Socket, signal: &str) {
        let request = socket.next_request();
        let Some((container, process)) = self.resume.place() else { return };
        let (container, signal) = (container.clone(), signal.to_owned());
        socket.send(&ClientMessage::Signal { request, container, process, signal });
    }

    /// What is left to be done when our part is over.
    async fn leave(&mut self, socket: &mut Socket, ended: &Result<Ended, Failure>) {
        let output_closed = matches!(ended, Err(Failure::OutputClosed));
        if self.wishes.ours && (output_closed || matches!(ended, Err(Failure::Local { .. }))) {
            // What a pipeline of a shell does: who writes to a pipe that nobody reads gets SIGPIPE.
            self.signal(socket, "PIPE");
            let asked = socket.last_request();
            let answered = answer(socket, |message| match message {
                ServerMessage::Done { request } | ServerMessage::Error { request: Some(request), .. } => {
                    (*request == asked).then_some(())
                }
                _ => None,
            });
            // In vain after a while, or without a connection: what was to be told and done has been.
            let _ = timeout(LAST_WORDS_DEADLINE, answered).await;
        }
        if self.wishes.removed && (output_closed || matches!(ended, Ok(Ended::Exited(_)))) {
            let Some((ours, _)) = self.resume.place() else { return };
            let _ = timeout(LAST_WORDS_DEADLINE, gone(socket, ours)).await;
        }
    }

    /// Output that may be sent before any is written: what waits here counts.
    fn window(&self) -> u32 {
        let waiting = self.stdout.waiting().max(self.stderr.waiting());
        OUTPUT_WINDOW.saturating_sub(u32::try_from(waiting).unwrap_or(u32::MAX))
    }
}

/// Drops what comes until `awaited` makes something of it; nothing when the connection is lost.
async fn answer<T>(socket: &mut Socket, awaited: impl Fn(&ServerMessage) -> Option<T>) -> Option<T> {
    while let Ok(received) = socket.receive().await {
        let Received::Control(message) = &received else { continue };
        if let Some(answer) = awaited(message) {
            return Some(answer);
        }
    }
    None
}

/// Waits until the agent knows the container no more, or is gone itself. Its list of containers does not tell: of one that comes
/// and goes between two lists it says nothing.
async fn gone(socket: &mut Socket, container: &ContainerId) {
    loop {
        let asked = socket.next_request();
        socket.send(&ClientMessage::Inspect { request: asked, container: container.clone() });
        let is_there = answer(socket, |message| match message {
            ServerMessage::Detail { request, .. } => (*request == asked).then_some(true),
            ServerMessage::Error { request, .. } => (*request == Some(asked)).then_some(false),
            _ => None,
        });
        if is_there.await != Some(true) {
            return;
        }
        sleep(ASK_AGAIN).await;
    }
}

async fn read(stdin: &mut Option<Stdin>, buffer: &mut [u8]) -> Result<usize, Failure> {
    match stdin {
        None => std::future::pending().await,
        // A terminal that hangs up reads as EIO: an end like any other.
        Some(stdin) => Ok(stdin.read(buffer).await.unwrap_or(0)),
    }
}

async fn caught(signals: &mut Option<Signals>) -> Caught {
    match signals {
        None => std::future::pending().await,
        Some(signals) => signals.next().await,
    }
}
