//! What handlers share, and the door to containers: only a [`Caller`] opens it.

use std::sync::Arc;

use porthole_protocol::http::{Offers, Version};
use porthole_protocol::image::ImageSummary;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Guard, Lists, PreviewHost};
use crate::container::registry::Registry;
use crate::image::Image;
use crate::inspect::watch::Watches;
use crate::people::People;
use crate::ports::previews::Previews;
use crate::recording::Recordings;
use crate::session::Sessions;

mod caller;
mod extras;
mod guest;

pub(super) use caller::{Caller, Who, nobody};

/// What handlers share. It has no way to containers or images but a [`Caller`]'s, so that no handler can forget to ask who
/// asks.
#[derive(Clone)]
pub(crate) struct App {
    /// All containers and images.
    registry: Registry,
    shared: Arc<Shared>,
}

/// What handlers share and what belongs to nobody.
pub(crate) struct Shared {
    /// Kernel views for whoever watches.
    pub(crate) watches: Watches,
    /// The newest lists, for every socket.
    pub(crate) lists: Lists,
    /// Who may ask.
    pub(crate) guard: Guard,
    /// Visitors.
    pub(crate) sessions: Sessions,
    /// Who is at which terminal.
    pub(crate) people: People,
    /// What is recorded.
    pub(crate) recordings: Recordings,
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
    /// When the agent began, in milliseconds since 1970-01-01 UTC.
    pub(crate) began_ms: u64,
    /// Joins the sockets, which outlive their HTTP requests.
    pub(crate) tasks: TaskTracker,
    /// Cancelled when the agent stops.
    pub(crate) stopping: CancellationToken,
}

impl std::ops::Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.shared
    }
}

impl App {
    /// The door to `registry`.
    pub(crate) fn new(registry: Registry, shared: Shared) -> Self {
        Self { registry, shared: Arc::new(shared) }
    }

    /// All containers and images, for what is done on nobody's behalf and shown to nobody as it is: the making of lists. Whoever
    /// answers somebody goes by a [`Caller`].
    pub(super) fn on_nobodys_behalf(&self) -> &Registry {
        &self.registry
    }

    /// All images.
    pub(super) fn image_summaries(&self) -> Vec<ImageSummary> {
        self.registry.images().summaries(|image| self.containers_of(image))
    }

    pub(super) fn image_summary(&self, image: &Image) -> ImageSummary {
        self.registry.images().summary(image, self.containers_of(image))
    }

    /// Containers, running or ended, made from the image.
    pub(super) fn containers_of(&self, image: &Image) -> u32 {
        self.registry.count_of_image(image.id.as_str())
    }
}
