//! The containers whose kernel view a socket is sent.

use std::collections::HashMap;

use porthole_protocol::ids::ContainerId;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::outbox::Outgoing;
use crate::inspect::watch::Told;

/// Containers one socket may watch. A page shows one kernel panel.
const MAX_WATCHES: usize = 16;

/// A task for each watched container, which passes its views on to the writer and waits with it.
#[derive(Default)]
pub(super) struct Watching {
    watched: HashMap<ContainerId, AbortHandle>,
    tasks: JoinSet<()>,
}

impl Watching {
    /// Passes views on until [`Watching::end`] or the container's end. One that is watched already goes on as it is; those
    /// beyond the limit are not begun.
    pub(super) fn begin(
        &mut self,
        container: &ContainerId,
        views: impl FnOnce() -> watch::Receiver<Told>,
        writer: mpsc::Sender<Outgoing>,
    ) {
        self.watched.retain(|_, task| !task.is_finished());
        while self.tasks.try_join_next().is_some() {}
        if self.watched.len() < MAX_WATCHES && !self.watched.contains_key(container) {
            let task = self.tasks.spawn(pass_on(views(), writer));
            self.watched.insert(container.clone(), task);
        }
    }

    /// Passes no more views of this container on.
    pub(super) fn end(&mut self, container: &ContainerId) {
        if let Some(task) = self.watched.remove(container) {
            task.abort();
        }
    }
}

async fn pass_on(mut views: watch::Receiver<Told>, writer: mpsc::Sender<Outgoing>) {
    // The newest may be there already.
    views.mark_changed();
    while views.changed().await.is_ok() {
        let newest = views.borrow_and_update().clone();
        if let Some(text) = newest
            && writer.send(Outgoing::Text(text)).await.is_err()
        {
            return;
        }
    }
}
