//! A client of the protocol, one thread and no runtime, so that its own share of a measurement is small and steady.

use std::collections::HashMap;
use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use porthole_protocol::control::{ClientMessage, OpenChannel, ServerMessage};
use porthole_protocol::error::WireError;
use porthole_protocol::frame::Frame;
use porthole_protocol::http::{ContainerDetail, Exit};
use porthole_protocol::ids::{Channel, ContainerId, ProcessNumber, RequestId};
use porthole_protocol::spec::{LaunchSpec, ProcessSpec};
use porthole_protocol::version::{Generations, SUBPROTOCOL};
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{Message, WebSocket};

/// Longest wait for anything, far above what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// Bytes granted on every channel; half of it is granted again whenever as much was taken.
const CREDIT: u32 = 1 << 20;

/// A connection that has been welcomed.
pub struct Client {
    socket: WebSocket<TcpStream>,
    requests: RequestId,
    taken: HashMap<Channel, u32>,
    exits: HashMap<(ContainerId, ProcessNumber), Exit>,
}

/// What comes from the agent.
#[allow(clippy::large_enum_variant, reason = "there is one of it at a time")]
pub enum Incoming {
    /// A message; pings have been answered.
    Control(ServerMessage),
    /// Output of a process.
    Output {
        /// Where it came.
        channel: Channel,
        /// What.
        bytes: Vec<u8>,
    },
}

/// A process that the client is attached to.
#[derive(Clone, Debug)]
pub struct Attached {
    /// Its container.
    pub container: ContainerId,
    /// Its number.
    pub process: ProcessNumber,
    /// The terminal's channel, or those of standard output and standard error.
    pub channels: Vec<OpenChannel>,
}

impl Attached {
    /// The terminal's channel, or that of standard output.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.channels.first().map_or(0, |channel| channel.channel)
    }
}

/// The agent answered a request with an error.
#[derive(Debug)]
pub struct Refused(pub WireError);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {} {}", self.0.code, self.0.message, self.0.hint)
    }
}

impl std::error::Error for Refused {}

/// The connection is gone.
#[derive(Debug)]
pub struct Gone(String);

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connection is gone: {}", self.0)
    }
}

impl std::error::Error for Gone {}

