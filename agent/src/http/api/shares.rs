//! Shares of terminals: made, listed, revoked by whoever the container belongs to.

use axum::Json;
use axum::http::StatusCode;
use porthole_protocol::error::WireError;
use porthole_protocol::ids::ProcessNumber;
use porthole_protocol::session::{CreatedShare, Share, ShareRequest};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;
use crate::http::app::Caller;
use crate::http::error::Answer;
use crate::http::extract::{self, Path};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(create)).routes(routes!(list)).routes(routes!(revoke))
}

/// Make a link to a terminal; its secret is told once.
#[utoipa::path(post, path = "/containers/{id}/processes/{number}/shares", tag = "shares",
    params(("id" = String, Path), ("number" = u32, Path)), request_body = ShareRequest,
    responses((status = 201, body = CreatedShare), (status = "default", body = WireError)))]
async fn create(
    caller: Caller,
    Path((id, number)): Path<(String, ProcessNumber)>,
    extract::Json(request): extract::Json<ShareRequest>,
) -> Answer<(StatusCode, Json<CreatedShare>)> {
    Ok((StatusCode::CREATED, Json(caller.find(&id)?.share(number, request).await?)))
}

/// The links to terminals of a container, the oldest first.
#[utoipa::path(get, path = "/containers/{id}/shares", tag = "shares", params(("id" = String, Path)),
    responses((status = 200, body = [Share]), (status = "default", body = WireError)))]
async fn list(caller: Caller, Path(id): Path<String>) -> Answer<Json<Vec<Share>>> {
    Ok(Json(caller.find(&id)?.shares()))
}

/// Revoke a link: whoever came by it is out at once.
#[utoipa::path(delete, path = "/containers/{id}/shares/{share}", tag = "shares",
    params(("id" = String, Path), ("share" = String, Path)),
    responses((status = 204), (status = "default", body = WireError)))]
async fn revoke(caller: Caller, Path((id, share)): Path<(String, String)>) -> Answer<StatusCode> {
    caller.find(&id)?.revoke(&share).await?;
    Ok(StatusCode::NO_CONTENT)
}
