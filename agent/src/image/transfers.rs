//! Images on their way: how far each is, who waits for it, and its end.
//!
//! A transfer is a task. Whoever asks for an image that is on its way already waits for the same task; when nobody waits
//! any more, it is cancelled.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::image::{Credentials, Direction, LayerState, LayerTransfer, Transfer};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::digest::Digest;
use super::registry::{RegistrySettings, http_client};
use super::{Image, ImageError};

/// Images on their way at a time: the state of all, with 128 layers each, fits one message.
const MAX_TRANSFERS: usize = 12;

/// Workers that may wait for bytes from registries; one more is left for what is here already.
const UNPACKERS: usize = super::UNPACKERS - 1;

/// Longest silence between two steps.
const STILL_ALIVE: Duration = Duration::from_secs(5);

/// All transfers of one agent.
pub(super) struct Transfers {
    pub(super) settings: Arc<RegistrySettings>,
    http: OnceLock<reqwest::Client>,
    flights: Mutex<BTreeMap<u64, Arc<Flight>>>,
    next: Mutex<u64>,
    /// Held by whoever unpacks what still comes.
    pub(super) unpackers: Semaphore,
    version: watch::Sender<u64>,
}

/// What makes two requests one transfer.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) direction: Direction,
    /// Normalised.
    pub(super) name: String,
    pub(super) platform: String,
    pub(super) credentials: Option<Credentials>,
}

/// An image that has arrived, here or there.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// It.
    pub image: Arc<Image>,
    /// Digest of what its name stands for in the registry: a manifest, or a list of them.
    pub digest: Digest,
}

type Outcome = Result<Arrived, WireError>;

/// One transfer.
pub(super) struct Flight {
    key: Key,
    progress: watch::Sender<Transfer>,
    outcome: watch::Sender<Option<Outcome>>,
    version: watch::Sender<u64>,
    waiting: Mutex<usize>,
    pub(super) cancel: CancellationToken,
}

/// Somebody who waits for a transfer. It goes on as long as anybody does.
pub struct Waiting {
    flight: Arc<Flight>,
    progress: watch::Receiver<Transfer>,
    outcome: watch::Receiver<Option<Outcome>>,
}

/// What a transfer comes to.
#[derive(Clone, Debug)]
pub enum Step {
    /// How far it is.
    Progress(Transfer),
    /// Its end.
    Ended(Result<Arrived, WireError>),
}

impl Transfers {
    pub(super) fn new(settings: RegistrySettings) -> Self {
        Self {
            settings: Arc::new(settings),
            http: OnceLock::new(),
            flights: Mutex::default(),
            next: Mutex::default(),
            unpackers: Semaphore::new(UNPACKERS),
            version: watch::Sender::new(0),
        }
    }

    /// The HTTP client, made when it is first needed.
    pub(super) fn http(&self) -> Result<&reqwest::Client, ImageError> {
        if let Some(client) = self.http.get() {
            return Ok(client);
        }
        let client = http_client(&self.settings.patience)?;
        Ok(self.http.get_or_init(|| client))
    }

    /// Waits for the transfer by that key; the answer is a new one's flight as well, for its task to take off with.
    pub(super) fn join(self: &Arc<Self>, key: Key) -> Result<(Waiting, Option<Departure>), ImageError> {
        let mut flights = held(&self.flights);
        let joined = flights.values().filter(|flight| flight.key == key).find_map(Waiting::board);
        if let Some(waiting) = joined {
            return Ok((waiting, None));
        }
        if flights.len() >= MAX_TRANSFERS {
            return Err(ImageError::TooManyTransfers(MAX_TRANSFERS));
        }
        let transfer = Transfer { name: key.name.clone(), direction: key.direction, layers: Vec::new() };
        let flight = Arc::new(Flight {
            key,
            progress: watch::Sender::new(transfer),
            outcome: watch::Sender::new(None),
            version: self.version.clone(),
            waiting: Mutex::new(0),
            cancel: CancellationToken::new(),
        });
        let waiting = Waiting::board(&flight).expect("a new flight is not cancelled");
        let mut next = held(&self.next);
        *next += 1;
        flights.insert(*next, Arc::clone(&flight));
        flight.tell();
        Ok((waiting, Some(Departure { transfers: Arc::clone(self), number: *next, flight })))
    }

    /// The state of all, in the order in which they began.
    pub(super) fn list(&self) -> Vec<Transfer> {
        held(&self.flights).values().map(|flight| flight.progress.borrow().clone()).collect()
    }

    /// A number that grows with every change of the list.
    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Cancels all of them.
    pub(super) fn cancel(&self) {
        held(&self.flights).values().for_each(|flight| flight.cancel.cancel());
    }
}

/// A flight that has been entered in the list. It leaves the list when this is dropped.
pub(super) struct Departure {
    transfers: Arc<Transfers>,
    number: u64,
    pub(super) flight: Arc<Flight>,
}

