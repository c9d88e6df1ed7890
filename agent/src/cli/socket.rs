//! The client of the socket: one WebSocket, `porthole.v1` on it. `docs/protocol.md` describes what is said.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, Stream};
use hyper::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use porthole_protocol::control::{ClientMessage, CloseCode, ServerMessage};
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::frame::{Frame, HEADER_BYTES};
use porthole_protocol::ids::{Channel, RequestId};
use porthole_protocol::limits::{DEAD_AFTER_MS, PING_EVERY_MS};
use porthole_protocol::version::{Generations, SUBPROTOCOL};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use super::client::{Client, refusal_of};
use super::failure::{Failure, reason};

/// How long the agent has to answer the upgrade and the hello.
const HELLO_DEADLINE: Duration = Duration::from_secs(10);

/// How long the agent has to answer our close; nothing is lost when it does not.
const CLOSE_DEADLINE: Duration = Duration::from_millis(500);

/// Messages that may wait to be sent before [`Socket::is_busy`] asks for a pause of the input.
const OUTBOX_MESSAGES: usize = 8;

/// What comes from the agent.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one of it at a time")]
pub(super) enum Received {
    /// A control message.
    Control(ServerMessage),
    /// Output of a process.
    Output {
        /// The channel it belongs to.
        channel: Channel,
        /// At least one byte.
        bytes: Bytes,
    },
}

/// A connection on which the hello has been said.
///
/// Sending only queues: the queue is written while [`receive`](Self::receive) waits, so one task can do both and
/// neither direction ever waits for the other.
pub(super) struct Socket {
    stream: WebSocketStream<TcpStream>,
    outbox: VecDeque<Message>,
    unflushed: bool,
    silence: Pin<Box<Sleep>>,
    /// When we ask for a sign of life ourselves.
    ping: Pin<Box<Sleep>>,
    nonce: u64,
    last_request: RequestId,
}

impl Socket {
    /// Connects, upgrades and says hello.
    ///
    /// # Errors
    /// Any [`Failure`] of the agent or the way to it.
    pub(super) async fn open(client: &Client) -> Result<Self, Failure> {
        let address = client.address();
        let no_agent = |cause: String| Failure::NoAgent { address: address.authority.clone(), cause };
        let tcp = TcpStream::connect(&address.authority).await.map_err(|error| no_agent(reason(&error)))?;
        tcp.set_nodelay(true).map_err(|error| no_agent(reason(&error)))?;
        let mut request = address.url("ws", "socket").into_client_request().map_err(lost)?;
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        let upgraded = timeout(HELLO_DEADLINE, client_async(request, tcp)).await;
        let (stream, _) =
            upgraded.map_err(|_| no_agent("no answer in time".into()))?.map_err(upgrade_refused)?;
        let mut socket = Self {
            stream,
            outbox: VecDeque::new(),
            unflushed: false,
            silence: Box::pin(sleep(Duration::from_millis(DEAD_AFTER_MS))),
            ping: Box::pin(sleep(Duration::from_millis(PING_EVERY_MS))),
            nonce: 0,
            last_request: 0,
        };
        socket.send(&ClientMessage::Hello {
            generations: Generations::OURS,
            token: address.token.clone(),
            client: concat!("porthole ", env!("CARGO_PKG_VERSION")).to_owned(),
            share: None,
            name: None,
        });
        timeout(HELLO_DEADLINE, socket.welcomed())
            .await
            .map_err(|_| no_agent("no welcome in time".into()))??;
        Ok(socket)
    }

    async fn welcomed(&mut self) -> Result<(), Failure> {
        loop {
            if let Received::Control(ServerMessage::Welcome { .. }) = self.receive().await? {
                return Ok(());
            }
        }
    }

    /// A number for the next request.
    pub(super) fn next_request(&mut self) -> RequestId {
        self.last_request += 1;
        self.last_request
    }

    /// The number of the last request.
    pub(super) fn last_request(&self) -> RequestId {
        self.last_request
    }

    /// Queues a control message.
    pub(super) fn send(&mut self, message: &ClientMessage) {
        let text = serde_json::to_string(message).expect("the protocol's types are JSON");
        self.outbox.push_back(Message::text(text));
    }

    /// Queues input for a process: 1 to [`MAX_PAYLOAD_BYTES`](porthole_protocol::frame::MAX_PAYLOAD_BYTES) bytes.
    pub(super) fn send_input(&mut self, channel: Channel, payload: &[u8]) {
        self.outbox.push_back(Message::binary(Frame { channel, payload }.encode()));
    }

