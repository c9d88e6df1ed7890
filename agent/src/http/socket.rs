//! The one WebSocket of a page or a command line client.
//!
//! ```text
//!   socket ──▶ connection (reads; owns the channels) ──outbox──▶ writer (writes; owns the viewers) ──▶ socket
//!                   │ input, credit                                 ▲ woken by output, taken input, changed lists
//!                   ▼                                               │
//!               terminals ──────────────────────────────────────────┘
//! ```
//!
//! Reading never waits for writing: a client that drowns in output still gets its Ctrl-C through. Writing pulls, each time
//! the socket has room, so a slow client costs no memory and always gets the newest of what only has a newest.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::Response;
use futures_util::StreamExt;
use porthole_protocol::control::{ClientMessage, CloseCode, ServerMessage};
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::limits::MAX_CONTROL_BYTES;
use porthole_protocol::session::Person;
use porthole_protocol::version::{Generations, SUBPROTOCOL};
use tokio::time::timeout;

use super::app::{Caller, Who};
use super::error::{Answer, Refusal};
use super::peer::Origin;
use super::{App, cookie};
use crate::session::Secret;

mod connection;
pub(super) mod lists;
mod outbox;
mod requests;
mod watching;
mod writer;

/// Time for the first message.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// Time for a last message to a client before the socket is dropped.
const GOODBYE_WITHIN: Duration = Duration::from_secs(2);

/// Bytes read from a socket at a time: what a person types is small, and thousands of sockets may be idle.
const READ_BUFFER: usize = 8 * 1024;

/// Bytes gathered before they are written: a few control messages; a full frame of output is written at once.
const WRITE_BUFFER: usize = 16 * 1024;

/// A socket's end: why, as a code and in words.
#[derive(Debug)]
struct Farewell {
    code: CloseCode,
    /// Told before the close, when there is something to tell.
    error: Option<WireError>,
}

impl Farewell {
    /// The close of a client that broke the protocol.
    fn protocol_error(sentence: impl Into<String>) -> Self {
        let hint = "docs/protocol.md describes every message.";
        Self {
            code: CloseCode::ProtocolError,
            error: Some(WireError::new(ErrorCode::BadRequest, sentence, hint)),
        }
    }

    fn too_large(sentence: impl Into<String>) -> Self {
        let hint = "Send it in smaller pieces.";
        Self { code: CloseCode::TooLarge, error: Some(WireError::new(ErrorCode::TooLarge, sentence, hint)) }
    }

    fn frame(&self) -> Message {
        Message::Close(Some(CloseFrame { code: self.code as u16, reason: "".into() }))
    }
}

/// Open the socket; `docs/protocol.md` describes what is said on it.
#[utoipa::path(get, path = "/socket", tag = "agent",
    responses((status = 101, description = "The socket is open, with the subprotocol porthole.v1"),
              (status = "default", body = WireError)))]
