//! The agent's HTTP side: the only module that knows axum.
//!
//! What is sent to the name of a [`preview`] goes to a container and nowhere else. Every other request passes [`guard`]; `/api/v1` is [`api`], one path of it the [`socket`]; everything else is the page.

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use porthole_protocol::http::{Offers, Version};
use porthole_protocol::image::ImageSummary;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::trace::TraceLayer;

use crate::container::registry::Registry;
use crate::image::Image;
use crate::inspect::watch::Watches;
use crate::ports::previews::Previews;

mod api;
mod assets;
mod connections;
mod error;
mod extract;
pub(crate) mod guard;
mod preview;
mod socket;

pub(crate) use guard::Guard;
pub(crate) use preview::host::PreviewHost;
pub(crate) use socket::lists::Lists;

/// What handlers share.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

/// See [`App`].
pub(crate) struct Shared {
    /// All containers.
    pub(crate) registry: Registry,
    /// Kernel views for whoever watches.
    pub(crate) watches: Watches,
    /// The newest lists, for every socket.
    pub(crate) lists: Lists,
    /// Who may ask.
    pub(crate) guard: Guard,
    /// Ports that somebody has opened.
    pub(crate) previews: Previews,
    /// Names of previews, where the agent was told.
    pub(crate) preview_host: Option<PreviewHost>,
    /// Who answers.
    pub(crate) version: Version,
    /// What a launch may ask for.
    pub(crate) offers: Offers,
    /// What this host lacks, one sentence each.
    pub(crate) lacks: Vec<String>,
    /// Joins the sockets, which outlive their HTTP requests.
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the agent stops.
    pub(crate) stopping: CancellationToken,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Shared {
    /// All images.
    fn image_summaries(&self) -> Vec<ImageSummary> {
        self.registry.images().summaries(|image| self.containers_of(image))
    }

    fn image_summary(&self, image: &Image) -> ImageSummary {
        self.registry.images().summary(image, self.containers_of(image))
    }

    /// Containers, running or ended, made from the image.
    fn containers_of(&self, image: &Image) -> u32 {
        self.registry.count_of_image(image.id.as_str())
    }
}

/// Serves until `stopping` and every request that had begun is answered.
pub(crate) async fn serve(listener: TcpListener, shared: Shared, stopping: CancellationToken) {
    let app = App(Arc::new(shared));
    app.tasks.spawn(app.lists.clone().publish(app.clone()));
    app.tasks.spawn(app.lists.clone().publish_transfers(app.clone()));
    connections::serve(listener, router(app), stopping).await;
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
