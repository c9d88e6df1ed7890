//! A client of one process that goes on whatever happens to its connection: by the same rules as the page and the command
//! line, on one thread, never waiting for one direction only.

use std::collections::VecDeque;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use porthole_protocol::control::{ClientMessage, CloseCode, ServerMessage, Stream};
use porthole_protocol::error::WireError;
use porthole_protocol::frame::{Frame, MAX_PAYLOAD_BYTES};
use porthole_protocol::http::Exit;
use porthole_protocol::ids::{Channel, ContainerId, ProcessNumber, RequestId, Typist};
use porthole_protocol::resume::Resume;
use porthole_protocol::spec::{LaunchSpec, ProcessSpec};
use porthole_protocol::version::{Generations, SUBPROTOCOL};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{Error as WsError, Message, WebSocket};

/// Output that may be under way on each channel, in bytes.
const WINDOW: u32 = 256 * 1024;

/// For the agent to answer the upgrade.
const UPGRADE_WITHIN: Duration = Duration::from_secs(2);

/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(20);

/// Frames of input that may wait here: the rest waits where it can still be told to have been accepted.
const MAX_QUEUED: usize = 4;

/// How the process comes to be attached for the first time.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of it for each client")]
pub enum Opening {
    /// It is launched.
    Launch(LaunchSpec),
    /// It is started in a container.
    Exec(ContainerId, ProcessSpec),
    /// It is there.
    Attach(ContainerId, ProcessNumber),
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Output that had not come before.
    Output(Stream, Vec<u8>),
    /// So many bytes of output are gone.
    Missing(u64),
    /// The screen in place of what is gone.
    Screen(String),
    /// The process is attached, for the first time or again.
    Attached,
    /// The connection was lost, and why.
    Lost(String),
    /// The process has ended.
    Exited(Exit),
    /// The agent refused to start it or to go on with it.
    Refused(WireError),
}

/// The client.
pub struct Resuming {
    address: SocketAddr,
    opening: Opening,
    /// What it keeps.
    pub resume: Resume,
    /// How long nothing may be heard before the connection counts as lost.
    pub silence: Duration,
    connection: Option<Connection>,
    next_attempt: Instant,
    ends_input: bool,
    events: VecDeque<Event>,
}

/// One socket.
struct Connection {
    socket: WebSocket<TcpStream>,
    heard: Instant,
    pinged: Instant,
    unsent: bool,
    request: Option<RequestId>,
    taken: Vec<(Channel, u32)>,
    input_ended: bool,
}

impl Resuming {
    /// Of a process that comes to be by `opening`; nothing is sent yet.
    #[must_use]
    pub fn new(address: SocketAddr, opening: Opening, typist: Typist) -> Self {
        let resume = match &opening {
            Opening::Launch(_) | Opening::Exec(..) => Resume::starting(typist),
            Opening::Attach(container, process) => Resume::following(typist, container.clone(), *process),
        };
        Self {
            address,
            opening,
            resume,
            silence: Duration::from_secs(1),
            connection: None,
            next_attempt: Instant::now(),
            ends_input: false,
            events: VecDeque::new(),
        }
    }

    /// No more will be typed: end of file for a process on pipes, once all that was typed has arrived.
    pub fn end_input(&mut self) {
        self.ends_input = true;
    }

    /// Drops the connection, as a network would.
    pub fn cut(&mut self) {
        self.lost("cut");
    }

