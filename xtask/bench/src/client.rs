//! A client of the protocol, one thread and no runtime, so that its own share of a measurement is small and steady.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use porthole_protocol::control::{ClientMessage, ServerMessage};
use porthole_protocol::frame::Frame;
use porthole_protocol::http::ContainerDetail;
use porthole_protocol::ids::RequestId;
use porthole_protocol::spec::{LaunchSpec, ProcessSpec, Size};
use porthole_protocol::version::Generations;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;
use tungstenite::{Message, WebSocket};

use crate::pty::has_prompt;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection that has been welcomed.
pub(crate) struct Client {
    socket: WebSocket<TcpStream>,
    requests: RequestId,
}

/// How long a launch took.
pub(crate) struct Launch {
    /// From before the request was written to the frame with the prompt.
    pub(crate) prompt: Duration,
    /// What the agent says of it: birth timeline, time to execve.
    pub(crate) container: Box<ContainerDetail>,
}

/// What comes from the agent.
enum Incoming {
    Control(ServerMessage),
    Output(Vec<u8>),
}

impl Client {
    /// Opens the socket and says hello.
    pub(crate) fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut request = format!("ws://{address}/api/v1/socket").into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("porthole.v1"));
        let (socket, _) = tungstenite::client(request, stream).context("the agent refuses the socket")?;
        let mut client = Self { socket, requests: 0 };
        client.send(&ClientMessage::Hello {
            generations: Generations::OURS,
            token: None,
            client: "porthole-bench".into(),
        })?;
        client
            .control("welcome", |message| matches!(message, ServerMessage::Welcome { .. }).then_some(()))?;
        Ok(client)
    }

    /// Launches a busybox shell on a terminal and waits for its prompt.
    pub(crate) fn launch(&mut self) -> Result<Launch> {
        let terminal = Some(Size::default());
        let process =
            ProcessSpec { command: vec!["sh".into()], terminal, stdin: true, ..ProcessSpec::default() };
        let spec = LaunchSpec { image: "busybox".into(), process, ..LaunchSpec::default() };
        let request = self.next_request();
        let message = ClientMessage::Launch { request, spec, credit: 1 << 20 };
        let text = serde_json::to_string(&message)?;
        let (mut container, mut prompt) = (None, None);
        let mut output = Vec::new();
        let started = Instant::now();
        self.socket.send(Message::text(text))?;
        loop {
            match self.receive()? {
                Incoming::Control(ServerMessage::Launched { container: launched, .. }) => {
                    container = Some(launched)
                }
                Incoming::Control(ServerMessage::Error { error, .. }) => {
                    bail!("the launch failed: {error:?}")
                }
                // Of the round before, perhaps: its end may be told after its removal.
                Incoming::Control(ServerMessage::Exited { container: ended, exit, .. })
                    if container.as_ref().is_some_and(|launched| launched.summary.id == ended) =>
                {
                    bail!("the shell ended: {exit:?}")
                }
                Incoming::Control(_) => {}
                Incoming::Output(bytes) => output.extend(bytes),
            }
            if prompt.is_none() && has_prompt(&output) {
                prompt = Some(started.elapsed());
            }
            if let (Some(prompt), Some(container)) = (prompt, container.take_if(|_| prompt.is_some())) {
                return Ok(Launch { prompt, container });
            }
        }
    }

    /// Ends and removes a container, and waits until it is gone.
    pub(crate) fn remove(&mut self, container: &ContainerDetail) -> Result<()> {
        let request = self.next_request();
        self.send(&ClientMessage::Remove { request, container: container.summary.id.clone(), force: true })?;
        self.control("done", |message| {
            matches!(message, ServerMessage::Done { request: done } if *done == request).then_some(())
        })
    }

    fn next_request(&mut self) -> RequestId {
        self.requests += 1;
        self.requests
    }

    fn send(&mut self, message: &ClientMessage) -> Result<()> {
        Ok(self.socket.send(Message::text(serde_json::to_string(message)?))?)
    }

    /// Waits for a control message that `wanted` takes.
    fn control<T>(&mut self, what: &str, wanted: impl Fn(&ServerMessage) -> Option<T>) -> Result<T> {
        loop {
            if let Incoming::Control(message) = self.receive()? {
                if let Some(found) = wanted(&message) {
                    return Ok(found);
                }
                if let ServerMessage::Error { error, .. } = message {
                    bail!("instead of `{what}`: {error:?}");
                }
            }
        }
    }

    fn receive(&mut self) -> Result<Incoming> {
        loop {
            match self.socket.read().context("the agent fell silent")? {
                Message::Text(text) => match serde_json::from_str(&text)? {
                    ServerMessage::Ping { nonce } => self.send(&ClientMessage::Pong { nonce })?,
                    message => return Ok(Incoming::Control(message)),
                },
                Message::Binary(bytes) => {
                    return Ok(Incoming::Output(Frame::decode(&bytes)?.payload.to_vec()));
                }
                Message::Close(reason) => bail!("the agent closed the socket: {reason:?}"),
                _ => {}
            }
        }
    }
}
