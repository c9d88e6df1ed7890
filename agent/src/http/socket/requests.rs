//! Requests that take time, carried out beside the connection so that it goes on reading.

use std::time::Duration;

use porthole_protocol::control::{ClientMessage, ServerMessage};
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::http::ContainerDetail;
use porthole_protocol::ids::{ContainerId, ProcessNumber, RequestId, Typist};
use porthole_protocol::image::TransferRequest;
use porthole_protocol::limits::STOP_GRACE_MS;
use porthole_protocol::spec::{LaunchSpec, Limits, ProcessSpec};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::outbox::Outgoing;
use crate::admission::Place;
use crate::container::{Container, ContainerError, signal};
use crate::http::app::Caller;
use crate::http::error::{Answer, Refusal};
use crate::terminal::Terminal;

/// What came of a request.
pub(super) struct Outcome {
    pub(super) request: RequestId,
    /// Channels that were promised to it.
    pub(super) channels: usize,
    pub(super) result: Result<Achieved, WireError>,
}

/// What was achieved.
pub(super) enum Achieved {
    /// A process runs, to be attached to; with the container, when that is new as well.
    Started {
        launched: Option<Box<ContainerDetail>>,
        container: ContainerId,
        process: ProcessNumber,
        terminal: Terminal,
        credit: u32,
        typist: Option<Typist>,
    },
    /// Something about a container has changed.
    Changed(Box<ContainerDetail>),
    /// Nothing that needs another answer than `done`.
    Done,
}

/// A request that takes time.
#[allow(clippy::large_enum_variant, reason = "there is one of it at a time, on its way")]
pub(super) enum Work {
    /// `given_up` counts while it waits for room; its place in the queue goes to `queue`.
    Launch {
        spec: LaunchSpec,
        credit: u32,
        typist: Option<Typist>,
        given_up: CancellationToken,
        queue: mpsc::Sender<Outgoing>,
    },
    Update {
        container: ContainerId,
        limits: Box<Limits>,
    },
    Exec {
        container: ContainerId,
        process: ProcessSpec,
        credit: u32,
        typist: Option<Typist>,
    },
    Signal {
        container: ContainerId,
        process: ProcessNumber,
        signal: String,
    },
    Stop {
        container: ContainerId,
    },
    Remove {
        container: ContainerId,
        force: bool,
    },
    Record {
        container: ContainerId,
        process: ProcessNumber,
        on: bool,
    },
    Pull {
        name: String,
        given_up: CancellationToken,
    },
}

impl Work {
    /// Channels that its success will open.
    pub(super) fn channels(&self) -> usize {
        let is_terminal = match self {
            Self::Launch { spec, .. } => spec.process.terminal.is_some(),
            Self::Exec { process, .. } => process.terminal.is_some(),
            Self::Update { .. }
            | Self::Signal { .. }
            | Self::Stop { .. }
            | Self::Remove { .. }
            | Self::Record { .. }
            | Self::Pull { .. } => return 0,
        };
        if is_terminal { 1 } else { 2 }
    }

    /// Carries it out.
    pub(super) async fn carry_out(self, request: RequestId, caller: Caller) -> Outcome {
        let channels = self.channels();
        Outcome {
            request,
            channels,
            result: self.achieve(request, &caller).await.map_err(|Refusal(error)| error),
        }
    }

