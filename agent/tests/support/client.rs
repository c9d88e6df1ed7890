//! A client of the socket that folds what it hears into what it knows.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use porthole_protocol::control::{ClientMessage, OpenChannel, ServerMessage, Stream};
use porthole_protocol::error::WireError;
use porthole_protocol::frame::{Frame, MAX_PAYLOAD_BYTES};
use porthole_protocol::http::{ContainerDetail, ContainerSummary, Exit};
use porthole_protocol::ids::{Channel, ContainerId, ProcessNumber, RequestId, Typist};
use porthole_protocol::image::{ImageSummary, Transfer};
use porthole_protocol::kernel::KernelView;
use porthole_protocol::limits::MAX_PENDING_INPUT;
use porthole_protocol::session::{Opened, Session};
use porthole_protocol::spec::{LaunchSpec, ProcessSpec, Size};
use porthole_protocol::version::{Generations, SUBPROTOCOL};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Longest wait for anything, far above what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Longest wait for one thing while others are heard: a test that waits in vain says what it heard, before its runner ends it.
const WATCHDOG: Duration = Duration::from_secs(150);

/// First grant of every channel.
pub const CREDIT: u32 = 1024 * 1024;

pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Upgrades with these headers; the usual ones where they are not named.
pub async fn upgrade(address: &str, headers: &[(&str, &str)]) -> Result<Socket, (u16, String)> {
    let mut request = format!("ws://{address}/api/v1/socket").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
    for (name, value) in headers {
        let name: tokio_tungstenite::tungstenite::http::HeaderName = name.parse().unwrap();
        request.headers_mut().remove(&name);
        if !value.is_empty() {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => {
            let body = response.body().clone().unwrap_or_default();
            Err((response.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
        }
        Err(other) => panic!("{other}"),
    }
}

/// A process that the client is attached to.
#[derive(Clone, Debug)]
pub struct Terminal {
    pub container: ContainerId,
    pub process: ProcessNumber,
    pub channels: Vec<OpenChannel>,
}

impl Terminal {
    /// The terminal's channel, or that of standard output.
    pub fn channel(&self) -> Channel {
        self.channels[0].channel
    }

    /// The channel of standard error.
    pub fn stderr(&self) -> Channel {
        self.channels.iter().find(|channel| channel.stream == Stream::Stderr).unwrap().channel
    }
}

pub struct Client {
    socket: Socket,
    next_request: RequestId,
    /// Who it launches, executes and attaches as.
    pub typist: Option<Typist>,
    /// Whether consumed output is granted again.
    pub grants: bool,
    /// Everything that came on each channel.
    pub output: HashMap<Channel, Vec<u8>>,
    pub skipped: HashMap<Channel, u64>,
    /// The newest screen of each channel: its offset, its size, and what draws it.
    pub screens: HashMap<Channel, (u64, Size, String)>,
    pub credit: HashMap<Channel, u64>,
    pub exits: HashMap<(ContainerId, ProcessNumber), Exit>,
    pub containers: Vec<ContainerSummary>,
    pub images: Vec<ImageSummary>,
    pub views: Vec<KernelView>,
    /// Every list of images on their way, the newest last.
    pub transfers: Vec<Vec<Transfer>>,
    /// The session, as it was last told.
    pub session: Option<Session>,
    /// What a share has opened.
    pub opened: Option<Opened>,
    /// Everything that was told about the people at each terminal.
    pub people: Vec<ServerMessage>,
    answers: Vec<ServerMessage>,
    /// The close code, once the agent has closed.
    pub closed: Option<u16>,
    /// The error before the close.
    pub last_words: Option<WireError>,
}

impl Client {
    /// Connects and says hello; fails with the close code and error.
    pub async fn connect(
        address: &str,
        token: Option<&str>,
    ) -> Result<Self, (Option<u16>, Option<WireError>)> {
        let hello = ClientMessage::Hello {
            generations: Generations::OURS,
            token: token.map(str::to_owned),
            client: "test 1.0".into(),
            share: None,
            name: None,
        };
        Self::connect_as(address, &[], &hello).await
    }

    /// The same with these headers and this hello.
    pub async fn connect_as(
        address: &str,
        headers: &[(&str, &str)],
        hello: &ClientMessage,
    ) -> Result<Self, (Option<u16>, Option<WireError>)> {
        let socket = upgrade(address, headers).await.expect("an upgrade");
        let mut client = Self::silent(socket);
        client.send(hello).await;
        let welcome =
            |client: &Self| client.answers.iter().any(|m| matches!(m, ServerMessage::Welcome { .. }));
        client.until(|client| welcome(client) || client.closed.is_some()).await;
        if welcome(&client) { Ok(client) } else { Err((client.closed, client.last_words)) }
    }

    /// A client that has not said hello.
    pub fn silent(socket: Socket) -> Self {
        Self {
            socket,
            next_request: 0,
            grants: true,
            output: HashMap::new(),
            skipped: HashMap::new(),
            screens: HashMap::new(),
            typist: None,
            credit: HashMap::new(),
            exits: HashMap::new(),
            containers: Vec::new(),
            images: Vec::new(),
            views: Vec::new(),
            transfers: Vec::new(),
            session: None,
            opened: None,
            people: Vec::new(),
            answers: Vec::new(),
            closed: None,
            last_words: None,
        }
    }

    pub async fn send(&mut self, message: &ClientMessage) {
        self.send_raw(Message::text(serde_json::to_string(message).unwrap())).await;
    }

    /// Sends any WebSocket message; one to an agent that has closed goes nowhere.
    pub async fn send_raw(&mut self, message: Message) {
        let _ = self.socket.send(message).await;
    }

    /// Takes one message from the socket.
    pub async fn pump(&mut self) {
        let next = tokio::time::timeout(PATIENCE, self.socket.next());
        let message = next.await.unwrap_or_else(|_| panic!("nothing was heard in time: {self:?}"));
        match message {
            Some(Ok(Message::Text(text))) => self.fold(serde_json::from_str(&text).unwrap()).await,
            Some(Ok(Message::Binary(bytes))) => {
                let Frame { channel, payload } = Frame::decode(&bytes).unwrap();
                self.output.entry(channel).or_default().extend_from_slice(payload);
                if self.grants {
                    let bytes = payload.len().try_into().unwrap();
                    self.send(&ClientMessage::Credit { channel, bytes }).await;
                }
            }
            Some(Ok(Message::Close(frame))) => self.closed = frame.map(|frame| frame.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => self.closed = self.closed.or(Some(1006)),
        }
    }

    async fn fold(&mut self, message: ServerMessage) {
        match message {
            ServerMessage::Exited { container, process, exit } => {
                self.exits.insert((container, process), exit);
            }
            ServerMessage::Containers { containers } => self.containers = containers,
            ServerMessage::Images { images } => self.images = images,
            ServerMessage::Session { session } => self.session = Some(session),
            people @ ServerMessage::People { .. } => self.people.push(people),
            ServerMessage::Transfers { transfers } => self.transfers.push(transfers),
            ServerMessage::Kernel { view, .. } => self.views.push(*view),
            ServerMessage::Skipped { channel, offset } => {
                self.skipped.insert(channel, offset);
            }
            ServerMessage::Screen { channel, offset, size, screen } => {
                self.screens.insert(channel, (offset, size, screen));
            }
            ServerMessage::Credit { channel, bytes } => {
                *self.credit.entry(channel).or_default() += u64::from(bytes);
            }
            ServerMessage::Ping { nonce } => self.send(&ClientMessage::Pong { nonce }).await,
            ServerMessage::Error { request: None, error } => self.last_words = Some(error),
            answer => {
                if let ServerMessage::Welcome { session, share, .. } = &answer {
                    (self.session, self.opened) = (session.clone(), share.clone());
                }
                self.answers.push(answer);
            }
        }
    }

    /// Listens until what is known fulfils the condition.
    pub async fn until(&mut self, condition: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !condition(self) {
            assert!(self.closed.is_none(), "the agent has closed: {self:?}");
            assert!(begun.elapsed() < WATCHDOG, "waited in vain: {self:?}");
            self.pump().await;
        }
    }

    /// Listens until the agent closes; answers the code and the error before it.
    pub async fn until_closed(mut self) -> (u16, Option<WireError>) {
        self.until(|client| client.closed.is_some()).await;
        (self.closed.unwrap(), self.last_words)
    }

    /// A number for the next request.
    pub fn request(&mut self) -> RequestId {
        self.next_request += 1;
        self.next_request
    }

    /// The next answer to a request.
    pub async fn answer(&mut self, wanted: RequestId) -> Result<ServerMessage, WireError> {
        let is_it = |message: &ServerMessage| request_of(message) == Some(wanted);
        self.until(|client| client.answers.iter().any(is_it)).await;
        let at = self.answers.iter().position(is_it).unwrap();
        match self.answers.remove(at) {
            ServerMessage::Error { error, .. } => Err(error),
            answer => Ok(answer),
        }
    }

    async fn attached(&mut self, request: RequestId) -> Result<Terminal, WireError> {
        match self.answer(request).await? {
            ServerMessage::Attached { container, process, channels, .. } => {
                Ok(Terminal { container, process, channels })
            }
            other => panic!("{other:?}"),
        }
    }

    /// Launches a container and attaches to its first process.
    pub async fn try_launch(&mut self, spec: LaunchSpec) -> Result<(ContainerDetail, Terminal), WireError> {
        self.try_launch_with(spec, CREDIT).await
    }

    pub async fn try_launch_with(
        &mut self,
        spec: LaunchSpec,
        credit: u32,
    ) -> Result<(ContainerDetail, Terminal), WireError> {
        let request = self.request();
        let typist = self.typist;
        self.send(&ClientMessage::Launch { request, spec, credit, typist }).await;
        match self.answer(request).await? {
            ServerMessage::Launched { container, .. } => Ok((*container, self.attached(request).await?)),
            other => panic!("{other:?}"),
        }
    }

    pub async fn launch(&mut self, spec: LaunchSpec) -> Terminal {
        self.try_launch(spec).await.expect("a launch").1
    }

    pub async fn try_exec(
        &mut self,
        container: &ContainerId,
        process: ProcessSpec,
    ) -> Result<Terminal, WireError> {
        let request = self.request();
        let container = container.clone();
        let typist = self.typist;
        self.send(&ClientMessage::Exec { request, container, process, credit: CREDIT, typist }).await;
        self.attached(request).await
    }

    pub async fn exec(&mut self, container: &ContainerId, process: ProcessSpec) -> Terminal {
        self.try_exec(container, process).await.expect("an exec")
    }

    pub async fn try_attach(
        &mut self,
        container: &ContainerId,
        process: ProcessNumber,
        from: Option<u64>,
    ) -> Result<Terminal, WireError> {
        let request = self.request();
        let container = container.clone();
        let typist = self.typist;
        self.send(&ClientMessage::Attach { request, container, process, from, credit: CREDIT, typist }).await;
        self.attached(request).await
    }

    /// Types a text and Enter.
    pub async fn type_line(&mut self, terminal: &Terminal, line: &str) {
        self.type_bytes(terminal, format!("{line}\n").as_bytes()).await;
    }

    pub async fn type_bytes(&mut self, terminal: &Terminal, payload: &[u8]) {
        let frame = Frame { channel: terminal.channel(), payload }.encode();
        self.send_raw(Message::binary(frame)).await;
    }

    /// Offset of the next byte on the terminal.
    pub fn offset(&self, terminal: &Terminal) -> u64 {
        let come = self.output.get(&terminal.channel()).map_or(0, |bytes| bytes.len() as u64);
        terminal.channels[0].offset + come
    }

    /// Sends `text` from the byte that the agent says, as fast as it may, until `until` bytes were sent or all.
    pub async fn paste(&mut self, terminal: &Terminal, text: &[u8], until: usize) {
        let channel = terminal.channel();
        let first = usize::try_from(terminal.channels[0].input.expect("it takes input")).unwrap();
        let mut sent = first;
        while sent < text.len().min(until) {
            let may = move |client: &Self| {
                let accepted =
                    first + usize::try_from(client.credit.get(&channel).copied().unwrap_or(0)).unwrap();
                (accepted + MAX_PENDING_INPUT).saturating_sub(sent)
            };
            self.until(|client| may(client) > 0).await;
            let count = may(self).min(MAX_PAYLOAD_BYTES).min(text.len() - sent);
            self.type_bytes(terminal, &text[sent..sent + count]).await;
            sent += count;
        }
    }

    pub async fn resize(&mut self, terminal: &Terminal, rows: u16, cols: u16) {
        self.send(&ClientMessage::Resize { channel: terminal.channel(), size: Size { rows, cols } }).await;
    }

    /// Everything that came on a channel, as text.
    pub fn text(&self, channel: Channel) -> String {
        String::from_utf8_lossy(self.output.get(&channel).map_or(&[][..], Vec::as_slice)).into_owned()
    }

    /// Waits until a text has come on the terminal.
    pub async fn expect(&mut self, terminal: &Terminal, text: &str) {
        self.until(|client| client.text(terminal.channel()).contains(text)).await;
    }

    /// Waits for the end of the process.
    pub async fn exit(&mut self, terminal: &Terminal) -> Exit {
        let key = (terminal.container.clone(), terminal.process);
        self.until(|client| client.exits.contains_key(&key)).await;
        self.exits[&key]
    }
}

/// A number that nobody else in this test types as.
pub fn a_typist() -> Typist {
    static NEXT: AtomicU64 = AtomicU64::new(1000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let texts: Vec<_> = self
            .output
            .iter()
            .map(|(channel, bytes)| {
                (channel, String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(500)..]))
            })
            .collect();
        f.debug_struct("Client")
            .field("output", &texts)
            .field("exits", &self.exits)
            .field("answers", &self.answers)
            .field("closed", &self.closed)
            .field("last_words", &self.last_words)
            .finish_non_exhaustive()
    }
}

fn request_of(message: &ServerMessage) -> Option<RequestId> {
    match message {
        ServerMessage::Error { request, .. } => *request,
        ServerMessage::Done { request }
        | ServerMessage::Launched { request, .. }
        | ServerMessage::Queued { request, .. }
        | ServerMessage::Attached { request, .. }
        | ServerMessage::Detail { request, .. } => Some(*request),
        _ => None,
    }
}
