//! `/images/pull` and `/images/push`: images on their way, told line by line.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use porthole_protocol::error::WireError;
use porthole_protocol::image::{TransferEvent, TransferRequest};
use porthole_protocol::limits::TRANSFERS_EVERY_MS;
use tokio::time::Instant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::App;
use crate::http::app::Caller;
use crate::http::error::Answer;
use crate::http::extract::Json;
use crate::image::{Step, Waiting};

/// One JSON value a line.
const NDJSON: &str = "application/x-ndjson";

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(pull)).routes(routes!(push))
}

/// Pull an image from its registry; concurrent pulls of one image are one download. Closing the connection gives it up.
#[utoipa::path(post, path = "/images/pull", tag = "images", request_body = TransferRequest,
    responses((status = 200, body = TransferEvent, content_type = "application/x-ndjson",
               description = "one event a line; the last one is `done` or `failed`"),
              (status = "default", body = WireError)))]
async fn pull(caller: Caller, Json(request): Json<TransferRequest>) -> Answer<Response> {
    let waiting = caller.owner()?.images().pull(&request)?;
    Ok(told(caller.app().clone(), waiting))
}

/// Push an image to its registry. Closing the connection gives it up.
#[utoipa::path(post, path = "/images/push", tag = "images", request_body = TransferRequest,
    responses((status = 200, body = TransferEvent, content_type = "application/x-ndjson",
               description = "one event a line; the last one is `done` or `failed`"),
              (status = "default", body = WireError)))]
async fn push(caller: Caller, Json(request): Json<TransferRequest>) -> Answer<Response> {
    let waiting = caller.owner()?.images().push(&request)?;
    Ok(told(caller.app().clone(), waiting))
}

fn told(app: App, waiting: Waiting) -> Response {
    ([(CONTENT_TYPE, NDJSON)], Body::from_stream(lines(app, waiting))).into_response()
}

fn lines(app: App, waiting: Waiting) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(Some((waiting, Instant::now())), move |state| {
        let app = app.clone();
        async move {
            let (mut waiting, not_before) = state?;
            let (event, state) = match waiting.next(not_before).await {
                Step::Progress(transfer) => {
                    let next = Instant::now() + Duration::from_millis(TRANSFERS_EVERY_MS);
                    (TransferEvent::Progress { transfer }, Some((waiting, next)))
                }
                Step::Ended(Ok(arrived)) => {
                    let image = app.image_summary(&arrived.image);
                    (TransferEvent::Done { image, digest: arrived.digest.to_string() }, None)
                }
                Step::Ended(Err(error)) => (TransferEvent::Failed { error }, None),
            };
            let mut line = serde_json::to_vec(&event).expect("an event has no map with other keys than text");
            line.push(b'\n');
            Some((Ok(line.into()), state))
        }
    })
}