impl Departure {
    /// Tells everybody who waits how it ended.
    pub(super) fn land(self, outcome: Result<Arrived, ImageError>) {
        let outcome = outcome.map_err(|error| error.to_wire());
        self.flight.outcome.send_replace(Some(outcome));
    }
}

impl Drop for Departure {
    fn drop(&mut self) {
        held(&self.transfers.flights).remove(&self.number);
        self.flight.outcome.send_if_modified(|outcome| {
            let is_lost = outcome.is_none();
            if is_lost {
                let hint = "The log of the agent has the cause.";
                *outcome = Some(Err(WireError::new(ErrorCode::Internal, "The transfer was lost.", hint)));
            }
            is_lost
        });
        self.flight.tell();
    }
}

impl Flight {
    /// Shows what layers there are.
    pub(super) fn layers(&self, layers: Vec<LayerTransfer>) {
        self.progress.send_modify(|transfer| transfer.layers = layers);
        self.tell();
    }

    /// Has a layer's state changed.
    pub(super) fn layer(&self, index: usize, change: impl FnOnce(&mut LayerTransfer)) {
        self.progress.send_modify(|transfer| {
            if let Some(layer) = transfer.layers.get_mut(index) {
                change(layer);
            }
        });
        self.tell();
    }

    /// Has a layer's state changed, its bytes not.
    pub(super) fn state(&self, index: usize, state: LayerState) {
        self.layer(index, |layer| layer.state = state);
    }

    fn tell(&self) {
        self.version.send_modify(|version| *version += 1);
    }
}

impl Waiting {
    fn board(flight: &Arc<Flight>) -> Option<Self> {
        let mut waiting = held(&flight.waiting);
        if flight.cancel.is_cancelled() {
            return None;
        }
        *waiting += 1;
        let mut progress = flight.progress.subscribe();
        progress.mark_changed();
        Some(Self { progress, outcome: flight.outcome.subscribe(), flight: Arc::clone(flight) })
    }

    /// The next change, not before that moment; the first comes at once. The end comes at once, after the last change, and for
    /// ever once it has come.
    pub async fn next(&mut self, not_before: Instant) -> Step {
        let progress = &mut self.progress;
        let changed = async {
            sleep_until(not_before).await;
            // Whoever has gone away is noticed only when something is sent.
            let _ = timeout(STILL_ALIVE, progress.changed()).await;
        };
        tokio::select! {
            biased;
            outcome = ended(&mut self.outcome) => {
                if !self.progress.has_changed().unwrap_or_default() {
                    return Step::Ended(outcome);
                }
            }
            () = changed => {}
        }
        Step::Progress(self.progress.borrow_and_update().clone())
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// Why it did not arrive.
    pub async fn arrived(mut self) -> Result<Arrived, WireError> {
        ended(&mut self.outcome).await
    }
}

async fn ended(outcome: &mut watch::Receiver<Option<Outcome>>) -> Outcome {
    let outcome = outcome.wait_for(Option::is_some).await.ok().and_then(|outcome| outcome.clone());
    outcome.expect("the flight is held, and it waited for this")
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waiting = held(&self.flight.waiting);
        *waiting -= 1;
        if *waiting == 0 {
            self.flight.cancel.cancel();
        }
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key { direction: Direction::Pull, name: name.into(), platform: String::new(), credentials: None }
    }

    #[tokio::test]
    async fn a_transfer_is_joined_and_goes_on_until_the_last_gives_it_up() {
        let transfers = Arc::new(Transfers::new(RegistrySettings::default()));
        let (first, departure) = transfers.join(key("a")).unwrap();
        let flight = Arc::clone(&departure.as_ref().unwrap().flight);
        let (second, none) = transfers.join(key("a")).unwrap();
        assert!(none.is_none());
        drop(first);
        assert!(!flight.cancel.is_cancelled());
        drop(second);
        assert!(flight.cancel.is_cancelled());
        // Whoever comes now begins anew.
        let (mut third, new) = transfers.join(key("a")).unwrap();
        assert!(new.is_some());
        assert_eq!(transfers.list().len(), 2);
        drop(departure);
        new.unwrap().land(Err(ImageError::TooManyTransfers(1)));
        assert!(transfers.list().is_empty());
        let last = third.next(Instant::now()).await;
        assert!(matches!(last, Step::Progress(_)), "how far it came, though it has ended");
        for _ in 0..2 {
            let step = third.next(Instant::now()).await;
            assert!(matches!(step, Step::Ended(Err(error)) if error.code == ErrorCode::TooMany));
        }
    }

    #[tokio::test]
    async fn so_many_may_be_on_their_way() {
        let transfers = Arc::new(Transfers::new(RegistrySettings::default()));
        let all: Vec<_> =
            (0..MAX_TRANSFERS).map(|number| transfers.join(key(&number.to_string())).unwrap()).collect();
        assert!(matches!(transfers.join(key("x")), Err(ImageError::TooManyTransfers(_))));
        assert!(transfers.join(key("3")).is_ok(), "one that is on its way can be joined");
        drop(all);
        assert!(transfers.join(key("x")).is_ok());
    }
}
