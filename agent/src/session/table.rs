//! Who there is, until when, and with how many containers: pure, with the clock told from outside.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use porthole_protocol::session::Session;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::file::Kept;
use super::{AddressKey, SessionError, Visitor, told};
use crate::config::VisitorSettings;

/// Containers that have ended and that a session keeps, for each one it may own: enough to read what they printed.
const ENDED_KEPT: u32 = 4;

/// Milliseconds by which an extension must move the end for it to be offered.
const WORTH_IT: u64 = 1000;

/// All sessions.
pub(super) struct Table {
    settings: VisitorSettings,
    entries: HashMap<Arc<str>, Entry>,
}

struct Entry {
    /// See [`Kept::secret`].
    secret: String,
    address: AddressKey,
    created_ms: u64,
    expires_ms: Option<u64>,
    /// Containers, from before their launch until they have ended.
    containers: u32,
    ended: CancellationToken,
    news: watch::Sender<Arc<str>>,
}

impl Entry {
    fn lives(&self, now_ms: u64) -> bool {
        !self.ended.is_cancelled() && self.expires_ms.is_none_or(|expires| now_ms < expires)
    }
}

impl Table {
    pub(super) fn new(kept: Vec<Kept>, settings: VisitorSettings) -> Self {
        let entries = kept.into_iter().map(|kept| {
            let Kept { id, secret, address, created_ms, expires_ms } = kept;
            let entry = Entry {
                secret,
                address: AddressKey::of(address),
                created_ms,
                expires_ms,
                containers: 0,
                ended: CancellationToken::new(),
                news: watch::Sender::new("".into()),
            };
            (id.into(), entry)
        });
        Self { settings, entries: entries.collect() }
    }

    /// What is worth keeping.
    pub(super) fn kept(&self) -> Vec<Kept> {
        let lasting = self.entries.iter().filter(|(_, entry)| !entry.ended.is_cancelled());
        lasting
            .map(|(id, entry)| Kept {
                id: id.to_string(),
                secret: entry.secret.clone(),
                address: entry.address.address(),
                created_ms: entry.created_ms,
                expires_ms: entry.expires_ms,
            })
            .collect()
    }

    pub(super) fn begin(
        &mut self,
        id: String,
        secret: &str,
        address: AddressKey,
        now_ms: u64,
    ) -> Result<Visitor, SessionError> {
        let VisitorSettings { sessions, sessions_per_address, lifetime_ms, longest_ms, .. } = self.settings;
        if self.entries.len() >= sessions as usize {
            return Err(SessionError::TooManySessions(sessions));
        }
        let of_address = self.entries.values().filter(|entry| entry.address == address).count();
        if of_address >= sessions_per_address as usize {
            return Err(SessionError::TooManyFromAddress(sessions_per_address));
        }
        let lasts = lifetime_ms.into_iter().chain(longest_ms).min();
        let entry = Entry {
            secret: hash(secret),
            address,
            created_ms: now_ms,
            expires_ms: lasts.map(|lasts| now_ms.saturating_add(lasts)),
            containers: 0,
            ended: CancellationToken::new(),
            news: watch::Sender::new("".into()),
        };
        let id: Arc<str> = id.into();
        let visitor = Visitor { id: Arc::clone(&id), ended: entry.ended.clone() };
        self.entries.insert(id, entry);
        Ok(visitor)
    }

    /// By the hash of a secret, so that comparing tells nothing about the secret.
    pub(super) fn find(&self, secret: &str, now_ms: u64) -> Option<Visitor> {
        let hash = hash(secret);
        let (id, entry) =
            self.entries.iter().find(|(_, entry)| entry.secret == hash && entry.lives(now_ms))?;
        Some(Visitor { id: Arc::clone(id), ended: entry.ended.clone() })
    }

    pub(super) fn describe(&self, id: &str, now_ms: u64) -> Option<Session> {
        let entry = self.entries.get(id).filter(|entry| entry.lives(now_ms))?;
        let extended = self.extended(entry, now_ms);
        Some(Session {
            id: id.to_owned(),
            created_ms: entry.created_ms,
            expires_ms: entry.expires_ms,
            extends_to_ms: extended
                .filter(|to| entry.expires_ms.is_some_and(|end| *to >= end.saturating_add(WORTH_IT))),
            ends_by_ms: self.latest(entry),
            containers: entry.containers,
            max_containers: Some(self.settings.containers),
            owner: false,
        })
    }

