//! One task a connection: accepted, bounded in number and in how long it may say nothing, and heard out at the end.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use porthole_protocol::limits::{MAX_CONNECTIONS, REQUEST_HEAD_MS};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::peer::Peer;

/// Pause after a connection could not be accepted: most often the process has too many open files, and some are closed soon.
const PAUSE: Duration = Duration::from_millis(100);

/// What wakes the loop.
enum Event {
    Accepted(io::Result<(TcpStream, SocketAddr)>, OwnedSemaphorePermit),
    Ended,
    Stopping,
}

/// Answers connections by `router` until `stopping`, then until every request that had begun is answered. While
/// [`MAX_CONNECTIONS`] are open, further ones wait to be accepted.
pub(super) async fn serve(listener: TcpListener, router: Router, stopping: CancellationToken) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accept = async {
            let permit = room.clone().acquire_owned().await.expect("nobody closes the semaphore");
            (listener.accept().await, permit)
        };
        let event = tokio::select! {
            () = stopping.cancelled() => Event::Stopping,
            (accepted, permit) = accept => Event::Accepted(accepted, permit),
            Some(_) = connections.join_next() => Event::Ended,
        };
        match event {
            Event::Accepted(Ok((connection, peer)), permit) => {
                connections.spawn(answer(connection, peer, router.clone(), stopping.clone(), permit));
            }
            Event::Accepted(Err(error), _) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                sleep(PAUSE).await;
            }
            Event::Ended => {}
            Event::Stopping => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// One connection's life. When the agent stops, the request under way is still answered.
async fn answer(
    connection: TcpStream,
    peer: SocketAddr,
    router: Router,
    stopping: CancellationToken,
    _room: OwnedSemaphorePermit,
) {
    // A keystroke's echo must not wait for the acknowledgement of the one before (RFC 896).
    if let Err(error) = connection.set_nodelay(true) {
        tracing::debug!(%error, "a connection cannot be set to send at once");
    }
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer.ip()));
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_millis(REQUEST_HEAD_MS))
        .serve_connection(TokioIo::new(connection), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}