    /// Whether everything typed was accepted, and the end of it sent.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        let ended = || self.connection.as_ref().is_some_and(|connection| connection.input_ended);
        self.resume.input.is_empty() && (!self.ends_input || ended())
    }

    /// What happens next, or nothing by the deadline. Connects, types, grants and answers meanwhile.
    ///
    /// # Errors
    /// When the agent breaks the protocol or says that we did.
    pub fn next(&mut self, deadline: Instant) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            if self.connection.is_none() {
                self.connect(deadline)?;
                continue;
            }
            if let Err(error) = self.turn(deadline) {
                match error.downcast_ref::<WsError>() {
                    Some(WsError::Utf8(_) | WsError::Capacity(_)) => return Err(error),
                    Some(_) => self.lost(&format!("{error:#}")),
                    None => return Err(error),
                }
            }
        }
    }

    fn connect(&mut self, deadline: Instant) -> Result<()> {
        let now = Instant::now();
        if now < self.next_attempt {
            #[expect(clippy::disallowed_methods, reason = "the pause between two attempts to connect")]
            std::thread::sleep(self.next_attempt.min(deadline) - now);
            return Ok(());
        }
        self.next_attempt = now + PAUSE;
        // Whatever fails here fails because the network or the agent is not what it should be: once more, then.
        if let Ok(socket) = open(self.address) {
            let now = Instant::now();
            let mut connection = Connection {
                socket,
                heard: now,
                pinged: now,
                unsent: true,
                request: None,
                taken: Vec::new(),
                input_ended: false,
            };
            let hello = ClientMessage::Hello {
                generations: Generations::OURS,
                token: None,
                client: "porthole-driver".into(),
                share: None,
                name: None,
            };
            if connection.send(&hello).is_ok() {
                self.connection = Some(connection);
            }
        }
        Ok(())
    }

    fn lost(&mut self, why: &str) {
        if self.connection.take().is_some() {
            self.resume.lost();
            self.events.push_back(Event::Lost(why.to_owned()));
        }
    }

    /// Reads what is there, writes what is due, else waits for either.
    fn turn(&mut self, deadline: Instant) -> Result<()> {
        self.write()?;
        let Some(connection) = &mut self.connection else { return Ok(()) };
        match connection.socket.read() {
            Ok(message) => {
                connection.heard = Instant::now();
                return self.receive(message);
            }
            Err(WsError::Io(error)) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        let now = Instant::now();
        let dead = connection.heard + self.silence;
        if now >= dead {
            self.lost("silent");
            return Ok(());
        }
        let until = deadline.min(dead).min(connection.pinged + self.silence / 4);
        let wait = PollTimeout::try_from(until.saturating_duration_since(now).min(Duration::from_secs(1)))?;
        let mut flags = PollFlags::POLLIN;
        flags.set(PollFlags::POLLOUT, connection.unsent);
        poll(&mut [PollFd::new(connection.socket.get_ref().as_fd(), flags)], wait)?;
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        if connection.pinged.elapsed() >= self.silence / 4 {
            connection.pinged = Instant::now();
            connection.send(&ClientMessage::Ping { nonce: 1 })?;
        }
        connection.flush()?;
        for _ in 0..MAX_QUEUED {
            let Some(channel) = self.resume.input_channel() else { break };
            if connection.unsent {
                break;
            }
            let bytes = self.resume.input.due(MAX_PAYLOAD_BYTES);
            if bytes.is_empty() {
                if self.ends_input && !connection.input_ended {
                    connection.input_ended = true;
                    connection.send(&ClientMessage::CloseInput { channel })?;
                }
                break;
            }
            connection.message(Message::binary(Frame { channel, payload: &bytes }.encode()))?;
            connection.flush()?;
        }
        Ok(())
    }

    fn receive(&mut self, message: Message) -> Result<()> {
        match message {
            Message::Text(text) => {
                let message =
                    serde_json::from_str(&text).with_context(|| format!("the agent said {text}"))?;
                self.control(message)
            }
            Message::Binary(bytes) => {
                let Frame { channel, payload } = Frame::decode(&bytes)?;
                if let Some((stream, fresh)) = self.resume.output(channel, payload)
                    && !fresh.is_empty()
                {
                    self.events.push_back(Event::Output(stream, fresh.to_vec()));
                }
                self.grant(channel, u32::try_from(payload.len())?)
            }
            Message::Close(frame) => {
                let code = frame.map_or(1005, |frame| u16::from(frame.code));
                let broken = [CloseCode::ProtocolError, CloseCode::TooLarge].map(|code| code as u16);
                if broken.contains(&code) {
                    bail!("the agent closed with {code}");
                }
                self.lost(&format!("closed with {code}"));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn control(&mut self, message: ServerMessage) -> Result<()> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        match message {
            ServerMessage::Ping { nonce } => connection.send(&ClientMessage::Pong { nonce })?,
            ServerMessage::Welcome { .. } => {
                connection.request = Some(1);
                let request = self.request(1);
                self.connection.as_mut().context("it was there")?.send(&request)?;
            }
            ServerMessage::Error { request, error } if request.is_some() && request == connection.request => {
                self.events.push_back(Event::Refused(error));
            }
            ServerMessage::Error { request: None, error } => bail!("the agent ended the socket: {error}"),
            ServerMessage::Attached { request, container, process, channels }
                if Some(request) == connection.request =>
            {
                let missing = self.resume.attached(&container, process, &channels);
                self.events.push_back(Event::Attached);
                self.miss(missing);
            }
            ServerMessage::Skipped { channel, offset } => {
                let missing = self.resume.skipped(channel, offset);
                self.miss(missing);
            }
            ServerMessage::Screen { channel, offset, screen, .. } => {
                let missing = self.resume.skipped(channel, offset);
                self.miss(missing);
                self.events.push_back(Event::Screen(screen));
            }
            ServerMessage::Credit { channel, bytes } if self.resume.input_channel() == Some(channel) => {
                self.resume.input.accepted(bytes);
            }
            ServerMessage::Exited { container, process, exit }
                if self.resume.place() == Some((&container, process)) =>
            {
                self.events.push_back(Event::Exited(exit));
            }
            _ => {}
        }
        Ok(())
    }

    fn miss(&mut self, bytes: u64) {
        if bytes > 0 {
            self.events.push_back(Event::Missing(bytes));
        }
    }

    fn request(&self, request: RequestId) -> ClientMessage {
        let (credit, typist) = (WINDOW, Some(self.resume.typist()));
        self.resume.attach(request, WINDOW).unwrap_or_else(|| match self.opening.clone() {
            Opening::Launch(spec) => ClientMessage::Launch { request, spec, credit, typist },
            Opening::Exec(container, process) => {
                ClientMessage::Exec { request, container, process, credit, typist }
            }
            Opening::Attach(container, process) => {
                ClientMessage::Attach { request, container, process, from: None, credit, typist }
            }
        })
    }

    fn grant(&mut self, channel: Channel, bytes: u32) -> Result<()> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        let index = connection.taken.iter().position(|(of, _)| *of == channel).unwrap_or_else(|| {
            connection.taken.push((channel, 0));
            connection.taken.len() - 1
        });
        let taken = &mut connection.taken[index].1;
        *taken += bytes;
        if *taken < WINDOW / 4 {
            return Ok(());
        }
        let bytes = std::mem::take(taken);
        connection.send(&ClientMessage::Credit { channel, bytes })
    }
}

impl Connection {
    fn send(&mut self, message: &ClientMessage) -> Result<()> {
        self.message(Message::text(serde_json::to_string(message)?))
    }

    /// Queues it: what the network does not take now, it takes at a flush.
    fn message(&mut self, message: Message) -> Result<()> {
        self.unsent = true;
        later(self.socket.write(message)).map(drop)
    }

    fn flush(&mut self) -> Result<()> {
        if self.unsent {
            self.unsent = !later(self.socket.flush())?;
        }
        Ok(())
    }
}

/// Whether it was done; what the network has no room for is no error.
fn later(outcome: tungstenite::Result<()>) -> Result<bool> {
    match outcome {
        Ok(()) => Ok(true),
        Err(WsError::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn open(address: SocketAddr) -> Result<WebSocket<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(UPGRADE_WITHIN))?;
    stream.set_write_timeout(Some(UPGRADE_WITHIN))?;
    let mut request = format!("ws://{address}/api/v1/socket").into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
    let (socket, _) = tungstenite::client(request, stream).map_err(|error| anyhow::anyhow!("{error}"))?;
    socket.get_ref().set_nonblocking(true)?;
    Ok(socket)
}
