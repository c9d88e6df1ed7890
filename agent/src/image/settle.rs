//! Settling: what was added is usable at once and durable soon after.
//!
//! Writing everything through to the disk before an addition is answered would make the caller wait for the disk; so the
//! index is written twice. One tells what is so as long as this boot lasts; the other, written after `syncfs(2)`, what
//! outlives a power cut. See ADR 0010.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{ImageError, Shared};

/// Time from a change to its settling: several changes in a row are settled together.
const SETTLE_AFTER: Duration = Duration::from_secs(1);

/// Wakes and ends the task that settles.
#[derive(Debug, Default)]
pub(super) struct Settling {
    changed: Notify,
    closing: CancellationToken,
}

impl Settling {
    /// There is something new to settle.
    pub(super) fn notify(&self) {
        self.changed.notify_one();
    }

    /// Has everything settled at once, and ends the task.
    pub(super) fn close(&self) {
        self.closing.cancel();
    }
}

/// Settles every change, until the store is closed or dropped.
pub(super) async fn run(shared: Weak<Shared>, settling: Arc<Settling>) {
    loop {
        tokio::select! {
            () = settling.changed.notified() => {}
            () = settling.closing.cancelled() => {}
        }
        tokio::select! {
            () = tokio::time::sleep(SETTLE_AFTER) => {}
            () = settling.closing.cancelled() => {}
        }
        let Some(shared) = shared.upgrade() else { return };
        if let Err(error) = shared.settle().await {
            tracing::error!(%error, "what was added may not outlive a power cut");
        }
        if settling.closing.is_cancelled() {
            return;
        }
    }
}

impl Shared {
    /// Makes every complete image durable.
    pub(super) async fn settle(&self) -> Result<(), ImageError> {
        let index = self.catalog().lasting_index();
        self.blocking(move |store| store.settle(index)).await
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.settling.close();
    }
}
