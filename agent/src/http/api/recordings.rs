//! `/recordings`: of whoever asks.

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use porthole_protocol::error::WireError;
use porthole_protocol::recording::Recording;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;
use crate::http::app::Caller;
use crate::http::error::Answer;
use crate::http::extract::{Path, Query};
use crate::recording::asciicast::Format;
use crate::recording::download;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read, delete))
}

/// The recordings, the newest first.
#[utoipa::path(get, path = "/recordings", tag = "recordings",
    responses((status = 200, body = [Recording]), (status = "default", body = WireError)))]
async fn list(caller: Caller) -> Answer<Json<Vec<Recording>>> {
    Ok(Json(caller.recordings()?))
}

#[derive(Deserialize)]
struct As {
    /// `asciicast-v2` or `asciicast-v3`.
    #[serde(default)]
    format: Format,
}

/// Download a recording, also while it goes on.
#[utoipa::path(get, path = "/recordings/{id}", tag = "recordings", params(("id" = String, Path),
        ("format" = Option<String>, Query, description = "`asciicast-v2`, which is the default, or `asciicast-v3`")),
    responses((status = 200, content_type = "application/x-asciicast"), (status = "default", body = WireError)))]
async fn read(caller: Caller, Path(id): Path<String>, Query(As { format }): Query<As>) -> Answer<Response> {
    let (recording, source) = caller.recording(&id)?;
    // A name of a container is made of harmless characters.
    let disposition = format!("attachment; filename=\"{}-{}.cast\"", recording.name, recording.id);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/x-asciicast")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment")),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Should a browser show it all the same, it is of no origin and runs nothing.
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
    ];
    Ok((headers, Body::from_stream(download::lines(&recording, source, format))).into_response())
}

/// Delete a recording; one that goes on is ended first.
#[utoipa::path(delete, path = "/recordings/{id}", tag = "recordings", params(("id" = String, Path)),
    responses((status = 204), (status = "default", body = WireError)))]
async fn delete(caller: Caller, Path(id): Path<String>) -> Answer<StatusCode> {
    caller.delete_recording(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
