//! The request by which a process is attached, and its answer.

use porthole_protocol::control::{ClientMessage, ServerMessage};
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::ids::{ContainerId, ProcessNumber, RequestId, Typist};
use porthole_protocol::resume::Resume;
use porthole_protocol::spec::{LaunchSpec, ProcessSpec};

use super::super::failure::{Failure, warn};
use super::super::signals::Caught;
use super::super::socket::{Received, Socket};
use super::super::terminal;
use super::{Session, caught};

/// Largest typist, exclusive: what every JSON reader can hold.
const TYPISTS: u64 = 1 << 53;

/// How the process comes to be attached for the first time.
pub(in crate::cli) enum Opening {
    /// It is launched.
    Launch(Box<LaunchSpec>),
    /// It is started in a container.
    Exec(ContainerId, ProcessSpec),
    /// It is there.
    Attach(ContainerId, ProcessNumber),
}

impl Opening {
    pub(super) fn resume(&self) -> Resume {
        let typist: Typist = u64::from_ne_bytes(crate::random::bytes()) % TYPISTS;
        match self {
            Self::Launch(_) | Self::Exec(..) => Resume::starting(typist),
            Self::Attach(container, process) => Resume::following(typist, container.clone(), *process),
        }
    }

    /// The request that starts it. Made again with the same typist, it is not carried out twice.
    fn request(&self, request: RequestId, credit: u32, typist: Typist) -> ClientMessage {
        let typist = Some(typist);
        match self {
            Self::Launch(spec) => ClientMessage::Launch { request, spec: (**spec).clone(), credit, typist },
            Self::Exec(container, process) => {
                let (container, process) = (container.clone(), process.clone());
                ClientMessage::Exec { request, container, process, credit, typist }
            }
            Self::Attach(container, process) => {
                let (container, process) = (container.clone(), *process);
                ClientMessage::Attach { request, container, process, from: None, credit, typist }
            }
        }
    }
}

/// What a launch is told that is not to wait.
fn no_room(reason: &str) -> Failure {
    let hint = "Leave --no-wait out to wait, or stop containers that are no longer needed.";
    WireError::new(ErrorCode::Busy, format!("There is no room now. {reason}"), hint).into()
}

impl Session<'_> {
    /// Asks for the process and waits for the answer. A launch may have to wait for room: its place in the queue is told, and
    /// Ctrl-C leaves it.
    ///
    /// # Errors
    /// The agent's refusal, [`Failure::Lost`], or [`Failure::Interrupted`].
    pub(super) async fn open(&mut self, socket: &mut Socket) -> Result<(), Failure> {
        let mut asked = socket.next_request();
        let credit = self.window();
        // Where nobody sees a screen, what is kept is worth more than one.
        let mut wants_all = !terminal::output_is_terminal();
        let request = self.resume.attach(asked, credit);
        socket.send(&request.unwrap_or_else(|| self.opening.request(asked, credit, self.resume.typist())));
        let waits = matches!(self.opening, Opening::Launch(_)) && self.resume.place().is_none();
        let mut given_up = None;
        loop {
            let received = tokio::select! {
                received = socket.receive() => received?,
                Caught::Forward("INT" | "TERM" | "HUP" | "QUIT") = caught(&mut self.wishes.signals), if waits => {
                    given_up = Some(Failure::Interrupted { hint: "Nothing was launched.".to_owned() });
                    socket.send(&ClientMessage::CancelLaunch { launch: asked });
                    continue;
                }
            };
            match received {
                Received::Control(ServerMessage::Attached { request, channels, .. })
                    if request == asked && wants_all && self.resume.would_miss(&channels) =>
                {
                    wants_all = false;
                    for open in &channels {
                        socket.send(&ClientMessage::Detach { channel: open.channel });
                    }
                    asked = socket.next_request();
                    if let Some(mut request) = self.resume.attach(asked, credit) {
                        if let ClientMessage::Attach { from, .. } = &mut request {
                            *from = None;
                        }
                        socket.send(&request);
                    }
                }
                Received::Control(ServerMessage::Attached { request, container, process, channels })
                    if request == asked =>
                {
                    let missing = self.resume.attached(&container, process, &channels);
                    self.told_end = false;
                    self.level(socket, credit);
                    self.tell_missing(missing);
                    return Ok(());
                }
                Received::Control(ServerMessage::Error { request: Some(request), error })
                    if request == asked =>
                {
                    return Err(given_up.unwrap_or_else(|| error.into()));
                }
                Received::Control(ServerMessage::Queued { request, reason, .. })
                    if request == asked && self.wishes.no_wait =>
                {
                    given_up.get_or_insert_with(|| no_room(&reason));
                    socket.send(&ClientMessage::CancelLaunch { launch: asked });
                }
                Received::Control(ServerMessage::Queued { request, position, reason })
                    if request == asked =>
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

    /// Both streams were granted what the fuller one has room for; the other one gets the rest. What was written for an
    /// earlier socket is not granted to this one.
    fn level(&mut self, socket: &mut Socket, granted: u32) {
        use porthole_protocol::control::Stream::{Stderr, Stdout, Terminal};
        self.stdout.forget_grants();
        self.stderr.forget_grants();
        for (stream, waiting) in [
            (Terminal, self.stdout.waiting()),
            (Stdout, self.stdout.waiting()),
            (Stderr, self.stderr.waiting()),
        ] {
            let room = super::OUTPUT_WINDOW.saturating_sub(u32::try_from(waiting).unwrap_or(u32::MAX));
            let bytes = room.saturating_sub(granted);
            if let (Some(channel), true) = (self.resume.channel(stream), bytes > 0) {
                socket.send(&ClientMessage::Credit { channel, bytes });
            }
        }
    }
}
