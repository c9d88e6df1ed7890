//! One task a connection: accepted, bounded in number and in how long it may say nothing, and heard out at the end.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use porthole_protocol::limits::REQUEST_HEAD_MS;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::peer::Peer;
use super::room::{Room, Seated};

/// Pause after a connection could not be accepted: most often the process has too many open files, and some are closed soon.
const PAUSE: Duration = Duration::from_millis(100);

/// What wakes the loop.
enum Event {
    Accepted(io::Result<(TcpStream, SocketAddr)>, OwnedSemaphorePermit),
    Ended,
    Stopping,
}

/// Answers connections by `router` until `stopping`, then until every request that had begun is answered. While there is no
/// `room`, further ones wait to be accepted; one of an address that has its share is closed.
pub(super) async fn serve(listener: TcpListener, router: Router, room: &Room, stopping: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        let accept = async {
            let place = room.place().await;
            (listener.accept().await, place)
        };
        let event = tokio::select! {
            () = stopping.cancelled() => Event::Stopping,
            (accepted, place) = accept => Event::Accepted(accepted, place),
            Some(_) = connections.join_next() => Event::Ended,
        };
        match event {
            Event::Accepted(Ok((connection, peer)), place) => {
                let peer = Peer(peer.ip());
                let Some(seat) = room.seat(place, peer) else {
                    tracing::debug!(?peer, "an address has as many connections as it may");
                    continue;
                };
                // A keystroke's echo must not wait for the acknowledgement of the one before (RFC 896).
                if let Err(error) = connection.set_nodelay(true) {
                    tracing::debug!(%error, "a connection cannot be set to send at once");
                }
                let connection = Seated::new(connection, seat);
                connections.spawn(answer(connection, peer, router.clone(), stopping.clone()));
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
async fn answer(connection: Seated<TcpStream>, peer: Peer, router: Router, stopping: CancellationToken) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
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

#[cfg(test)]
mod tests {
    use axum::extract::ws::WebSocketUpgrade;
    use axum::routing::get;
    use tokio::time::timeout;
    use tokio_tungstenite::connect_async;

    use super::*;

    #[tokio::test]
    async fn a_websocket_keeps_its_place_until_it_is_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("ws://{}/", listener.local_addr().unwrap());
        let listen = |upgrade: WebSocketUpgrade| async {
            upgrade.on_upgrade(|mut socket| async move { while let Some(Ok(_)) = socket.recv().await {} })
        };
        let router = Router::new().route("/", get(listen));
        let stopping = CancellationToken::new();
        let mut serving = JoinSet::new();
        let stop = stopping.clone();
        serving.spawn(async move { serve(listener, router, &Room::new(2, 2, Vec::new()), stop).await });
        let first = connect_async(&address).await.unwrap();
        let second = connect_async(&address).await.unwrap();
        let mut third = pin!(connect_async(&address));
        // Long enough for an answer, were there to be one.
        assert!(timeout(Duration::from_millis(300), third.as_mut()).await.is_err(), "two are there");
        drop(first);
        let third = third.await.unwrap();
        drop((second, third));
        stopping.cancel();
        serving.join_next().await.unwrap().unwrap();
    }
}
