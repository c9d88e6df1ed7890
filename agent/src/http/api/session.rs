//! `/session`: whoever asks, as a visitor or as the owner.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::session::Session;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::app::{Caller, Who};
use crate::http::error::{Answer, Refusal};
use crate::http::peer::Origin;
use crate::http::{App, cookie};
use crate::session::{Secret, keeper};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(mine, end)).routes(routes!(extend))
}

/// The session of whoever asks. One who has none, where visitors may come, gets one, and its cookie.
#[utoipa::path(get, path = "/session", tag = "session",
    responses((status = 200, body = Session), (status = "default", body = WireError)))]
async fn mine(
    State(app): State<App>,
    caller: Option<Caller>,
    Extension(origin): Extension<Origin>,
) -> Answer<Response> {
    if let Some(caller) = caller {
        return Ok(Json(caller.session()?).into_response());
    }
    let secret = Secret::new();
    let visitor = app.sessions.begin(&secret, origin.address).await?;
    let session = Caller::new(app, Who::Visitor(visitor)).session()?;
    Ok(([(header::SET_COOKIE, cookie::set(&secret, origin.secure))], Json(session)).into_response())
}

/// Move the end of the session as far as it goes.
#[utoipa::path(post, path = "/session/extend", tag = "session",
    responses((status = 200, body = Session), (status = "default", body = WireError)))]
async fn extend(caller: Caller) -> Answer<Json<Session>> {
    match caller.who() {
        Who::Owner | Who::Guest(_) => Ok(Json(caller.session()?)),
        Who::Visitor(visitor) => Ok(Json(caller.app().sessions.extend(visitor).await?)),
    }
}

/// End the session: its containers are stopped and removed. Answered when nothing of it is left.
#[utoipa::path(delete, path = "/session", tag = "session",
    responses((status = 204), (status = "default", body = WireError)))]
async fn end(caller: Caller, Extension(origin): Extension<Origin>) -> Answer<(HeaderMap, StatusCode)> {
    let Who::Visitor(visitor) = caller.who() else {
        let hint = "Stop the agent to end everything.";
        return Err(Refusal(WireError::new(ErrorCode::BadRequest, "The owner has no session to end.", hint)));
    };
    let app = caller.app();
    let ending = keeper::end(
        app.sessions.clone(),
        caller.machine().clone(),
        visitor.id().into(),
        app.stopping.clone(),
    );
    // It goes on when the visitor does not wait for it.
    let _ = app.tasks.spawn(ending).await;
    let headers = HeaderMap::from_iter([(header::SET_COOKIE, cookie::clear(origin.secure))]);
    Ok((headers, StatusCode::NO_CONTENT))
}
