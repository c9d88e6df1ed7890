//! What is stored, and removing what nobody needs.

use axum::Json;
use porthole_protocol::error::WireError;
use porthole_protocol::image::{PruneRequest, Pruned, Storage};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;
use crate::http::app::Caller;
use crate::http::error::Answer;
use crate::http::extract;
use crate::storage;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(stored)).routes(routes!(prune))
}

/// Every layer, and by whom it is shared; the bytes of each container.
#[utoipa::path(get, path = "/storage", tag = "storage",
    responses((status = 200, body = Storage), (status = "default", body = WireError)))]
async fn stored(caller: Caller) -> Answer<Json<Storage>> {
    Ok(Json(storage::stored(caller.owner()?).await?))
}

/// Remove ended containers, images without a name, and layers and downloads that nobody needs.
#[utoipa::path(post, path = "/prune", tag = "storage", request_body = PruneRequest,
    responses((status = 200, body = [Pruned]), (status = "default", body = WireError)))]
async fn prune(
    caller: Caller,
    extract::Json(request): extract::Json<PruneRequest>,
) -> Answer<Json<Vec<Pruned>>> {
    Ok(Json(storage::prune(caller.owner()?, request).await?))
}
