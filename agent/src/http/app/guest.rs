//! Somebody who came by a share's link: one terminal, for as long as the share opens it.

use std::time::Duration;

use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::session::{May, Opened};
use tokio::time::sleep;

use crate::container::registry::Registry;
use crate::container::{Container, now_ms};
use crate::share::{KeptShare, hash};

/// Longest time between two looks at the clock, in milliseconds: timers stand still while a machine sleeps.
const LOOK_MS: u64 = 60_000;

/// See above.
#[derive(Clone)]
pub(in crate::http) struct Guest {
    container: Container,
    kept: KeptShare,
}

impl Guest {
    /// Whoever has this secret.
    pub(super) fn by(registry: &Registry, secret: &str) -> Option<Self> {
        let hash = hash(secret);
        registry.list().into_iter().find_map(|container| {
            let kept = container.opened_by(&hash)?;
            Some(Self { container, kept })
        })
    }

    pub(super) fn container(&self) -> &Container {
        &self.container
    }

    pub(super) fn process(&self) -> u32 {
        self.kept.share.process
    }

    pub(super) fn may(&self) -> May {
        self.kept.share.may
    }

    /// What `welcome` says that it opens.
    pub(super) fn opened(&self) -> Opened {
        Opened {
            container: self.container.id().clone(),
            name: self.container.view().detail.summary.name.clone(),
            process: self.process(),
            may: self.may(),
            expires_ms: self.kept.share.expires_ms,
        }
    }

    /// Resolves when it opens nothing any more: revoked, over, or its container is gone.
    pub(super) async fn ended(&self) -> WireError {
        let mut views = self.container.views();
        loop {
            let is_there = views.borrow_and_update().shares.contains(&self.kept);
            let now = now_ms();
            if !is_there || !self.kept.lives(now) {
                return no_such_share();
            }
            let left = self.kept.share.expires_ms.map_or(LOOK_MS, |end| end.saturating_sub(now).min(LOOK_MS));
            tokio::select! {
                changed = views.changed() => if changed.is_err() {
                    return no_such_share();
                },
                () = sleep(Duration::from_millis(left + 1)) => {}
            }
        }
    }
}

/// The answer to a secret that opens nothing.
pub(super) fn no_such_share() -> WireError {
    let hint = "Ask whoever gave you the link for another one.";
    WireError::new(
        ErrorCode::NoSuchShare,
        "This link opens nothing: it was revoked, or its time is over.",
        hint,
    )
}
