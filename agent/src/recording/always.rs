//! Every terminal is recorded, where the agent was told so.

use std::collections::HashSet;

use porthole_protocol::ids::{ContainerId, ProcessNumber};
use tokio_util::sync::CancellationToken;

use super::Recordings;
use crate::container::Container;
use crate::container::registry::Registry;

/// Records every terminal from its first byte, until the agent stops. One whose recording was ended is not recorded again.
pub(crate) async fn record_all(recordings: Recordings, registry: Registry, stopping: CancellationToken) {
    let mut changed = registry.subscribe();
    let mut seen = HashSet::new();
    loop {
        changed.mark_unchanged();
        let there: Vec<_> = registry.list().iter().flat_map(terminals).collect();
        seen.retain(|(id, process): &(ContainerId, ProcessNumber)| {
            there.iter().any(|(container, other)| container.id() == id && process == other)
        });
        for (container, process) in there {
            if !seen.insert((container.id().clone(), process)) {
                continue;
            }
            let Ok(terminal) = container.terminal(process) else { continue };
            if let Err(error) = recordings.begin(&container, process, &terminal, true).await {
                tracing::warn!(container = %container.id(), process, %error, "a terminal is not recorded");
            }
        }
        tokio::select! {
            Ok(()) = changed.changed() => {}
            () = stopping.cancelled() => return,
        }
    }
}

/// Its processes that have a terminal.
fn terminals(container: &Container) -> Vec<(Container, ProcessNumber)> {
    let view = container.view();
    let with_terminal = view.detail.summary.processes.iter().filter(|process| process.terminal);
    with_terminal.map(|process| (container.clone(), process.number)).collect()
}
