//! Open previews: which port of which container is shown under which secret name.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use porthole_protocol::limits::{MAX_PORT_CONNECTIONS, MAX_PREVIEWS};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Inside;
use crate::container::{Container, ContainerError};
use crate::random;

/// A port that somebody has opened.
pub(crate) struct Preview {
    secret: String,
    pub(crate) port: u16,
    pub(crate) inside: Inside,
    /// Cancelled when it is closed, or its container has ended.
    pub(crate) closed: CancellationToken,
    room: Arc<Semaphore>,
}

impl fmt::Debug for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Preview({} of {})", self.port, self.inside.container())
    }
}

impl Preview {
    /// What its name is made of: 32 hexadecimal digits, 128 bits that nobody can guess.
    pub(crate) fn secret(&self) -> &str {
        &self.secret
    }

    /// Room for one more connection; none when there is none.
    pub(crate) fn room(&self) -> Option<[OwnedSemaphorePermit; 2]> {
        let take = |room: &Arc<Semaphore>| Arc::clone(room).try_acquire_owned().ok();
        Some([take(&self.room)?, take(self.inside.room())?])
    }
}

/// All that are open, by their secrets. They end with the agent.
#[derive(Debug, Default)]
pub(crate) struct Previews(Mutex<HashMap<String, Arc<Preview>>>);

impl Previews {
    /// Those that are open; the others are forgotten here.
    fn open_ones(&self) -> MutexGuard<'_, HashMap<String, Arc<Preview>>> {
        let mut previews = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        previews.retain(|_, preview| !preview.closed.is_cancelled());
        previews
    }

    /// Opens a port of a running container; answers the preview that is there already, if so.
    ///
    /// # Errors
    /// [`ContainerError::NotRunning`], [`ContainerError::TooMany`].
    pub(crate) fn open(&self, container: &Container, port: u16) -> Result<Arc<Preview>, ContainerError> {
        let inside = container.inside()?;
        let mut previews = self.open_ones();
        let mut own = 0;
        for preview in previews.values().filter(|preview| preview.inside.container() == container.id()) {
            if preview.port == port {
                return Ok(Arc::clone(preview));
            }
            own += 1;
        }
        if own >= MAX_PREVIEWS {
            return Err(ContainerError::TooMany(MAX_PREVIEWS, "open previews of this container"));
        }
        let secret = format!("{:032x}", u128::from_ne_bytes(random::bytes()));
        let closed = inside.life().child_token();
        let room = Arc::new(Semaphore::new(MAX_PORT_CONNECTIONS));
        let preview = Arc::new(Preview { secret: secret.clone(), port, inside, closed, room });
        previews.insert(secret, Arc::clone(&preview));
        Ok(preview)
    }

    /// A container's preview of a port, while it is open.
    pub(crate) fn opened(&self, container: &Container, port: u16) -> Option<Arc<Preview>> {
        let is_it = |it: &&Arc<Preview>| it.port == port && it.inside.container() == container.id();
        self.open_ones().values().find(is_it).map(Arc::clone)
    }

    /// Closes a container's preview, and what is under way in it. Does nothing when it is closed already.
    pub(crate) fn close(&self, container: &Container, port: u16) {
        let mut previews = self.open_ones();
        previews.retain(|_, preview| {
            let is_it = preview.inside.container() == container.id() && preview.port == port;
            if is_it {
                preview.closed.cancel();
            }
            !is_it
        });
    }

    /// The preview with this secret.
    pub(crate) fn find(&self, secret: &str) -> Option<Arc<Preview>> {
        let previews = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        previews.get(secret).filter(|preview| !preview.closed.is_cancelled()).cloned()
    }
}
