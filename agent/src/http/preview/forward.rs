//! One request to a program inside, and its answer, as both come.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use porthole_protocol::limits::{MAX_PREVIEW_HEAD_BYTES, PREVIEW_ANSWER_MS};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::timeout;

use super::headers;
use super::meter::{Meter, Metered};
use crate::http::App;
use crate::ports::previews::Preview;
use crate::ports::relay::{idle, relay};

/// Headers of one answer.
const MAX_HEADERS: usize = 128;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ForwardError {
    /// What came is no answer, or none that we take.
    #[error("the answer is not proper HTTP")]
    Malformed,
    /// The program closed the connection, or its container ended.
    #[error(transparent)]
    Broken(#[from] hyper::Error),
    /// See [`PREVIEW_ANSWER_MS`].
    #[error("no answer in time")]
    Late,
}

/// Room for the connection, kept as long as any part of it.
type Permit = Arc<[OwnedSemaphorePermit; 2]>;

/// Sends a request whose head has been made anew on a connection of its own, so that no answer can be taken for another
/// request's. The connection ends with the preview, and when nothing moves for too long.
pub(super) async fn forward(
    app: &App,
    preview: &Arc<Preview>,
    inside: TcpStream,
    mut request: Request<Body>,
    room: [OwnedSemaphorePermit; 2],
) -> Result<Response<Body>, ForwardError> {
    let room = Permit::new(room);
    let websocket = headers::is_websocket(request.headers());
    let browser = hyper::upgrade::on(&mut request);
    *request.version_mut() = Version::HTTP_11;

    let meter = Arc::<Meter>::default();
    let stream = TokioIo::new(Metered::new(inside, Arc::clone(&meter)));
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_PREVIEW_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .handshake(stream)
        .await?;
    let (closed, stopping) = (preview.closed.clone(), app.stopping.clone());
    let (kept, counted) = (Permit::clone(&room), Arc::clone(&meter));
    app.tasks.spawn(async move {
        let _room = kept;
        tokio::select! {
            _ = connection.with_upgrades() => {}
            () = idle(&counted.moved) => {}
            () = closed.cancelled() => {}
            () = stopping.cancelled() => {}
        }
    });

    let answer = timeout(Duration::from_millis(PREVIEW_ANSWER_MS), sender.send_request(request));
    let answer = answer.await.map_err(|_| ForwardError::Late)??;
    meter.is_answered.store(true, Ordering::Relaxed);
    match answer.status() {
        StatusCode::SWITCHING_PROTOCOLS if websocket && headers::is_websocket(answer.headers()) => {
            Ok(switch(app, preview, browser, answer, room))
        }
        status if status.is_informational() => Err(ForwardError::Malformed),
        _ if !headers::is_framed(answer.headers()) => Err(ForwardError::Malformed),
        _ => Ok(answer.map(Body::new)),
    }
}

/// From here on both sides speak for themselves.
fn switch(
    app: &App,
    preview: &Arc<Preview>,
    browser: OnUpgrade,
    mut answer: Response<Incoming>,
    room: Permit,
) -> Response<Body> {
    let program = hyper::upgrade::on(&mut answer);
    let (closed, stopping) = (preview.closed.clone(), app.stopping.clone());
    app.tasks.spawn(async move {
        let _room = room;
        let relayed = async {
            match tokio::try_join!(browser, program) {
                Ok((browser, program)) => relay(TokioIo::new(browser), TokioIo::new(program)).await,
                Err(error) => tracing::debug!(%error, "a WebSocket of a preview was not made"),
            }
        };
        tokio::select! {
            () = relayed => {}
            () = closed.cancelled() => {}
            () = stopping.cancelled() => {}
        }
    });
    answer.map(|_| Body::empty())
}
