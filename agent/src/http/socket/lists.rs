//! The lists of containers and images as messages, made once for all sockets.
//!
//! A change is told at once; those that follow within [`PAUSE`] are told together, so that a hundred launches do not make
//! a hundred lists for each of a thousand sockets.

use std::sync::Arc;
use std::time::Duration;

use porthole_protocol::control::ServerMessage;
use porthole_protocol::image::Transfer;
use porthole_protocol::limits::TRANSFERS_EVERY_MS;
use tokio::sync::watch;

use crate::http::App;

/// Least time between two lists: shorter than a person notices.
const PAUSE: Duration = Duration::from_millis(50);

/// A message that is text already.
pub(super) type Text = Arc<str>;

/// Where every socket gets the newest lists.
#[derive(Clone)]
pub(crate) struct Lists {
    containers: watch::Sender<Text>,
    images: watch::Sender<Text>,
    transfers: watch::Sender<Text>,
}

impl Lists {
    /// Empty lists, until [`Lists::publish`] runs.
    pub(crate) fn new() -> Self {
        Self {
            containers: watch::Sender::new("".into()),
            images: watch::Sender::new("".into()),
            transfers: watch::Sender::new(transfers(Vec::new()).into()),
        }
    }

    /// The newest list of containers, now and with every change.
    pub(super) fn containers(&self) -> watch::Receiver<Text> {
        self.containers.subscribe()
    }

    /// The newest list of images, now and with every change.
    pub(super) fn images(&self) -> watch::Receiver<Text> {
        self.images.subscribe()
    }

    /// Every image on its way, with every change. There is a first one only when something is on its way.
    pub(super) fn transfers(&self) -> watch::Receiver<Text> {
        let mut newest = self.transfers.subscribe();
        if **newest.borrow() != *transfers(Vec::new()) {
            newest.mark_changed();
        }
        newest
    }

    /// Tells of transfers, until the agent stops.
    pub(crate) async fn publish_transfers(self, app: App) {
        let mut changes = app.registry.images().subscribe_transfers();
        loop {
            tokio::select! {
                Ok(()) = changes.changed() => {}
                () = app.stopping.cancelled() => return,
            }
            let text = transfers(app.registry.images().transfers());
            self.transfers.send_replace(text.into());
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(TRANSFERS_EVERY_MS)) => {}
                () = app.stopping.cancelled() => return,
            }
        }
    }

    /// Makes new lists with every change, until the agent stops.
    pub(crate) async fn publish(self, app: App) {
        let mut containers = app.registry.subscribe();
        let mut images = app.registry.images().subscribe();
        loop {
            containers.mark_unchanged();
            images.mark_unchanged();
            update(&self.containers, &ServerMessage::Containers { containers: app.registry.summaries() });
            // With every change of a container too: images tell how many use them.
            update(&self.images, &ServerMessage::Images { images: app.image_summaries() });
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = app.stopping.cancelled() => return,
            }
            tokio::select! {
                Ok(()) = containers.changed() => {}
                Ok(()) = images.changed() => {}
                () = app.stopping.cancelled() => return,
            }
        }
    }
}

fn transfers(transfers: Vec<Transfer>) -> String {
    text(&ServerMessage::Transfers { transfers })
}

fn text(message: &ServerMessage) -> String {
    serde_json::to_string(message).expect("a message has no map with other keys than text")
}

/// Publishes a list, unless it says what the last one said.
fn update(sender: &watch::Sender<Text>, message: &ServerMessage) {
    let text = text(message);
    sender.send_if_modified(|last| {
        let differs = **last != *text;
        if differs {
            *last = text.into();
        }
        differs
    });
}
