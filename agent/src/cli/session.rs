//! One attached process: its output to ours, our input and signals to it, until it ends or we leave.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use porthole_protocol::control::{ClientMessage, OpenChannel, ServerMessage, Stream};
use porthole_protocol::frame::MAX_PAYLOAD_BYTES;
use porthole_protocol::http::Exit;
use porthole_protocol::ids::{Channel, ContainerId, ProcessNumber, RequestId};
use tokio::io::{AsyncReadExt, Stdin};
use tokio::time::timeout;

use super::credit::InputWindow;
use super::detach::{DetachKeys, Typed};
use super::failure::{Failure, warn};
use super::signals::{Caught, Signals};
use super::sink::Sink;
use super::socket::{Received, Socket};
use super::terminal::{self, RawMode};

/// Interrupts after which a person means us and not the process, as with Docker.
const INSISTENT: u32 = 3;

/// How long the agent has to do what is left when our part is over.
const LAST_WORDS_DEADLINE: Duration = Duration::from_secs(2);

/// The status a shell shows for a program that SIGPIPE ended.
const BROKEN_PIPE_STATUS: u8 = 128 + 13;

/// What we want of the process we attach to.
pub(super) struct Wishes {
    /// Send our standard input to it.
    pub(super) input: bool,
    /// Pass these signals on to it; without, they end this program as ever.
    pub(super) signals: Option<Signals>,
    /// We started it, so it ends, as in a shell's pipeline, when nobody reads its output any more.
    pub(super) ours: bool,
    /// Stay until the container is removed, which the agent does when its process has ended.
    pub(super) removed: bool,
}

/// How the session ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The process ended.
    Exited(Exit),
    /// We left; the process runs on.
    Detached,
    /// Nobody reads our output any more.
    OutputClosed,
}

/// The answer to a launch, exec or attach, waited for: which process, and its channels.
pub(super) struct Attached {
    /// The container.
    pub(super) container: ContainerId,
    /// The process in it.
    pub(super) process: ProcessNumber,
    /// One channel for a terminal, two for pipes.
    pub(super) channels: Vec<OpenChannel>,
}

impl Attached {
    /// Waits for the answer to this request.
    ///
    /// # Errors
    /// The agent's refusal, or [`Failure::Lost`].
    pub(super) async fn wait(socket: &mut Socket, awaited: RequestId) -> Result<Self, Failure> {
        loop {
            match socket.receive().await? {
                Received::Control(ServerMessage::Attached { request, container, process, channels })
                    if request == awaited =>
                {
                    return Ok(Self { container, process, channels });
                }
                Received::Control(ServerMessage::Error { request: Some(request), error })
                    if request == awaited =>
                {
                    return Err(error.into());
                }
                _ => {}
            }
        }
    }

    /// The same for a launch, which may have to wait for room: tells its place in the queue, and leaves it on Ctrl-C.
    ///
    /// # Errors
    /// The agent's refusal, [`Failure::Lost`], or [`Failure::Interrupted`].
    pub(super) async fn wait_in_queue(
        socket: &mut Socket,
        launch: RequestId,
        signals: &mut Signals,
    ) -> Result<Self, Failure> {
        let mut given_up = false;
        loop {
            let received = tokio::select! {
                received = socket.receive() => received?,
                Caught::Forward("INT" | "TERM" | "HUP" | "QUIT") = signals.next() => {
                    given_up = true;
                    socket.send(&ClientMessage::CancelLaunch { launch });
                    continue;
                }
            };
            match received {
                Received::Control(ServerMessage::Attached { request, container, process, channels })
                    if request == launch =>
                {
                    return Ok(Self { container, process, channels });
                }
                Received::Control(ServerMessage::Error { request: Some(request), error })
                    if request == launch =>
                {
                    return Err(match given_up {
                        true => Failure::Interrupted { hint: "Nothing was launched.".to_owned() },
                        false => error.into(),
                    });
                }
                Received::Control(ServerMessage::Queued { request, position, reason })
                    if request == launch =>
                {
                    let place = match position {
                        1 => "next".to_owned(),
                        position => format!("number {position}"),
                    };
                    warn(&format!("Waiting for room: {place} in the queue. {reason}"), "");
                }
                _ => {}
            }
        }
    }

