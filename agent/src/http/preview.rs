//! Previews: a port of a container, opened by its owner, seen through the agent under a name of its own.
//!
//! The name is an origin that no other page shares, so that what a stranger's program serves there can touch neither our page
//! nor another preview; and it is a secret, so that who does not know it cannot ask. Names of previews are told apart here,
//! before anything of the agent's own looks at a request: nothing of the agent is served under them, nor they under its own.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::Response;

use super::App;
use super::guard::authority;
use crate::ports::DialError;
use crate::ports::previews::Preview;

mod forward;
pub(crate) mod headers;
pub(super) mod host;
mod meter;
mod page;

use forward::{ForwardError, forward};
use host::Names;
use page::say;

/// Takes what is sent to a preview's name, and passes on everything else.
pub(super) async fn route(State(app): State<App>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let named = authority(&parts)
        .and_then(|name| Some((name.to_owned(), host::secret_of(app.preview_host.as_ref(), name)?)));
    match named {
        Some((name, secret)) => answer(&app, &name, &secret, Request::from_parts(parts, body)).await,
        None => next.run(Request::from_parts(parts, body)).await,
    }
}

/// The names that previews have for whoever asks with these headers; none where they have no name.
pub(super) fn names(app: &App, asked_by: &HeaderMap) -> Option<Names> {
    Names::for_who_asks(app.preview_host.as_ref(), asked_by)
}

async fn answer(app: &App, name: &str, secret: &str, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let asked_by = parts.headers.clone();
    let Some(preview) = app.previews.find(secret) else {
        return say(&asked_by, StatusCode::NOT_FOUND, "This preview is not open.", false);
    };
    if matches!(parts.method, Method::CONNECT | Method::TRACE) {
        return say(&asked_by, StatusCode::METHOD_NOT_ALLOWED, "A preview does not take this method.", false);
    }
    if !headers::is_framed(&parts.headers) {
        return say(&asked_by, StatusCode::BAD_REQUEST, "The length of the request is not clear.", false);
    }
    let Some(room) = preview.room() else {
        return say(
            &asked_by,
            StatusCode::SERVICE_UNAVAILABLE,
            "This preview has too many connections.",
            true,
        );
    };
    let own = host::own_origin(app.preview_host.as_ref(), name);
    headers::inward(&mut parts.headers, &own, preview.port, &app.guard);
    parts.uri = path_of(&parts);
    let method = parts.method.clone();
    let inside = tokio::select! {
        inside = preview.inside.dial(preview.port) => inside,
        () = preview.closed.cancelled() => Err(DialError::Refused),
    };
    let inside = match inside {
        Ok(inside) => inside,
        Err(error) => return unreachable(&asked_by, &preview, &error),
    };
    match forward(app, &preview, inside, Request::from_parts(parts, body), room).await {
        Ok(mut response) => {
            let status = response.status();
            headers::outward(response.headers_mut(), status, &method, &own, preview.port);
            response
        }
        Err(error) => unanswered(&asked_by, &preview, &error),
    }
}

/// The path alone: what name it was asked by is said in `Host`.
fn path_of(parts: &Parts) -> Uri {
    let path = parts.uri.path_and_query().cloned();
    path.map_or_else(Uri::default, Uri::from)
}

fn unreachable(asked_by: &HeaderMap, preview: &Arc<Preview>, error: &DialError) -> Response {
    tracing::debug!(?preview, %error, "a preview reached nothing");
    let port = preview.port;
    let sentence = match error {
        DialError::Refused => format!("Nothing listens on port {port} of the container."),
        DialError::Busy => format!("What listens on port {port} of the container takes no connection."),
        DialError::Engine(_) | DialError::Io(_) => format!("Port {port} of the container cannot be reached."),
    };
    say(asked_by, StatusCode::BAD_GATEWAY, &sentence, true)
}

fn unanswered(asked_by: &HeaderMap, preview: &Arc<Preview>, error: &ForwardError) -> Response {
    tracing::debug!(?preview, %error, "a preview got no answer");
    let port = preview.port;
    let (status, sentence) = match error {
        ForwardError::Late => {
            (StatusCode::GATEWAY_TIMEOUT, format!("Port {port} of the container does not answer."))
        }
        ForwardError::Malformed | ForwardError::Broken(_) => (
            StatusCode::BAD_GATEWAY,
            format!("What listens on port {port} of the container gave no answer of HTTP."),
        ),
    };
    say(asked_by, status, &sentence, false)
}
