//! How the agent ends: what it waits for, in which order, and for how long.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use crate::container::registry::Registry;
use crate::engine::{Engine, EngineError};

/// For sockets to say goodbye and requests to be answered.
pub(crate) const DRAIN_WITHIN: Duration = Duration::from_secs(5);

/// For containers to end by themselves, after their stop signal.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// For the launcher to kill what is left and clear it away.
const CLEAR_WITHIN: Duration = Duration::from_secs(20);

/// For tasks to end that have nothing left to do.
pub(crate) const TASKS_WITHIN: Duration = Duration::from_secs(5);

/// The signals that ask the agent to end.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes them over from their default, which would end the agent at once.
    ///
    /// # Errors
    /// When the runtime cannot.
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Resolves when one comes.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// How soon after the first signal another one is the same wish: `timeout(1)` sends it to a process and to its group.
const SAME_WISH: Duration = Duration::from_secs(1);

/// Resolves when a signal comes again from somebody who does not want to wait.
pub(crate) async fn insisted(signals: &mut Signals) {
    let echo = async {
        loop {
            signals.next().await;
        }
    };
    let _: Result<(), _> = timeout(SAME_WISH, echo).await;
    signals.next().await;
}

/// Ends every container, gently first, and then the launcher.
pub(crate) async fn end_containers(registry: &Registry) {
    registry.close();
    let running = registry.list();
    let running = running.iter().filter(|container| container.view().is_running());
    join_all(running.map(|container| async move {
        if let Err(error) = container.stop(STOP_GRACE).await {
            tracing::warn!(container = %container.id(), %error, "a container cannot be stopped");
        }
    }))
    .await;
    match timeout(CLEAR_WITHIN, registry.engine().shutdown()).await {
        Ok(Ok(())) => tracing::info!("every container has ended"),
        Ok(Err(error)) => tracing::error!(%error, "the launcher did not end its containers"),
        Err(_) => tracing::error!("the launcher did not end its containers in time"),
    }
}

/// Ends a launcher that has nothing to do, for an agent that cannot begin. One with containers is left to the next agent.
pub(crate) async fn leave_no_idle_launcher(engine: &dyn Engine) {
    let idle = async {
        if engine.list().await?.is_empty() {
            engine.shutdown().await?;
        }
        Ok::<_, EngineError>(())
    };
    if !matches!(timeout(CLEAR_WITHIN, idle).await, Ok(Ok(()))) {
        tracing::warn!("the launcher may be left behind");
    }
}
