//! From what went wrong inside to what a person is told: the only place where errors get their code, their next step and
//! their HTTP status.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use porthole_launcher::wire::{Failure, FailureKind};
use porthole_protocol::error::{ErrorCode, WireError};

use crate::container::ContainerError;
use crate::engine::EngineError;
use crate::image::ImageError;
use crate::people::PeopleError;
use crate::recording::RecordingError;
use crate::session::SessionError;

/// What a person is told, made of any error of the agent; as the answer to an HTTP request, JSON with a status.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) WireError);

/// Seconds after which a machine that had no room is worth another try.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("10");

/// The result of a handler.
pub(super) type Answer<T> = Result<T, Refusal>;

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let busy = self.0.code == ErrorCode::Busy;
        let mut response = (status(self.0.code), Json(self.0)).into_response();
        if busy {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

/// The HTTP status of a code, as `docs/protocol.md` lists them.
fn status(code: ErrorCode) -> StatusCode {
    use ErrorCode as Code;
    match code {
        Code::BadRequest | Code::VersionMismatch => StatusCode::BAD_REQUEST,
        Code::Unauthorized => StatusCode::UNAUTHORIZED,
        Code::ForbiddenOrigin | Code::Forbidden => StatusCode::FORBIDDEN,
        Code::NoSuchContainer
        | Code::NoSuchProcess
        | Code::NoSuchImage
        | Code::NoSuchFile
        | Code::NoSuchShare
        | Code::NoSuchRecording
        | Code::NoSuchRoute => StatusCode::NOT_FOUND,
        Code::NameInUse | Code::PortInUse | Code::ImageInUse | Code::NotRunning | Code::StillRunning => {
            StatusCode::CONFLICT
        }
        Code::CommandNotFound | Code::CommandNotExecutable | Code::BadImage => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Code::RegistryDenied | Code::RegistryFailed => StatusCode::BAD_GATEWAY,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Code::Busy => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unsupported => StatusCode::NOT_IMPLEMENTED,
        Code::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<ContainerError> for Refusal {
    fn from(error: ContainerError) -> Self {
        use ContainerError as E;
        let (code, hint) = match &error {
            E::Image(error) => return Self(error.to_wire()),
            E::Engine(error) => return error.clone().into(),
            E::Session(error) => return (*error).into(),
            E::BadRequest(_) => (ErrorCode::BadRequest, "Correct the request and send it again."),
            E::BadName(_) => (ErrorCode::BadRequest, "Choose another name, or none to have one made up."),
            E::NoSuchContainer(_) => {
                (ErrorCode::NoSuchContainer, "`porthole ps -a` lists those that are here.")
            }
            E::Ambiguous(_) => (ErrorCode::BadRequest, "Give more digits of the id."),
            E::NoSuchProcess(..) => (ErrorCode::NoSuchProcess, "`porthole inspect` lists its processes."),
            E::NameInUse(_) => {
                (ErrorCode::NameInUse, "Choose another name, or remove the container that has it.")
            }
            E::PortInUse(_) => {
                (ErrorCode::PortInUse, "Choose another port, or none to have any that is free.")
            }
            E::NoSuchShare => (ErrorCode::NoSuchShare, "It may have been revoked; list those that open."),
            E::NotRunning(_) => {
                (ErrorCode::NotRunning, "Launch another one; `porthole logs` shows what it printed.")
            }
            E::StillRunning(_) => (ErrorCode::StillRunning, "Stop it first, or remove it by force."),
            E::TooMany(..) => (ErrorCode::TooMany, "Remove some that are no longer needed."),
            E::LaunchedBefore => (ErrorCode::NoSuchContainer, "Launch another one."),
            E::Updating(_) => (ErrorCode::Busy, "Try again in a moment."),
            E::QueueFull(_) | E::StillWaiting(_) => {
                (ErrorCode::Busy, "Try again later, or stop containers that are no longer needed.")
            }
            E::ShuttingDown => (ErrorCode::ShuttingDown, "Try again when the agent is back."),
            E::Streams(_) => (ErrorCode::Internal, "The log of the agent has the cause."),
        };
        Self(WireError::new(code, error.to_string(), hint))
    }
}

impl From<PeopleError> for Refusal {
    fn from(error: PeopleError) -> Self {
        let (code, hint) = match error {
            PeopleError::TooMany => (ErrorCode::TooMany, "Wait until somebody leaves."),
            PeopleError::NoSuchPerson => (ErrorCode::BadRequest, "Choose somebody of the list who may type."),
        };
        Self(WireError::new(code, error.to_string(), hint))
    }
}

impl From<RecordingError> for Refusal {
    fn from(error: RecordingError) -> Self {
        use RecordingError as E;
        let (code, hint) = match &error {
            E::TooMany | E::TooManyOfSession(_) => {
                (ErrorCode::TooMany, "Delete some that are no longer needed.")
            }
            E::NoRoom(_) => (ErrorCode::Busy, "Delete recordings or images that are no longer needed."),
            E::NoTerminal => {
                (ErrorCode::BadRequest, "`porthole logs` shows what a process on pipes printed.")
            }
            E::Ended => (ErrorCode::NotRunning, "Record one that runs."),
            E::NoSuchRecording(_) => (ErrorCode::NoSuchRecording, "List those that are kept."),
            E::Io(_) => (ErrorCode::Internal, "The log of the agent has the cause."),
        };
        Self(WireError::new(code, error.to_string(), hint))
    }
}

impl From<SessionError> for Refusal {
    fn from(error: SessionError) -> Self {
        use SessionError as E;
        let (code, hint) = match error {
            E::TooManySessions(_) | E::TooManyFromAddress(_) => {
                (ErrorCode::TooMany, "Come back later, or ask whoever runs this agent.")
            }
            E::TooManyContainers(_) => (ErrorCode::TooMany, "Stop or remove one of them first."),
            E::TooManyContainersFromAddress(_) => {
                (ErrorCode::TooMany, "Wait until one of them ends, or ask whoever runs this agent.")
            }
            E::TooManyEnded(_) => (ErrorCode::TooMany, "Remove some of them first."),
            E::Ended => (ErrorCode::Unauthorized, "Load the page anew to begin another one."),
            E::Disk => (ErrorCode::Internal, "The log of the agent has the cause."),
        };
        Self(WireError::new(code, error.to_string(), hint))
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Failed(failure) => Self(told(failure)),
            EngineError::Gone | EngineError::Mismatch => {
                tracing::error!(%error, "the engine failed");
                let hint = "Start the agent again; its log has the cause.";
                Self(WireError::new(ErrorCode::Internal, "The launcher is gone or failed.", hint))
            }
        }
    }
}

/// A failure of the launcher.
fn told(Failure { kind, message }: Failure) -> WireError {
    let (code, hint) = match kind {
        FailureKind::BadRequest => (ErrorCode::BadRequest, "Correct the request and send it again."),
        FailureKind::CommandNotFound => (ErrorCode::CommandNotFound, "Name a command that is in the image."),
        FailureKind::CommandNotExecutable => (
            ErrorCode::CommandNotExecutable,
            "See whether it is a program for this machine and has the x bit.",
        ),
        FailureKind::NoSuchContainer => {
            (ErrorCode::NoSuchContainer, "`porthole ps -a` lists those that are here.")
        }
        FailureKind::NoSuchProcess => (ErrorCode::NoSuchProcess, "`porthole inspect` lists its processes."),
        FailureKind::NoSuchLayer => (ErrorCode::NoSuchImage, "Load or import the image again."),
        FailureKind::NoSuchFile => (ErrorCode::NoSuchFile, "Look into the directory above it."),
        FailureKind::NotRunning => (ErrorCode::NotRunning, "Launch another one."),
        FailureKind::StillRunning => (ErrorCode::StillRunning, "Stop it first, or remove it by force."),
        FailureKind::InUse => (ErrorCode::ImageInUse, "Remove the containers made from it first."),
        FailureKind::BadArchive => (ErrorCode::BadImage, "Make the archive again and send it unchanged."),
        FailureKind::TooMany => (ErrorCode::TooMany, "Remove some containers that are no longer needed."),
        FailureKind::TooLarge => (ErrorCode::TooLarge, "Take or send a part of it at a time."),
        FailureKind::Unsupported => (ErrorCode::Unsupported, "`porthole doctor` says what this host lacks."),
        FailureKind::Internal => {
            tracing::error!(message, "the launcher failed");
            (ErrorCode::Internal, "`porthole doctor` may say why; the log of the agent has the cause.")
        }
    };
    WireError::new(code, message, hint)
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self(told(failure))
    }
}

impl From<ImageError> for Refusal {
    fn from(error: ImageError) -> Self {
        Self(error.to_wire())
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        Self(error)
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let hint = "Send a smaller request.";
            return Self(WireError::new(ErrorCode::TooLarge, "The body is larger than the limit.", hint));
        }
        malformed(&rejection.body_text())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        malformed(&rejection.body_text())
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        malformed(&rejection.body_text())
    }
}

fn malformed(why: &str) -> Refusal {
    let hint = "/api/v1/openapi.json describes every request.";
    Refusal(WireError::new(ErrorCode::BadRequest, format!("The request is not well formed: {why}."), hint))
}

/// The answer to a path that leads nowhere.
pub(super) fn no_such_route() -> Refusal {
    let hint = "/api/v1/openapi.json lists every path.";
    Refusal(WireError::new(ErrorCode::NoSuchRoute, "There is nothing at this path.", hint))
}