    /// Whether so much waits to be sent that no more input should be read.
    pub(super) fn is_busy(&self) -> bool {
        self.outbox.len() >= OUTBOX_MESSAGES
    }

    /// Waits for the next message, sending meanwhile what is queued. Answers the agent's pings. Cancel safe.
    ///
    /// # Errors
    /// [`Failure::Refused`] when the agent ends the connection with a reason, else [`Failure::Lost`].
    pub(super) async fn receive(&mut self) -> Result<Received, Failure> {
        loop {
            match poll_fn(|context| self.poll_message(context)).await? {
                Message::Text(text) => match serde_json::from_str(&text) {
                    Ok(ServerMessage::Ping { nonce }) => self.send(&ClientMessage::Pong { nonce }),
                    Ok(ServerMessage::Error { request: None, error }) => return Err(error.into()),
                    Ok(message) => return Ok(Received::Control(message)),
                    Err(error) => return Err(Failure::Lost(format!("a message is not understood: {error}"))),
                },
                Message::Binary(message) => {
                    let channel = Frame::decode(&message).map_err(lost)?.channel;
                    return Ok(Received::Output { channel, bytes: message.slice(HEADER_BYTES..) });
                }
                Message::Close(reason) => return Err(closed(reason.as_ref())),
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Sends what is queued and waits until the agent has confirmed the end, for a moment at most.
    pub(super) async fn close(mut self) {
        let farewell = async {
            poll_fn(|context| self.poll_send(context)).await?;
            self.stream.close(None).await.map_err(broken)?;
            while poll_fn(|context| Pin::new(&mut self.stream).poll_next(context))
                .await
                .is_some_and(|m| m.is_ok())
            {}
            Ok::<_, Failure>(())
        };
        // Whether or not it went well, this side is done.
        let _ = timeout(CLOSE_DEADLINE, farewell).await;
    }

    fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, Failure>> {
        // One that cannot be sent is not asked for again: it waits with the rest.
        while self.ping.as_mut().poll(context).is_ready() {
            self.ping.as_mut().reset(Instant::now() + Duration::from_millis(PING_EVERY_MS));
            if self.outbox.is_empty() {
                self.nonce += 1;
                self.send(&ClientMessage::Ping { nonce: self.nonce });
            }
        }
        if let Poll::Ready(sent) = self.poll_send(context) {
            sent?;
        }
        if let Poll::Ready(message) = Pin::new(&mut self.stream).poll_next(context) {
            self.silence.as_mut().reset(Instant::now() + Duration::from_millis(DEAD_AFTER_MS));
            let gone = || broken(WsError::ConnectionClosed);
            return Poll::Ready(message.ok_or_else(gone).and_then(|message| message.map_err(broken)));
        }
        ready!(self.silence.as_mut().poll(context));
        Poll::Ready(Err(Failure::Lost("no sign of life for 30 seconds".into())))
    }

    /// Ready when everything queued is on its way.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        let mut sink = Pin::new(&mut self.stream);
        while !self.outbox.is_empty() {
            ready!(sink.as_mut().poll_ready(context)).map_err(broken)?;
            if let Some(message) = self.outbox.pop_front() {
                sink.as_mut().start_send(message).map_err(broken)?;
                self.unflushed = true;
            }
        }
        if self.unflushed {
            ready!(sink.poll_flush(context)).map_err(broken)?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// What the agent means by closing: the code says it, and for most the reason has come before as an `error`.
fn closed(reason: Option<&CloseFrame>) -> Failure {
    let code = reason.map(|frame| u16::from(frame.code));
    if code == Some(CloseCode::ShuttingDown as u16) {
        return Failure::Refused(WireError::new(
            ErrorCode::ShuttingDown,
            "The agent is being stopped, and its containers with it.",
            "Start it again with `porthole serve`.",
        ));
    }
    Failure::Lost(
        code.map_or_else(|| "the agent closed it".into(), |code| format!("the agent closed it with {code}")),
    )
}

fn lost(error: impl std::error::Error) -> Failure {
    Failure::Lost(error.to_string())
}

fn broken(error: WsError) -> Failure {
    match error {
        WsError::Io(error) => Failure::Lost(reason(&error)),
        WsError::ConnectionClosed | WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            Failure::Lost("it ended without a word".into())
        }
        other => lost(other),
    }
}

fn upgrade_refused(error: WsError) -> Failure {
    match error {
        WsError::Http(answer) => {
            refusal_of(answer.status().as_u16(), answer.body().as_deref().unwrap_or_default())
        }
        other => broken(other),
    }
}
