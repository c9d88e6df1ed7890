//! Control messages: JSON text frames on the one WebSocket. Terminal bytes travel as binary frames, see [`crate::frame`].
//!
//! Both enums are tagged by `type`. A peer ignores a message whose type it does not know ([`ClientMessage::Unknown`],
//! [`ServerMessage::Unknown`]) and every field it does not know, so either side may be the newer one.
//!
//! Order: the client's first message is `hello`; the agent answers `welcome` or an `error` and a close. Messages and
//! frames of one socket are handled in the order they were sent. The output of a process follows its `attached`, and
//! its `exited` follows the last byte of its output.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::WireError;
use crate::http::{ContainerDetail, ContainerSummary, Exit};
use crate::ids::{Channel, ContainerId, PersonId, ProcessNumber, RequestId, Typist};
use crate::image::{ImageSummary, Transfer};
use crate::kernel::KernelView;
use crate::session::{Opened, Person, Session};
use crate::spec::{LaunchSpec, Limits, ProcessSpec, Size};
use crate::tagged::Tagged;
use crate::version::Generations;

/// From the page or the command line to the agent.
#[allow(clippy::large_enum_variant, reason = "there is one of it at a time, on its way")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// First message: which generations the client speaks, and the token where the agent demands one.
    Hello {
        /// Generations spoken.
        generations: Generations,
        /// The token of the start-up link, when the agent demands one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<String>,
        /// Name and version of the client, for the log.
        client: String,
        /// The secret of a share's link: this socket may do what the share allows, and nothing else.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        share: Option<String>,
        /// What others at the same terminal see the visitor as, at most [`MAX_PERSON_BYTES`](crate::limits::MAX_PERSON_BYTES).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// Launch a container and attach to its first process. Answered by `launched`, then `attached`; or `error`.
    Launch {
        /// Echoed in the answers.
        request: RequestId,
        /// What to launch.
        spec: LaunchSpec,
        /// Bytes of output the client is ready to take, see `credit`.
        credit: u32,
        /// Numbers what will be typed, see [`OpenChannel::input`]. Asked again with the same one, because no answer
        /// came, it is not carried out twice: the answer is that of an attach.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        typist: Option<Typist>,
    },
    /// Start a further process and attach to it. Answered by `attached` or `error`.
    Exec {
        /// Echoed in the answer.
        request: RequestId,
        /// In which container.
        container: ContainerId,
        /// What to start.
        process: ProcessSpec,
        /// Bytes of output the client is ready to take.
        credit: u32,
        /// Numbers what will be typed, see [`OpenChannel::input`]. Asked again with the same one, because no answer
        /// came, it is not carried out twice: the answer is that of an attach.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        typist: Option<Typist>,
    },
    /// Attach to a process that was started before. Answered by `attached` or `error`.
    Attach {
        /// Echoed in the answer.
        request: RequestId,
        /// Its container.
        container: ContainerId,
        /// Its number.
        process: ProcessNumber,
        /// Offset to go on from; the oldest byte kept when missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<u64>,
        /// Bytes of output the client is ready to take.
        credit: u32,
        /// Numbers what will be typed, see [`OpenChannel::input`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        typist: Option<Typist>,
    },
    /// The client has consumed this many more bytes of the channel and may be sent as many again.
    Credit {
        /// The channel.
        channel: Channel,
        /// Bytes, added to what is left of earlier grants.
        bytes: u32,
    },
    /// The terminal has a new size.
    Resize {
        /// Any channel of the process.
        channel: Channel,
        /// The new size.
        size: Size,
    },
    /// No more input will come: end of file for a process on pipes.
    CloseInput {
        /// The input channel.
        channel: Channel,
    },
    /// Stop sending the channel's output. The process runs on.
    Detach {
        /// The channel.
        channel: Channel,
    },
    /// Send a signal to a process. Answered by `done` or `error`.
    Signal {
        /// Echoed in the answer.
        request: RequestId,
        /// Its container.
        container: ContainerId,
        /// Its number; the first process when missing.
        #[serde(default)]
        process: ProcessNumber,
        /// A signal's name, with or without `SIG`, or its number.
        signal: String,
    },
    /// Give up a launch that waits in the queue. Its request is answered by `error`; a launch that has begun goes on.
    CancelLaunch {
        /// The request of the `launch`.
        launch: RequestId,
    },
    /// Change limits of a container that lives. Answered by `detail` or `error`.
    Update {
        /// Echoed in the answer.
        request: RequestId,
        /// Which.
        container: ContainerId,
        /// Those to change.
        limits: Limits,
    },
    /// Say who may type into a terminal: one person, or everyone who is allowed to when missing. Only its owner may; the owner can
    /// always take it back. Answered by `done` or `error`, and `people` to all.
    Keyboard {
        /// Echoed in the answer.
        request: RequestId,
        /// Its container.
        container: ContainerId,
        /// Its number.
        process: ProcessNumber,
        /// Who, of those in `people`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        holder: Option<PersonId>,
    },
    /// Begin or end the recording of a process: while it is on, none of its output is dropped, up to
    /// [`RECORDING_BYTES`](crate::limits::RECORDING_BYTES). Answered by `done` or `error`; the lists tell everyone.
    Record {
        /// Echoed in the answer.
        request: RequestId,
        /// Its container.
        container: ContainerId,
        /// Its number.
        process: ProcessNumber,
        /// Whether to record from now on.
        on: bool,
    },
    /// Stop a container: its stop signal, then SIGKILL. Answered by `done` when it has ended, or `error`.
    Stop {
        /// Echoed in the answer.
        request: RequestId,
        /// Which.
        container: ContainerId,
    },
    /// Remove a container; end it first when `force` is set. Answered by `done` or `error`.
    Remove {
        /// Echoed in the answer.
        request: RequestId,
        /// Which.
        container: ContainerId,
        /// End it when it still runs.
        #[serde(default)]
        force: bool,
    },
    /// Ask for everything about one container. Answered by `detail` or `error`.
    Inspect {
        /// Echoed in the answer.
        request: RequestId,
        /// Which.
        container: ContainerId,
    },
    /// Pull an image from its registry, or wait with others for the same. Answered by `done` when it is here, or `error`; how
    /// far it is comes in `transfers`.
    Pull {
        /// Echoed in the answer.
        request: RequestId,
        /// `[registry/]repository[:tag][@digest]`.
        name: String,
    },
    /// Give up a pull of this socket. Its request is answered by `error`; others who wait for the same image go on.
    CancelPull {
        /// The request of the `pull`.
        pull: RequestId,
    },
    /// Send this container's kernel view now and every second, until `unwatch` or its end.
    Watch {
        /// Which.
        container: ContainerId,
    },
    /// Stop sending this container's kernel view.
    Unwatch {
        /// Which.
        container: ContainerId,
    },
    /// Are you there? Answered by `pong`.
    Ping {
        /// Echoed in the answer.
        nonce: u64,
    },
    /// The answer to the agent's `ping`.
    Pong {
        /// As in the `ping`.
        nonce: u64,
    },
    /// A message of a newer client: ignored.
    #[serde(other)]
    Unknown,
}