    async fn achieve(self, request: RequestId, caller: &Caller) -> Answer<Achieved> {
        let find = |container: ContainerId| caller.find(container.as_str());
        match self {
            Self::Launch { spec, credit, typist, given_up, queue } => {
                if let Some(before) = launched_before(caller, typist).await? {
                    return Ok(attach(before, credit, typist));
                }
                let prepared = caller.prepare(spec)?.asked_by(typist);
                let told = |place: &Place| {
                    let Place { position, reason } = place.clone();
                    let message = ServerMessage::Queued { request, position, reason };
                    // A client that takes nothing now gets the next one.
                    let _ = queue.try_send(Outgoing::Message(Box::new(message)));
                };
                let permit = tokio::select! {
                    permit = caller.machine().admit(told) => permit?,
                    () = given_up.cancelled() => return Err(left_the_queue()),
                };
                match caller.machine().launch(prepared, permit).await {
                    // Asked for twice, by two sockets of the same client: the other one was first.
                    Err(ContainerError::LaunchedBefore) => {
                        let before = launched_before(caller, typist).await?;
                        Ok(attach(before.ok_or(ContainerError::LaunchedBefore)?, credit, typist))
                    }
                    launched => Ok(attach(launched?, credit, typist)),
                }
            }
            Self::Exec { container, process, credit, typist } => {
                let container = find(container)?;
                let (process, terminal) = container.exec(&process, typist).await?;
                let container = container.id().clone();
                Ok(Achieved::Started { launched: None, container, process, terminal, credit, typist })
            }
            Self::Update { container, limits } => {
                Ok(Achieved::Changed(Box::new(find(container)?.update(*limits).await?)))
            }
            Self::Signal { container, process, signal } => {
                find(container)?.signal(process, signal::parse(&signal)?).await?;
                Ok(Achieved::Done)
            }
            Self::Stop { container } => {
                find(container)?.stop(Duration::from_millis(STOP_GRACE_MS)).await?;
                Ok(Achieved::Done)
            }
            Self::Remove { container, force } => {
                find(container)?.remove(force).await?;
                Ok(Achieved::Done)
            }
            Self::Record { container, process, on } => {
                caller.record(container.as_str(), process, on).await?;
                Ok(Achieved::Done)
            }
            Self::Pull { name, given_up } => {
                let request = TransferRequest { name, ..TransferRequest::default() };
                let waiting = caller.owner()?.images().pull(&request)?;
                tokio::select! {
                    arrived = waiting.arrived() => drop(arrived?),
                    () = given_up.cancelled() => return Err(gave_up()),
                }
                Ok(Achieved::Done)
            }
        }
    }
}

/// What this typist has launched before.
async fn launched_before(caller: &Caller, typist: Option<Typist>) -> Answer<Option<(Container, Terminal)>> {
    let Some(typist) = typist else { return Ok(None) };
    let before = caller.machine().launched_by(typist).await?;
    if let Some((container, _)) = &before {
        caller.find(container.id().as_str())?;
    }
    Ok(before)
}

fn attach((container, terminal): (Container, Terminal), credit: u32, typist: Option<Typist>) -> Achieved {
    let launched = Some(Box::new(container.view().detail.clone()));
    let container = container.id().clone();
    Achieved::Started { launched, container, process: 0, terminal, credit, typist }
}

/// The answer to a launch that its own client gave up.
fn left_the_queue() -> Refusal {
    let hint = "Launch it again to wait anew.";
    Refusal(WireError::new(ErrorCode::BadRequest, "The launch was given up.", hint))
}

/// The answer to a pull that its own client gave up.
fn gave_up() -> Refusal {
    let hint = "Pull it again to go on: what has arrived is kept for a day.";
    Refusal(WireError::new(ErrorCode::BadRequest, "The pull was given up.", hint))
}

/// The answer to a request that failed.
pub(super) fn failed(request: RequestId, error: WireError) -> ServerMessage {
    ServerMessage::Error { request: Some(request), error }
}

/// The number that a message's answer must carry, if it is answered at all.
pub(super) fn request_of(message: &ClientMessage) -> Option<RequestId> {
    use ClientMessage as M;
    match message {
        M::Launch { request, .. }
        | M::Exec { request, .. }
        | M::Attach { request, .. }
        | M::Signal { request, .. }
        | M::Update { request, .. }
        | M::Stop { request, .. }
        | M::Keyboard { request, .. }
        | M::Record { request, .. }
        | M::Remove { request, .. }
        | M::Inspect { request, .. }
        | M::Pull { request, .. } => Some(*request),
        M::Hello { .. }
        | M::Credit { .. }
        | M::Resize { .. }
        | M::CloseInput { .. }
        | M::Detach { .. }
        | M::CancelLaunch { .. }
        | M::CancelPull { .. }
        | M::Watch { .. }
        | M::Unwatch { .. }
        | M::Ping { .. }
        | M::Pong { .. }
        | M::Unknown => None,
    }
}
