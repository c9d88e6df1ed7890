//! The lists of containers and images as messages, made once for all sockets.
//!
//! A change is told at once; those that follow within [`PAUSE`] are told together, so that a hundred launches do not make
//! a hundred lists for each of a thousand sockets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use porthole_protocol::control::ServerMessage;
use porthole_protocol::http::ContainerSummary;
use porthole_protocol::image::Transfer;
use porthole_protocol::limits::TRANSFERS_EVERY_MS;
use tokio::sync::watch;

use crate::http::App;
use crate::http::app::{Caller, Who};

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
    /// Containers of each session that somebody listens for, by its id.
    own: Arc<Mutex<HashMap<String, watch::Sender<Text>>>>,
}

/// The newest lists that one socket is sent, as far as they are its own to see.
pub(super) struct Feeds {
    containers: watch::Receiver<Text>,
    images: watch::Receiver<Text>,
    transfers: watch::Receiver<Text>,
    session: watch::Receiver<Text>,
}

impl Feeds {
    /// Those of whoever asks; the lists of containers and images come first.
    pub(super) fn of(caller: &Caller) -> Self {
        let lists = &caller.app().lists;
        let nothing = || watch::Sender::new("".into()).subscribe();
        let mut feeds = match caller.who() {
            Who::Owner => Self {
                containers: lists.containers.subscribe(),
                images: lists.images.subscribe(),
                transfers: lists.transfers(),
                session: nothing(),
            },
            Who::Visitor(visitor) => Self {
                containers: lists.containers_of(visitor.id(), || caller.summaries()),
                images: lists.images.subscribe(),
                transfers: nothing(),
                session: caller.app().sessions.subscribe(visitor).unwrap_or_else(nothing),
            },
            Who::Guest(_) => {
                Self { containers: nothing(), images: nothing(), transfers: nothing(), session: nothing() }
            }
        };
        // The first lists follow the welcome; what is empty yet is not sent.
        feeds.containers.mark_changed();
        feeds.images.mark_changed();
        feeds
    }

    /// The next list that has changed; never, when there is none that could.
    pub(super) async fn next(&mut self) -> Text {
        tokio::select! {
            Ok(()) = self.containers.changed() => self.containers.borrow_and_update().clone(),
            Ok(()) = self.images.changed() => self.images.borrow_and_update().clone(),
            Ok(()) = self.transfers.changed() => self.transfers.borrow_and_update().clone(),
            Ok(()) = self.session.changed() => self.session.borrow_and_update().clone(),
            else => std::future::pending().await,
        }
    }
}

impl Lists {
    /// Empty lists, until [`Lists::publish`] runs.
    pub(crate) fn new() -> Self {
        Self {
            containers: watch::Sender::new("".into()),
            images: watch::Sender::new("".into()),
            transfers: watch::Sender::new(transfers(Vec::new()).into()),
            own: Arc::default(),
        }
    }

    /// The newest list of a session's containers, now and with every change; `now` makes the first.
    fn containers_of(
        &self,
        session: &str,
        now: impl FnOnce() -> Vec<ContainerSummary>,
    ) -> watch::Receiver<Text> {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = own.get(session) {
            return sender.subscribe();
        }
        // Made under the lock: a change that it does not have is published after it.
        let sender = watch::Sender::new(text(&ServerMessage::Containers { containers: now() }).into());
        let receiver = sender.subscribe();
        own.insert(session.to_owned(), sender);
        receiver
    }

    /// Publishes to each session what is its own, and forgets those that nobody listens for.
    fn publish_own(&self, all: &[ContainerSummary]) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.retain(|_, sender| sender.receiver_count() > 0);
        let mut containers: HashMap<&str, Vec<ContainerSummary>> =
            own.keys().map(|session| (session.as_str(), Vec::new())).collect();
        for summary in all {
            let owner = summary.session.as_deref();
            if let Some(list) = owner.and_then(|session| containers.get_mut(session)) {
                list.push(summary.clone());
            }
        }
        for (session, containers) in containers {
            update(&own[session], &ServerMessage::Containers { containers });
        }
    }

    /// Every image on its way, with every change. There is a first one only when something is on its way.
    fn transfers(&self) -> watch::Receiver<Text> {
        let mut newest = self.transfers.subscribe();
        if **newest.borrow() != *transfers(Vec::new()) {
            newest.mark_changed();
        }
        newest
    }

    /// Tells of transfers, until the agent stops.
    pub(crate) async fn publish_transfers(self, app: App) {
        let mut changes = app.on_nobodys_behalf().images().subscribe_transfers();
        loop {
            tokio::select! {
                Ok(()) = changes.changed() => {}
                () = app.stopping.cancelled() => return,
            }
            let text = transfers(app.on_nobodys_behalf().images().transfers());
            self.transfers.send_replace(text.into());
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(TRANSFERS_EVERY_MS)) => {}
                () = app.stopping.cancelled() => return,
            }
        }
    }

    /// Makes new lists with every change, until the agent stops.
    pub(crate) async fn publish(self, app: App) {
        let mut containers = app.on_nobodys_behalf().subscribe();
        let mut images = app.on_nobodys_behalf().images().subscribe();
        loop {
            containers.mark_unchanged();
            images.mark_unchanged();
            let all = app.on_nobodys_behalf().summaries();
            self.publish_own(&all);
            update(&self.containers, &ServerMessage::Containers { containers: all });
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
