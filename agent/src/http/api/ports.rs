//! `/containers/{id}/ports`: what listens in a container, and previews of it.

use axum::Json;
use axum::http::{HeaderMap, StatusCode};
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::http::{ListeningPort, Preview};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::app::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::Path;
use crate::http::{App, preview};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(listening)).routes(routes!(open, close))
}

/// The TCP ports that processes of a container listen on, and where the previews of those that have one open.
#[utoipa::path(get, path = "/containers/{id}/ports", tag = "ports", params(("id" = String, Path)),
    responses((status = 200, body = [ListeningPort]), (status = "default", body = WireError)))]
async fn listening(
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer<Json<Vec<ListeningPort>>> {
    let container = caller.find(&id)?;
    let mut ports = container.inside()?.listening().await?;
    if let Some(names) = preview::names(caller.app(), &headers) {
        for one in &mut ports {
            let opened = caller.app().previews.opened(&container, one.port);
            one.preview = opened.map(|preview| names.url(preview.secret()));
        }
    }
    Ok(Json(ports))
}

/// Open a port of a container as a preview, under a name of its own; the same one while it is open.
#[utoipa::path(post, path = "/containers/{id}/ports/{port}/preview", tag = "ports",
    params(("id" = String, Path), ("port" = u16, Path)),
    responses((status = 200, body = Preview), (status = "default", body = WireError)))]
async fn open(
    caller: Caller,
    Path((id, port)): Path<(String, u16)>,
    headers: HeaderMap,
) -> Answer<Json<Preview>> {
    let container = caller.find(&id)?;
    if port == 0 {
        let hint = "`porthole ports` lists those that are listened on.";
        return Err(Refusal(WireError::new(ErrorCode::BadRequest, "A port is from 1 to 65535.", hint)));
    }
    let Some(names) = preview::names(caller.app(), &headers) else {
        let hint = "Reach the agent by localhost, or start it with --preview-host '*.NAME'.";
        return Err(Refusal(WireError::new(ErrorCode::Unsupported, "A preview has no name here.", hint)));
    };
    let opened = caller.app().previews.open(&container, port)?;
    Ok(Json(Preview { url: names.url(opened.secret()) }))
}

/// Close a preview, and what is under way in it.
#[utoipa::path(delete, path = "/containers/{id}/ports/{port}/preview", tag = "ports",
    params(("id" = String, Path), ("port" = u16, Path)),
    responses((status = 204), (status = "default", body = WireError)))]
async fn close(caller: Caller, Path((id, port)): Path<(String, u16)>) -> Answer<StatusCode> {
    caller.app().previews.close(&caller.find(&id)?, port);
    Ok(StatusCode::NO_CONTENT)
}
