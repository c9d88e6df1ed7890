//! The task that ends sessions whose time is over, and what it takes to end one: its containers are stopped and removed.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Sessions;
use crate::container::now_ms;
use crate::container::registry::Registry;

/// Longest time between two looks, in milliseconds: timers stand still while a machine sleeps, and the wall's clock does not.
const LOOK_MS: u64 = 60_000;

/// For containers to end by themselves, after their stop signal.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Pause after something could not be removed.
const PAUSE: Duration = Duration::from_secs(1);

/// Times that the removal of a session's containers is tried.
const TRIES: usize = 60;

/// Ends what is over, until the agent stops. Containers whose session is not known are ended first: it was over when the agent
/// was not there, or was being ended when the agent was killed.
pub(crate) async fn keep(sessions: Sessions, registry: Registry, stopping: CancellationToken) {
    let owners = registry.list().into_iter().filter_map(|container| container.session());
    let mut orphans: Vec<_> = owners.filter(|id| !sessions.table().knows(id)).collect();
    orphans.sort();
    orphans.dedup();
    for id in orphans {
        tracing::info!(session = id, "its session is over: its containers are removed");
        registry.tasks().spawn(clear(sessions.clone(), registry.clone(), id.into(), stopping.clone()));
    }
    loop {
        let (over, next) = sessions.table().due(now_ms());
        for id in over {
            tracing::info!(session = &*id, "a session is over");
            registry.tasks().spawn(end(sessions.clone(), registry.clone(), id, stopping.clone()));
        }
        let wait = next.map_or(LOOK_MS, |next| next.saturating_sub(now_ms()).min(LOOK_MS));
        tokio::select! {
            // A moment more, so that the clock has passed it.
            () = sleep(Duration::from_millis(wait + 1)) => {}
            () = sessions.0.changed.notified() => {}
            () = stopping.cancelled() => return,
        }
    }
}

/// Ends a session: nobody comes in by it any more, its sockets are told, and its containers go.
pub(crate) async fn end(sessions: Sessions, registry: Registry, id: Arc<str>, stopping: CancellationToken) {
    sessions.table().end(&id);
    // Were it not written, the next agent would know the session still and end it when its time comes.
    let _ = sessions.keep().await;
    clear(sessions, registry, id, stopping).await;
}

/// Stops and removes every container of a session, those included that are being launched.
async fn clear(sessions: Sessions, registry: Registry, id: Arc<str>, stopping: CancellationToken) {
    let mut changed = registry.subscribe();
    for _ in 0..TRIES {
        changed.mark_unchanged();
        let own = registry.list().into_iter().filter(|container| container.session().as_deref() == Some(&id));
        let removed = join_all(own.map(|container| async move {
            container.stop(STOP_GRACE).await?;
            container.remove(true).await
        }))
        .await;
        for error in removed.iter().filter_map(|removed| removed.as_ref().err()) {
            tracing::warn!(session = &*id, %error, "a container of a session that is over");
        }
        if removed.is_empty() && !sessions.table().holds(&id) {
            break;
        }
        tokio::select! {
            _ = changed.changed() => {}
            () = sleep(PAUSE) => {}
            () = stopping.cancelled() => return,
        }
    }
    registry.recordings().delete_of(&id).await;
    sessions.table().forget(&id);
}