    /// Where the end of a session would be if it were extended now.
    fn extended(&self, entry: &Entry, now_ms: u64) -> Option<u64> {
        let by_lifetime = self.settings.lifetime_ms.map(|lifetime| now_ms.saturating_add(lifetime));
        by_lifetime.into_iter().chain(self.latest(entry)).min()
    }

    /// The end that no extension goes beyond.
    fn latest(&self, entry: &Entry) -> Option<u64> {
        self.settings.longest_ms.map(|longest| entry.created_ms.saturating_add(longest))
    }

    pub(super) fn extend(&mut self, id: &str, now_ms: u64) -> Option<Session> {
        let entry = self.entries.get(id).filter(|entry| entry.lives(now_ms))?;
        let to = self.extended(entry, now_ms);
        let entry = self.entries.get_mut(id)?;
        // It never moves backward, whatever the clock or the settings have done meanwhile.
        entry.expires_ms = entry.expires_ms.and_then(|end| to.map(|to| to.max(end)));
        self.tell(id, now_ms);
        self.describe(id, now_ms)
    }

    /// Counts one more container.
    pub(super) fn take(&mut self, id: &str, kept: usize, now_ms: u64) -> Result<(), SessionError> {
        let VisitorSettings { containers, containers_per_address, .. } = self.settings;
        let entry = self.entries.get(id).filter(|entry| entry.lives(now_ms)).ok_or(SessionError::Ended)?;
        if entry.containers >= containers {
            return Err(SessionError::TooManyContainers(containers));
        }
        let most_kept = containers.saturating_mul(ENDED_KEPT);
        if kept >= most_kept as usize {
            return Err(SessionError::TooManyEnded(most_kept));
        }
        let neighbours = self.entries.values().filter(|other| other.address == entry.address);
        let of_address = neighbours.fold(0, |sum: u32, other| sum.saturating_add(other.containers));
        if of_address >= containers_per_address {
            return Err(SessionError::TooManyContainersFromAddress(containers_per_address));
        }
        self.count(id, 1, now_ms);
        Ok(())
    }

    /// Counts a container that is there already.
    pub(super) fn adopt(&mut self, id: &str, now_ms: u64) -> Option<Visitor> {
        let (id, entry) = self.entries.get_key_value(id)?;
        let visitor = Visitor { id: Arc::clone(id), ended: entry.ended.clone() };
        self.count(&visitor.id, 1, now_ms);
        Some(visitor)
    }

    /// Counts one container less.
    pub(super) fn release(&mut self, id: &str, now_ms: u64) {
        self.count(id, -1, now_ms);
    }

    fn count(&mut self, id: &str, by: i32, now_ms: u64) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.containers = entry.containers.saturating_add_signed(by);
            self.tell(id, now_ms);
        }
    }

    fn tell(&self, id: &str, now_ms: u64) {
        if let (Some(session), Some(entry)) = (self.describe(id, now_ms), self.entries.get(id)) {
            entry.news.send_replace(told(&session));
        }
    }

    pub(super) fn subscribe(&self, id: &str) -> Option<watch::Receiver<Arc<str>>> {
        Some(self.entries.get(id)?.news.subscribe())
    }

    /// Ends a session: from here on nobody comes in by it. It stays until [`Table::forget`].
    pub(super) fn end(&self, id: &str) {
        if let Some(entry) = self.entries.get(id) {
            entry.ended.cancel();
        }
    }

    /// Whether containers of it may be under way.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.entries.get(id).is_some_and(|entry| entry.containers > 0)
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.entries.get(id).is_some_and(|entry| !entry.ended.is_cancelled())
    }

    pub(super) fn forget(&mut self, id: &str) {
        self.entries.remove(id);
    }

    /// Sessions that are over, and when the next one is.
    pub(super) fn due(&self, now_ms: u64) -> (Vec<Arc<str>>, Option<u64>) {
        let open = || self.entries.iter().filter(|(_, entry)| !entry.ended.is_cancelled());
        let over = open().filter(|(_, entry)| !entry.lives(now_ms)).map(|(id, _)| Arc::clone(id)).collect();
        let next = open().filter(|(_, entry)| entry.lives(now_ms)).filter_map(|(_, entry)| entry.expires_ms);
        (over, next.min())
    }
}

/// SHA-256 in hexadecimal digits. A secret of 128 random bits needs no slower one.
pub(super) fn hash(secret: &str) -> String {
    Sha256::digest(secret).iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}

#[cfg(test)]
mod tests;
