//! Kernel views for whoever watches: computed once a container and turn, however many watch.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use porthole_protocol::control::ServerMessage;
use porthole_protocol::ids::ContainerId;
use porthole_protocol::limits::KERNEL_VIEW_EVERY_MS;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::container::registry::Registry;
use crate::container::{Container, ContainerError};

/// A kernel view as the message that carries it; none before the first.
pub(crate) type Told = Option<Arc<str>>;

/// All watched containers; clones share them.
#[derive(Clone)]
pub(crate) struct Watches {
    registry: Registry,
    tasks: TaskTracker,
    stopping: CancellationToken,
    /// Whoever joins shares the task that is there. Held for look-ups only.
    watched: Arc<Mutex<HashMap<ContainerId, watch::Sender<Told>>>>,
}

impl Watches {
    /// Nothing watched; `tasks` joins the tasks, `stopping` ends them.
    pub(crate) fn new(registry: Registry, tasks: TaskTracker, stopping: CancellationToken) -> Self {
        Self { registry, tasks, stopping, watched: Arc::default() }
    }

    /// The views of a container, the newest now and a newer one every second. The channel closes when the container ends.
    pub(crate) fn watch(&self, container: &Container) -> watch::Receiver<Told> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = watched.get(container.id()) {
            return sender.subscribe();
        }
        let (sender, receiver) = watch::channel(None);
        watched.insert(container.id().clone(), sender.clone());
        self.tasks.spawn(self.clone().publish(container.clone(), sender));
        receiver
    }

    /// Publishes until the container ends or nobody watches.
    async fn publish(self, container: Container, sender: watch::Sender<Told>) {
        let mut turn = tokio::time::interval(Duration::from_millis(KERNEL_VIEW_EVERY_MS));
        turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = turn.tick() => {}
                () = self.stopping.cancelled() => break,
            }
            if self.forget_unwatched(&container, &sender) {
                return;
            }
            match super::view(&container, &self.registry).await {
                Ok(view) => {
                    let id = container.id().clone();
                    let message = ServerMessage::Kernel { container: id, view: Box::new(view) };
                    let text = serde_json::to_string(&message)
                        .expect("a message has no map with other keys than text");
                    sender.send_replace(Some(text.into()));
                }
                Err(ContainerError::NotRunning(_)) => break,
                Err(error) => {
                    tracing::warn!(container = %container.id(), %error, "no kernel view");
                    break;
                }
            }
        }
        self.watched.lock().unwrap_or_else(PoisonError::into_inner).remove(container.id());
    }

    /// Gives the task up when nobody watches; decided under the lock, so that nobody joins meanwhile.
    fn forget_unwatched(&self, container: &Container, sender: &watch::Sender<Told>) -> bool {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let unwatched = sender.receiver_count() == 0;
        if unwatched {
            watched.remove(container.id());
        }
        unwatched
    }
}