pub(super) async fn upgrade(
    State(app): State<App>,
    Extension(origin): Extension<Origin>,
    who: Option<Extension<Who>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let hint = "Open a WebSocket with the subprotocol porthole.v1.";
    let refuse = |sentence: String| Refusal(WireError::new(ErrorCode::BadRequest, sentence, hint));
    let upgrade =
        upgrade.map_err(|rejection| refuse(format!("This is no WebSocket upgrade: {rejection}.")))?;
    let upgrade = upgrade.protocols([SUBPROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        return Err(refuse("The subprotocol is missing.".to_owned()));
    }
    let tasks = app.tasks.clone();
    let who = who.map(|Extension(who)| who);
    // Whoever comes for the first time gets the cookie now; a session begins with it when the hello turns out to be a visitor's.
    let cookie = (app.sessions.settings().enabled && who.is_none()).then(Secret::new);
    let set_cookie = cookie.as_ref().map(|secret| cookie::set(secret, origin.secure));
    let knock = Knock { address: origin.address, who, cookie };
    let mut response = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_message_size(MAX_CONTROL_BYTES)
        .max_frame_size(MAX_CONTROL_BYTES)
        .on_upgrade(move |socket| tasks.track_future(serve(app, knock, socket)));
    response.headers_mut().extend(set_cookie.map(|cookie| (header::SET_COOKIE, cookie)));
    Ok(response)
}

/// What an upgrade tells of whoever opens a socket.
struct Knock {
    address: IpAddr,
    /// By the cookie.
    who: Option<Who>,
    /// The secret of a session that would begin now.
    cookie: Option<Secret>,
}

/// The life of one socket.
async fn serve(app: App, knock: Knock, mut socket: WebSocket) {
    match timeout(HELLO_WITHIN, greet(&app, knock, &mut socket)).await {
        Ok(Ok(Met { client, caller, person })) => {
            tracing::debug!(client, "a client has connected");
            connection::Connection::serve(caller, person, socket).await;
        }
        Ok(Err(Some(farewell))) => say_goodbye(socket, &farewell).await,
        // Gone before it said a word.
        Ok(Err(None)) => {}
        Err(_) => {
            let sentence = format!("No hello within {} s.", HELLO_WITHIN.as_secs());
            say_goodbye(
                socket,
                &Farewell { code: CloseCode::TimedOut, ..Farewell::protocol_error(sentence) },
            )
            .await;
        }
    }
}

/// Somebody who was welcome.
struct Met {
    /// The client's name and version.
    client: String,
    caller: Caller,
    person: Person,
}

/// Awaits the hello and answers it; who it is.
async fn greet(app: &App, knock: Knock, socket: &mut WebSocket) -> Result<Met, Option<Farewell>> {
    let text = loop {
        match socket.next().await {
            Some(Ok(Message::Text(text))) => break text,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Binary(_))) => {
                return Err(Some(Farewell::protocol_error("A frame came before the hello.")));
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(None),
        }
    };
    let Ok(ClientMessage::Hello { generations, token, client, share, name }) = serde_json::from_str(&text)
    else {
        return Err(Some(Farewell::protocol_error("The first message is not a hello.")));
    };
    let Some(generation) = Generations::OURS.agree(generations) else {
        let sentence = "The client and this agent speak no common generation of the protocol.";
        let error = WireError::new(
            ErrorCode::VersionMismatch,
            sentence,
            "Load the page, or install the program, anew.",
        );
        return Err(Some(Farewell { code: CloseCode::VersionMismatch, error: Some(error) }));
    };
    let (met, code) = match share {
        Some(secret) => (Caller::guest(app, &secret), CloseCode::Ended),
        None => (introduce(app, knock, token.as_deref()).await, CloseCode::Unauthorized),
    };
    let caller = met.map_err(|Refusal(error)| Some(Farewell { code, error: Some(error) }))?;
    let welcome = ServerMessage::Welcome {
        generation,
        version: app.version.version.clone(),
        kernel: app.version.kernel.clone(),
        rootless: app.version.rootless,
        lacks: app.lacks.clone(),
        session: caller.session().ok(),
        share: caller.opened(),
    };
    socket.send(text_of(&welcome)).await.map_err(|_| None)?;
    let client = client.chars().take(80).flat_map(char::escape_default).collect();
    let person = caller.person(app.people.number(), name.as_deref());
    Ok(Met { client, caller, person })
}

/// Who says hello: with a token the owner; without, where visitors may come, a visitor.
async fn introduce(app: &App, knock: Knock, token: Option<&str>) -> Answer<Caller> {
    let is_visitor = token.is_none() && app.sessions.settings().enabled;
    let who = match (knock.who, knock.cookie) {
        (Some(who), _) if is_visitor => who,
        (None, Some(secret)) if is_visitor => Who::Visitor(app.sessions.begin(&secret, knock.address).await?),
        _ => {
            app.guard.check_token(token)?;
            Who::Owner
        }
    };
    Ok(Caller::new(app.clone(), who))
}

/// Tells why, and closes.
async fn say_goodbye(mut socket: WebSocket, farewell: &Farewell) {
    let last_words = async {
        if let Some(error) = &farewell.error {
            let error = ServerMessage::Error { request: None, error: error.clone() };
            socket.send(text_of(&error)).await?;
        }
        socket.send(farewell.frame()).await?;
        // The client answers the close; until then what was sent may still be on its way.
        while let Some(Ok(_)) = socket.next().await {}
        Ok::<_, axum::Error>(())
    };
    let _ = timeout(GOODBYE_WITHIN, last_words).await;
}

fn text_of(message: &ServerMessage) -> Message {
    let text = serde_json::to_string(message).expect("a message has no map with other keys than text");
    Message::Text(text.into())
}