impl Client {
    /// Opens the socket and says hello.
    ///
    /// # Errors
    /// When the agent is not there or does not welcome us.
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).map_err(|error| Gone(error.to_string()))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut request = format!("ws://{address}/api/v1/socket").into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(SUBPROTOCOL));
        let (socket, _) = tungstenite::client(request, stream).map_err(|error| Gone(error.to_string()))?;
        let mut client = Self { socket, requests: 0, taken: HashMap::new(), exits: HashMap::new() };
        client.send(&ClientMessage::Hello {
            generations: Generations::OURS,
            token: None,
            client: "porthole-driver".into(),
            share: None,
            name: None,
        })?;
        client
            .control("welcome", |message| matches!(message, ServerMessage::Welcome { .. }).then_some(()))?;
        Ok(client)
    }

    /// Launches a container and attaches to its first process.
    ///
    /// # Errors
    /// [`Refused`], [`Gone`], or silence.
    pub fn launch(&mut self, spec: LaunchSpec) -> Result<(Box<ContainerDetail>, Attached)> {
        let request = self.next_request();
        self.send(&ClientMessage::Launch { request, spec, credit: CREDIT, typist: None })?;
        let detail = self.answer(request, "launched", |message| match message {
            ServerMessage::Launched { container, .. } => Some(container),
            _ => None,
        })?;
        Ok((detail, self.attached(request)?))
    }

    /// Starts a further process in a container.
    ///
    /// # Errors
    /// As [`Client::launch`].
    pub fn exec(&mut self, container: &ContainerId, process: ProcessSpec) -> Result<Attached> {
        let request = self.next_request();
        let container = container.clone();
        self.send(&ClientMessage::Exec { request, container, process, credit: CREDIT, typist: None })?;
        self.attached(request)
    }

    /// Attaches to a process.
    ///
    /// # Errors
    /// As [`Client::launch`].
    pub fn attach(&mut self, container: &ContainerId, process: ProcessNumber) -> Result<Attached> {
        let request = self.next_request();
        let container = container.clone();
        self.send(&ClientMessage::Attach {
            request,
            container,
            process,
            from: None,
            credit: CREDIT,
            typist: None,
        })?;
        self.attached(request)
    }

    fn attached(&mut self, request: RequestId) -> Result<Attached> {
        self.answer(request, "attached", |message| match message {
            ServerMessage::Attached { container, process, channels, .. } => {
                Some(Attached { container, process, channels })
            }
            _ => None,
        })
    }

    /// Types.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn input(&mut self, channel: Channel, payload: &[u8]) -> Result<()> {
        let frame = Frame { channel, payload }.encode();
        Ok(self.socket.send(Message::binary(frame)).map_err(|error| Gone(error.to_string()))?)
    }

    /// Reads until a text has come on a channel; what came elsewhere is lost.
    ///
    /// # Errors
    /// As [`Client::launch`].
    pub fn expect(&mut self, wanted: Channel, text: &str) -> Result<()> {
        let mut output = Vec::new();
        while !output.windows(text.len()).any(|window| window == text.as_bytes()) {
            match self.receive().with_context(|| format!("waiting for {text:?} after {output:?}"))? {
                Incoming::Output { channel, bytes } if channel == wanted => output.extend(bytes),
                _ => {}
            }
        }
        Ok(())
    }

    /// Waits for the end of a process.
    ///
    /// # Errors
    /// As [`Client::launch`].
    pub fn exit(&mut self, attached: &Attached) -> Result<Exit> {
        let key = (attached.container.clone(), attached.process);
        while !self.exits.contains_key(&key) {
            self.receive().with_context(|| format!("waiting for the end of {key:?}"))?;
        }
        Ok(self.exits[&key])
    }

    /// Asks a container to stop and waits until it has.
    ///
    /// # Errors
    /// As [`Client::launch`].
    pub fn stop(&mut self, container: &ContainerId) -> Result<()> {
        let request = self.next_request();
        self.send(&ClientMessage::Stop { request, container: container.clone() })?;
        self.done(request)
    }

    /// Ends and removes a container, and waits until it is gone.
    ///
    /// # Errors
    /// As [`Client::launch`].
    pub fn remove(&mut self, container: &ContainerId) -> Result<()> {
        let request = self.next_request();
        self.send(&ClientMessage::Remove { request, container: container.clone(), force: true })?;
        self.done(request)
    }

    fn done(&mut self, request: RequestId) -> Result<()> {
        self.answer(request, "done", |message| matches!(message, ServerMessage::Done { .. }).then_some(()))
    }

    /// A number for the next request.
    pub fn next_request(&mut self) -> RequestId {
        self.requests += 1;
        self.requests
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn send(&mut self, message: &ClientMessage) -> Result<()> {
        let text = serde_json::to_string(message)?;
        Ok(self.socket.send(Message::text(text)).map_err(|error| Gone(error.to_string()))?)
    }

    /// Waits for the answer to a request.
    fn answer<T>(
        &mut self,
        request: RequestId,
        what: &str,
        wanted: impl Fn(ServerMessage) -> Option<T>,
    ) -> Result<T> {
        self.control(what, |message| (request_of(&message) == Some(request)).then(|| wanted(message))?)
    }

    /// Waits for a control message that `wanted` takes.
    fn control<T>(&mut self, what: &str, wanted: impl Fn(ServerMessage) -> Option<T>) -> Result<T> {
        loop {
            match self.receive().with_context(|| format!("waiting for `{what}`"))? {
                Incoming::Control(ServerMessage::Error { error, .. }) => bail!(Refused(error)),
                Incoming::Control(message) => {
                    if let Some(found) = wanted(message) {
                        return Ok(found);
                    }
                }
                Incoming::Output { .. } => {}
            }
        }
    }

    /// The next of what comes; answers pings and grants credit on the way.
    ///
    /// # Errors
    /// [`Gone`], or silence.
    pub fn receive(&mut self) -> Result<Incoming> {
        loop {
            let message = match self.socket.read() {
                Ok(message) => message,
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    bail!("the agent said nothing for {} s", PATIENCE.as_secs())
                }
                Err(error) => bail!(Gone(error.to_string())),
            };
            match message {
                Message::Text(text) => match serde_json::from_str(&text)? {
                    ServerMessage::Ping { nonce } => self.send(&ClientMessage::Pong { nonce })?,
                    message => {
                        if let ServerMessage::Exited { container, process, exit } = &message {
                            self.exits.insert((container.clone(), *process), *exit);
                        }
                        return Ok(Incoming::Control(message));
                    }
                },
                Message::Binary(bytes) => {
                    let Frame { channel, payload } = Frame::decode(&bytes)?;
                    self.grant(channel, payload.len())?;
                    return Ok(Incoming::Output { channel, bytes: payload.to_vec() });
                }
                Message::Close(reason) => bail!(Gone(format!("{reason:?}"))),
                _ => {}
            }
        }
    }

    fn grant(&mut self, channel: Channel, length: usize) -> Result<()> {
        let taken = self.taken.entry(channel).or_default();
        *taken += u32::try_from(length)?;
        if *taken < CREDIT / 2 {
            return Ok(());
        }
        let bytes = std::mem::take(taken);
        self.send(&ClientMessage::Credit { channel, bytes })
    }
}

fn request_of(message: &ServerMessage) -> Option<RequestId> {
    match message {
        ServerMessage::Done { request }
        | ServerMessage::Launched { request, .. }
        | ServerMessage::Attached { request, .. }
        | ServerMessage::Detail { request, .. } => Some(*request),
        _ => None,
    }
}