/// What a channel carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// A terminal: output to the client, input from it.
    Terminal,
    /// Standard output of a process on pipes; input from the client goes to its standard input.
    Stdout,
    /// Standard error of a process on pipes.
    Stderr,
    /// A stream of a newer agent.
    #[serde(other)]
    Unknown,
}

/// A channel that was opened by an attach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenChannel {
    /// Its number, for frames in both directions.
    pub channel: Channel,
    /// What it carries.
    pub stream: Stream,
    /// Absolute offset of the first byte that will come on it. Larger than the offset asked for when older output is gone.
    pub offset: u64,
    /// Bytes that were ever accepted from this client's typist; the first byte the client sends on this channel is the one with
    /// this number. What it sent on an earlier socket beyond that was lost with the socket and is sent again. Missing where
    /// the client named no typist, or the channel takes no input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<u64>,
    /// Absolute offset of the end of the output when the client attached. What comes before it is old: a terminal shows it and
    /// answers no question in it, as whoever asked has been answered or has given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<u64>,
}

/// From the agent to the page or the command line. Its `type` is its first key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(remote = "Self", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The answer to `hello`. The lists `containers` and `images` follow, and again whenever they change.
    Welcome {
        /// The generation both will speak.
        generation: u32,
        /// Version of the agent.
        version: String,
        /// The kernel's release.
        kernel: String,
        /// Whether the launcher runs without root.
        rootless: bool,
        /// What this host lacks, one sentence each.
        lacks: Vec<String>,
        /// The visitor's session, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session: Option<Session>,
        /// What the share's secret in the hello opens.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        share: Option<Opened>,
    },
    /// A request failed (or, without `request`, the whole connection did).
    Error {
        /// The request, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<RequestId>,
        /// What went wrong.
        error: WireError,
    },
    /// A request without another answer has been carried out.
    Done {
        /// The request.
        request: RequestId,
    },
    /// The container runs.
    Launched {
        /// The request.
        request: RequestId,
        /// The container, birth timeline included.
        container: Box<ContainerDetail>,
    },
    /// The launch waits until this machine has room for it; comes again whenever that changes.
    Queued {
        /// The request.
        request: RequestId,
        /// Its place: 1 is next.
        position: u32,
        /// What it waits for, in one sentence.
        reason: String,
    },
    /// The client is attached; frames may flow.
    Attached {
        /// The request.
        request: RequestId,
        /// The container.
        container: ContainerId,
        /// The process.
        process: ProcessNumber,
        /// One channel for a terminal, two (stdout, stderr) for a process on pipes.
        channels: Vec<OpenChannel>,
    },
    /// Output was left out because the client granted no credit for it in time or it is no longer kept.
    Skipped {
        /// The channel.
        channel: Channel,
        /// Absolute offset of the next byte that will come.
        offset: u64,
    },
    /// The screen as it was before the byte at `offset`, which is the next one to come: earlier output is no longer kept, or
    /// was skipped. It follows `attached` or `skipped`. A client starts its own screen anew and writes this; these bytes
    /// count for neither offset nor credit.
    Screen {
        /// The channel.
        channel: Channel,
        /// Absolute offset of the next byte.
        offset: u64,
        /// The screen's size.
        size: Size,
        /// Text and control sequences that draw it on an empty terminal.
        screen: String,
    },
    /// Who is at a terminal that this client is attached to: after `attached`, and whenever it changes.
    People {
        /// The container.
        container: ContainerId,
        /// The process.
        process: ProcessNumber,
        /// All of them, in the order they came.
        people: Vec<Person>,
        /// Which of them this socket is.
        you: PersonId,
        /// Who alone may type; everyone who is allowed to, when missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        keyboard: Option<PersonId>,
        /// The terminal's size; others than those who set it scale to it.
        size: Size,
    },
    /// The visitor's session, whenever it changes.
    Session {
        /// As it is now.
        session: Session,
    },
    /// Input sent on the channel was accepted: it is the agent's to deliver, whatever happens to the socket or the agent. As
    /// many more bytes may follow. A client has at most [`MAX_PENDING_INPUT`](crate::limits::MAX_PENDING_INPUT) bytes under way on a channel.
    Credit {
        /// The channel.
        channel: Channel,
        /// Bytes accepted since the last such message.
        bytes: u32,
    },
    /// The process has ended; all its output has been sent. Its channels are closed.
    Exited {
        /// The container.
        container: ContainerId,
        /// The process.
        process: ProcessNumber,
        /// How it ended.
        exit: Exit,
    },
    /// The client is no longer attached to this channel, by its own wish or because the container was removed.
    Detached {
        /// The channel.
        channel: Channel,
    },
    /// The containers, whenever they change.
    Containers {
        /// All of them, newest first.
        containers: Vec<ContainerSummary>,
    },
    /// The images, whenever they change.
    Images {
        /// All of them, by name.
        images: Vec<ImageSummary>,
    },
    /// Every image on its way, whenever something of it changes; an empty list when the last one has ended.
    Transfers {
        /// All of them.
        transfers: Vec<Transfer>,
    },
    /// The answer to `inspect`.
    Detail {
        /// The request.
        request: RequestId,
        /// Everything about it.
        container: Box<ContainerDetail>,
    },
    /// A watched container's kernel view.
    Kernel {
        /// Which container.
        container: ContainerId,
        /// What the kernel says.
        view: Box<KernelView>,
    },
    /// Are you there? Answered by `pong`.
    Ping {
        /// Echoed in the answer.
        nonce: u64,
    },
    /// The answer to the client's `ping`.
    Pong {
        /// As in the `ping`.
        nonce: u64,
    },
    /// A message of a newer agent: ignored.
    #[serde(other)]
    Unknown,
}

impl Serialize for ServerMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // What is derived for `remote`: the inherent function of the same name.
        Self::serialize(self, Tagged(serializer))
    }
}

impl<'de> Deserialize<'de> for ServerMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(Tagged(deserializer))
    }
}

/// Why a socket is closed: the code of the WebSocket close frame (RFC 6455, section 7.4; 4000 and above are ours).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum CloseCode {
    /// The client is done.
    Normal = 1000,
    /// The agent is stopping; reconnect later.
    ShuttingDown = 1012,
    /// No generation in common: reload the page.
    VersionMismatch = 4001,
    /// The token is missing or wrong.
    Unauthorized = 4003,
    /// A message that breaks the protocol.
    ProtocolError = 4004,
    /// Larger than the limit.
    TooLarge = 4005,
    /// The share was revoked or has expired, or the session has ended: do not come back.
    Ended = 4006,
    /// No sign of life for 30 seconds.
    TimedOut = 4008,
}
