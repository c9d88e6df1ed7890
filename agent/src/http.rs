//! The agent's HTTP side: the only module that knows axum.
//!
//! What is sent to the name of a [`preview`] goes to a container and nowhere else. Every other request passes [`guard`], which tells who asks; [`app`] decides what that opens.
//! `/api/v1` is [`api`], one path of it the [`socket`]; everything else is the page.

use axum::Router;
use axum::middleware;
use porthole_protocol::limits::{MAX_CONNECTIONS, MAX_CONNECTIONS_OF_ADDRESS};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tower_http::trace::TraceLayer;

mod api;
mod app;
mod assets;
mod connections;
mod cookie;
mod error;
mod extract;
pub(crate) mod guard;
mod peer;
pub(crate) mod preview;
mod room;
mod socket;

pub(crate) use app::{App, Shared};
pub(crate) use guard::Guard;
pub(crate) use preview::host::PreviewHost;
pub(crate) use socket::lists::Lists;

use room::Room;

/// Serves until `stopping` and every request that had begun is answered.
pub(crate) async fn serve(listener: TcpListener, app: App, stopping: CancellationToken) {
    app.tasks.spawn(app.lists.clone().publish(app.clone()));
    app.tasks.spawn(app.lists.clone().publish_transfers(app.clone()));
    let proxies = app.sessions.settings().proxies.clone();
    let room = Room::new(MAX_CONNECTIONS, MAX_CONNECTIONS_OF_ADDRESS, proxies);
    connections::serve(listener, router(app), &room, stopping).await;
}

/// Everything the agent answers.
fn router(app: App) -> Router {
    Router::new()
        .merge(api::router())
        .fallback(assets::serve)
        .layer(middleware::from_fn_with_state(app.clone(), guard::check))
        .layer(middleware::from_fn_with_state(app.clone(), preview::route))
        .layer(TraceLayer::new_for_http())
        .with_state(app)
}
