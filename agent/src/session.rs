//! Visitors' sessions: a cookie that owns containers, for a time.
//!
//! [`table`] is the pure part: who there is, until when, with what. [`keeper`] is the task that ends what is over. Which
//! container belongs to whom stands in the container's own record, so that it is true whatever becomes of the list of sessions.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use porthole_protocol::control::ServerMessage;
use porthole_protocol::session::Session;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::config::VisitorSettings;
use crate::container::now_ms;
use crate::random;

mod address;
mod file;
pub(crate) mod keeper;
mod table;

pub(crate) use address::AddressKey;
use file::File;
use table::Table;

/// Why a visitor does not get something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SessionError {
    /// No more sessions fit.
    #[error("There are {0} visitors already, which is all that this agent takes.")]
    TooManySessions(u32),
    /// No more of this address.
    #[error("There are {0} sessions from your address already.")]
    TooManyFromAddress(u32),
    /// The session owns as many containers as it may.
    #[error("Your session owns {0} containers already.")]
    TooManyContainers(u32),
    /// The sessions of this address do.
    #[error("The sessions from your address own {0} containers already.")]
    TooManyContainersFromAddress(u32),
    /// The session keeps as many containers that have ended as it may.
    #[error("Your session keeps {0} containers that have ended.")]
    TooManyEnded(u32),
    /// The session is over.
    #[error("Your session has ended.")]
    Ended,
    /// The list of sessions cannot be written.
    #[error("Your session cannot be kept.")]
    Disk,
}

/// What a cookie carries: 128 bits that nobody can guess. It is told once and kept by its hash.
pub(crate) struct Secret(String);

impl Secret {
    /// A new one.
    pub(crate) fn new() -> Self {
        Self(format!("{:032x}", u128::from_ne_bytes(random::bytes())))
    }

    /// Its text, for the cookie.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// A session as whoever comes with its cookie holds it.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    id: Arc<str>,
    ended: CancellationToken,
}

impl Visitor {
    /// The session's id, as in the records of its containers.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Cancelled when the session ends.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }
}

/// All sessions; clones share them.
#[derive(Clone)]
pub(crate) struct Sessions(Arc<Shared>);

struct Shared {
    settings: VisitorSettings,
    /// Held for look-ups only, never across an await.
    table: Mutex<Table>,
    file: File,
    /// Wakes the keeper when what is over may be another one.
    changed: Notify,
}

/// The right to one container of a session: from before its launch waits until it has ended.
pub(crate) struct Ticket {
    sessions: Sessions,
    visitor: Visitor,
}

impl Ticket {
    /// Whose.
    pub(crate) fn visitor(&self) -> &Visitor {
        &self.visitor
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.sessions.table().release(&self.visitor.id, now_ms());
        self.sessions.0.changed.notify_one();
    }
}

impl Sessions {
    /// The sessions that the file in `dir` has.
    ///
    /// # Errors
    /// When there is one that cannot be read.
    pub(crate) fn open(settings: VisitorSettings, dir: &std::path::Path) -> io::Result<Self> {
        let path: PathBuf = dir.join("sessions.json");
        let table = Table::new(file::read(&path)?, settings.clone());
        Ok(Self(Arc::new(Shared {
            settings,
            table: Mutex::new(table),
            file: File::new(path),
            changed: Notify::new(),
        })))
    }

    /// What visitors get.
    pub(crate) fn settings(&self) -> &VisitorSettings {
        &self.0.settings
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a session for somebody at `address`, who will come with `secret`.
    ///
    /// # Errors
    /// When there are too many, or it cannot be kept.
    pub(crate) async fn begin(&self, secret: &Secret, address: IpAddr) -> Result<Visitor, SessionError> {
        let id = format!("{:016x}", u64::from_ne_bytes(random::bytes()));
        let begun = self.table().begin(id, secret.reveal(), AddressKey::of(address), now_ms())?;
        if self.keep().await.is_err() {
            self.table().forget(begun.id());
            return Err(SessionError::Disk);
        }
        self.0.changed.notify_one();
        Ok(begun)
    }

    /// Who comes with this secret.
    pub(crate) fn find(&self, secret: &str) -> Option<Visitor> {
        self.table().find(secret, now_ms())
    }

    /// A session as it is now.
    ///
    /// # Errors
    /// [`SessionError::Ended`].
    pub(crate) fn describe(&self, visitor: &Visitor) -> Result<Session, SessionError> {
        self.table().describe(&visitor.id, now_ms()).ok_or(SessionError::Ended)
    }

    /// The message `session`, the newest with every change.
    pub(crate) fn subscribe(&self, visitor: &Visitor) -> Option<watch::Receiver<Arc<str>>> {
        self.table().subscribe(&visitor.id)
    }

    /// Moves the end of a session as far as it goes now.
    ///
    /// # Errors
    /// [`SessionError::Ended`], [`SessionError::Disk`].
    pub(crate) async fn extend(&self, visitor: &Visitor) -> Result<Session, SessionError> {
        let extended = self.table().extend(&visitor.id, now_ms()).ok_or(SessionError::Ended)?;
        self.keep().await.map_err(|_| SessionError::Disk)?;
        self.0.changed.notify_one();
        Ok(extended)
    }

    /// The right to one more container; `kept` have ended and are kept.
    ///
    /// # Errors
    /// When there are too many, or the session has ended.
    pub(crate) fn ticket(&self, visitor: &Visitor, kept: usize) -> Result<Ticket, SessionError> {
        self.table().take(&visitor.id, kept, now_ms())?;
        Ok(Ticket { sessions: self.clone(), visitor: visitor.clone() })
    }

    /// The same for a container that an earlier agent launched; none when its session is over.
    pub(crate) fn adopt(&self, id: &str) -> Option<Ticket> {
        let visitor = self.table().adopt(id, now_ms())?;
        Some(Ticket { sessions: self.clone(), visitor })
    }

    /// Writes the list.
    async fn keep(&self) -> io::Result<()> {
        let sessions = self.clone();
        let kept = self.0.file.write(move || sessions.table().kept()).await;
        kept.inspect_err(|error| tracing::error!(%error, "the list of sessions cannot be written"))
    }
}

/// A session as the message that tells of it.
fn told(session: &Session) -> Arc<str> {
    serde_json::to_string(&ServerMessage::Session { session: session.clone() })
        .expect("a message has no map with other keys than text")
        .into()
}