    fn channel(&self, stream: Stream) -> Option<Channel> {
        self.channels.iter().find(|open| open.stream == stream).map(|open| open.channel)
    }
}

enum Event {
    Received(Received),
    Typed(usize),
    Written(Channel, io::Result<Option<u32>>),
    Caught(Caught),
}

struct Session {
    socket: Socket,
    attached: Attached,
    stdout: Sink,
    stderr: Sink,
    stdin: Option<Stdin>,
    window: InputWindow,
    detach_keys: Option<DetachKeys>,
    interrupts: u32,
}

/// Carries bytes and signals between us and the process until one side is done.
///
/// # Errors
/// [`Failure::Lost`], or whatever the terminal refuses.
pub(super) async fn carry(socket: Socket, attached: Attached, mut wishes: Wishes) -> Result<Ended, Failure> {
    let terminal = attached.channel(Stream::Terminal);
    let raw = match terminal {
        Some(_) if wishes.input && terminal::input_is_terminal() => Some(RawMode::enter()?),
        _ => None,
    };
    let mut session = Session {
        stdout: Sink::new(terminal.or(attached.channel(Stream::Stdout)), io::stdout())?,
        stderr: Sink::new(attached.channel(Stream::Stderr), io::stderr())?,
        stdin: wishes.input.then(tokio::io::stdin),
        window: InputWindow::default(),
        detach_keys: raw.as_ref().map(|_| DetachKeys::default()),
        interrupts: 0,
        socket,
        attached,
    };
    session.resize();
    let mut ended = session.run(&mut wishes).await;
    drop(raw);
    if wishes.ours && matches!(ended, Err(Failure::OutputClosed | Failure::Local { .. })) {
        session.break_pipe().await;
    }
    if let Err(Failure::OutputClosed) = ended {
        ended = Ok(Ended::OutputClosed);
    }
    if wishes.removed && matches!(ended, Ok(Ended::Exited(_) | Ended::OutputClosed)) {
        session.removed().await;
    }
    session.socket.close().await;
    ended
}

impl Session {
    async fn run(&mut self, wishes: &mut Wishes) -> Result<Ended, Failure> {
        let mut buffer = vec![0; MAX_PAYLOAD_BYTES];
        loop {
            let room = self.window.room().min(buffer.len());
            let may_read = self.stdin.is_some() && room > 0 && !self.socket.is_busy();
            let event = tokio::select! {
                received = self.socket.receive() => Event::Received(received?),
                read = read(&mut self.stdin, &mut buffer[..room]), if may_read => Event::Typed(read?),
                granted = self.stdout.write_some(), if self.stdout.is_waiting() =>
                    Event::Written(self.stdout.channel.unwrap_or_default(), granted),
                granted = self.stderr.write_some(), if self.stderr.is_waiting() =>
                    Event::Written(self.stderr.channel.unwrap_or_default(), granted),
                caught = caught(&mut wishes.signals) => Event::Caught(caught),
            };
            let ended = match event {
                Event::Received(Received::Output { channel, bytes }) => self.output(channel, bytes),
                Event::Received(Received::Control(message)) => self.control(message).await?,
                Event::Typed(0) => self.end_of_input(),
                Event::Typed(read) => self.input(&buffer[..read]),
                Event::Written(channel, granted) => self.grant(channel, granted?),
                Event::Caught(Caught::Resized) => self.resize(),
                Event::Caught(Caught::Forward(signal)) => self.forward(signal),
            };
            if let Some(ended) = ended {
                return Ok(ended);
            }
        }
    }

    fn output(&mut self, channel: Channel, bytes: Bytes) -> Option<Ended> {
        if self.stdout.channel == Some(channel) {
            self.stdout.push(bytes);
        } else if self.stderr.channel == Some(channel) {
            self.stderr.push(bytes);
        }
        None
    }

    async fn control(&mut self, message: ServerMessage) -> Result<Option<Ended>, Failure> {
        match message {
            ServerMessage::Exited { container, process, exit }
                if container == self.attached.container && process == self.attached.process =>
            {
                self.stdout.write_rest().await?;
                self.stderr.write_rest().await?;
                Ok(Some(Ended::Exited(exit)))
            }
            ServerMessage::Detached { channel } if self.stdout.channel == Some(channel) => {
                Ok(Some(Ended::Detached))
            }
            ServerMessage::Credit { channel, bytes } if self.stdout.channel == Some(channel) => {
                self.window.taken(bytes);
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    fn input(&mut self, typed: &[u8]) -> Option<Ended> {
        let channel = self.stdout.channel?;
        let (bytes, detach) = match self.detach_keys.as_mut().map(|keys| keys.take(typed)) {
            Some(Typed::Send(bytes)) => (bytes, false),
            Some(Typed::Detach(bytes)) => (bytes, true),
            None => (typed.to_vec(), false),
        };
        for payload in bytes.chunks(MAX_PAYLOAD_BYTES) {
            self.socket.send_input(channel, payload);
        }
        self.window.sent(bytes.len());
        detach.then_some(Ended::Detached)
    }

    /// Tells a process on pipes; a terminal that ends has been closed, and we with it.
    fn end_of_input(&mut self) -> Option<Ended> {
        self.stdin = None;
        if self.detach_keys.is_some() {
            return Some(Ended::Detached);
        }
        self.socket.send(&ClientMessage::CloseInput { channel: self.stdout.channel? });
        None
    }

    fn grant(&mut self, channel: Channel, granted: Option<u32>) -> Option<Ended> {
        if let Some(bytes) = granted {
            self.socket.send(&ClientMessage::Credit { channel, bytes });
        }
        None
    }

    fn resize(&mut self) -> Option<Ended> {
        let channel = self.attached.channel(Stream::Terminal)?;
        self.socket.send(&ClientMessage::Resize { channel, size: terminal::size()? });
        None
    }

    fn forward(&mut self, signal: &str) -> Option<Ended> {
        self.interrupts += u32::from(matches!(signal, "INT" | "TERM"));
        if self.interrupts >= INSISTENT {
            return Some(Ended::Detached);
        }
        self.signal(signal);
        None
    }

    /// Asks for a signal; should the process have ended meanwhile, its `exited` is on its way.
    fn signal(&mut self, signal: &str) {
        let request = self.socket.next_request();
        let Attached { container, process, .. } = &self.attached;
        let (container, process, signal) = (container.clone(), *process, signal.to_owned());
        self.socket.send(&ClientMessage::Signal { request, container, process, signal });
    }

    /// What a pipeline of a shell does: who writes to a pipe that nobody reads gets SIGPIPE.
    async fn break_pipe(&mut self) {
        self.signal("PIPE");
        let asked = self.socket.last_request();
        self.wait_for(|message| match message {
            ServerMessage::Done { request } | ServerMessage::Error { request: Some(request), .. } => {
                *request == asked
            }
            _ => false,
        })
        .await;
    }

    /// Waits until the agent's list of containers, which it sends whenever it changes, is without ours.
    async fn removed(&mut self) {
        let ours = self.attached.container.clone();
        self.wait_for(|message| match message {
            ServerMessage::Containers { containers } => {
                containers.iter().all(|container| container.id != ours)
            }
            _ => false,
        })
        .await;
    }

    /// Drops what comes until this does. In vain after a while, or without a connection: what was to be told and done
    /// has been.
    async fn wait_for(&mut self, awaited: impl Fn(&ServerMessage) -> bool) {
        let came = async {
            while let Ok(received) = self.socket.receive().await {
                if matches!(&received, Received::Control(message) if awaited(message)) {
                    break;
                }
            }
        };
        let _ = timeout(LAST_WORDS_DEADLINE, came).await;
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

/// [`carry`] for a verb: tells what a person should know of the end, and gives the status to exit with.
///
/// # Errors
/// As [`carry`].
pub(super) async fn status(socket: Socket, attached: Attached, wishes: Wishes) -> Result<u8, Failure> {
    let container = attached.container.clone();
    match carry(socket, attached, wishes).await? {
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
            warn("Detached; the process runs on.", &format!("Return with `porthole attach {container}`."));
            Ok(0)
        }
        Ended::OutputClosed => Ok(BROKEN_PIPE_STATUS),
    }
}
