//! All containers of this agent, by id and by name. How they come to be is in [`launch`](super::launch).

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use porthole_protocol::http::ContainerSummary;
use porthole_protocol::ids::{ContainerId, Typist, check_name};
use porthole_protocol::limits::{MAX_CONTAINERS, MAX_PROCESSES};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::task::TaskTracker;

use super::limits::Bounds;
use super::{Container, ContainerError, NOBODY, Result, names};
use crate::admission::{Admission, Full, Permit, Place};
use crate::engine::{Engine, EngineEvent};
use crate::image::Images;
use crate::recording::Recordings;
use crate::session::Sessions;
use crate::terminal::Terminal;
use crate::terminal::log::Logs;
use crate::{ports, random};

/// Events waiting for a container's task. While it is being launched or adopted it takes none, so all that its processes
/// can cause until then must fit.
const EVENTS: usize = MAX_PROCESSES + 2;

/// Typists that are remembered when their containers are gone: for a client that hears of its launch after some minutes.
const MAX_GONE: usize = 1024;

/// A handle to all containers; clones share them.
#[derive(Clone)]
pub(crate) struct Registry(Arc<Shared>);

struct Shared {
    engine: Arc<dyn Engine>,
    images: Images,
    tasks: TaskTracker,
    /// Where ports are published.
    address: IpAddr,
    /// See [`ports::room`].
    port_room: Arc<Semaphore>,
    bounds: Arc<Bounds>,
    admission: Admission,
    sessions: Sessions,
    recordings: Recordings,
    logs: Logs,
    /// Held for look-ups only, never across an await.
    index: Mutex<Index>,
    /// Grows with every change of any container.
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Index {
    entries: BTreeMap<ContainerId, Entry>,
    /// No launches any more: the agent is stopping.
    closed: bool,
    /// Typists whose containers are gone, the newest last.
    gone: VecDeque<u64>,
}

struct Entry {
    name: String,
    /// The typist who asked for it, or [`NOBODY`].
    tag: u64,
    events: mpsc::Sender<EngineEvent>,
    /// None while it is being launched or adopted.
    container: Option<Container>,
}

/// What a registry is made with.
pub(crate) struct Parts {
    /// What runs containers.
    pub(crate) engine: Arc<dyn Engine>,
    /// What they are made from.
    pub(crate) images: Images,
    /// Joins their tasks.
    pub(crate) tasks: TaskTracker,
    /// What they may have.
    pub(crate) bounds: Bounds,
    /// The gate of launches.
    pub(crate) admission: Admission,
    /// Whose they are.
    pub(crate) sessions: Sessions,
    /// What is recorded of them.
    pub(crate) recordings: Recordings,
    /// Where their output is kept.
    pub(crate) logs: Logs,
    /// Where their ports are published.
    pub(crate) address: IpAddr,
}

impl Registry {
    /// A registry without containers.
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { engine, images, tasks, bounds, admission, sessions, recordings, logs, address } = parts;
        Self(Arc::new(Shared {
            engine,
            images,
            tasks,
            address,
            port_room: ports::room(),
            bounds: Arc::new(bounds),
            admission,
            sessions,
            recordings,
            logs,
            index: Mutex::default(),
            changed: watch::Sender::new(0),
        }))
    }

    /// What containers may have.
    pub(crate) fn bounds(&self) -> &Arc<Bounds> {
        &self.0.bounds
    }

    /// Waits until this machine has room for one more container; `told` hears every change of the place in the queue. Dropped,
    /// it leaves the queue.
    ///
    /// # Errors
    /// [`ContainerError::QueueFull`].
    pub(crate) async fn admit(&self, told: impl FnMut(&Place)) -> Result<Permit> {
        let entered = self.0.admission.enter(|| self.alive(), self.subscribe(), told).await;
        entered.map_err(|Full(place)| ContainerError::QueueFull(place))
    }

    /// Containers that have not ended, those that are being launched included; more where it does not matter.
    fn alive(&self) -> usize {
        let index = self.index();
        if index.entries.len() < self.0.admission.max_containers() {
            return index.entries.len();
        }
        let lives = |entry: &&Entry| entry.container.as_ref().is_none_or(|container| !container.view().ended);
        index.entries.values().filter(lives).count()
    }

    pub(crate) fn engine(&self) -> &Arc<dyn Engine> {
        &self.0.engine
    }

    pub(crate) fn images(&self) -> &Images {
        &self.0.images
    }

    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    pub(crate) fn recordings(&self) -> &Recordings {
        &self.0.recordings
    }

    pub(super) fn logs(&self) -> &Logs {
        &self.0.logs
    }

    /// Whether there is a container by this id, be it only just being launched.
    pub(super) fn knows(&self, id: &ContainerId) -> bool {
        self.index().entries.contains_key(id)
    }

    /// What this typist has launched before, once it runs.
    ///
    /// # Errors
    /// [`ContainerError::LaunchedBefore`] when it is gone.
    pub(crate) async fn launched_by(&self, typist: Typist) -> Result<Option<(Container, Terminal)>> {
        let mut changed = self.subscribe();
        loop {
            changed.mark_unchanged();
            let found = {
                let index = self.index();
                let is_its = |entry: &&Entry| entry.tag == typist && typist != NOBODY;
                match index.entries.values().find(is_its) {
                    Some(entry) => entry.container.clone(),
                    None if index.gone.contains(&typist) => return Err(ContainerError::LaunchedBefore),
                    None => return Ok(None),
                }
            };
            if let Some(container) = found {
                let terminal = container.terminal(0)?;
                return Ok(Some((container, terminal)));
            }
            // It is being launched, or that fails.
            if changed.changed().await.is_err() {
                return Err(ContainerError::ShuttingDown);
            }
        }
    }

    pub(super) fn address(&self) -> IpAddr {
        self.0.address
    }

    pub(super) fn port_room(&self) -> &Arc<Semaphore> {
        &self.0.port_room
    }

    pub(super) fn changed(&self) -> &watch::Sender<u64> {
        &self.0.changed
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.0.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands every event to its container's task; resolves when the engine is gone.
    pub(crate) async fn dispatch(self, mut events: mpsc::Receiver<EngineEvent>) {
        while let Some(event) = events.recv().await {
            match self.mailbox(event.container()) {
                // A task that has just ended is of a container that has just been removed.
                Some(mailbox) => drop(mailbox.send(event).await),
                None => tracing::debug!(?event, "an event of no container"),
            }
        }
        // The launcher is gone and every container with it: their tasks end when nobody can tell them anything any more.
        self.index().entries.clear();
    }

    fn mailbox(&self, container: &str) -> Option<mpsc::Sender<EngineEvent>> {
        let id = container.parse::<ContainerId>().ok()?;
        self.index().entries.get(&id).map(|entry| entry.events.clone())
    }

    /// A number that grows whenever a container changes.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// All containers, newest first.
    pub(crate) fn list(&self) -> Vec<Container> {
        let mut all: Vec<_> =
            self.index().entries.values().filter_map(|entry| entry.container.clone()).collect();
        all.sort_by_cached_key(|container| std::cmp::Reverse(container.view().detail.summary.created_ms));
        all
    }

    /// Their lines, newest first.
    pub(crate) fn summaries(&self) -> Vec<ContainerSummary> {
        self.list().iter().map(|container| container.view().detail.summary.clone()).collect()
    }

    /// The container by id, name, or the beginning of its id, of those that `sees` says yes to.
    ///
    /// # Errors
    /// [`ContainerError::NoSuchContainer`], [`ContainerError::Ambiguous`].
    pub(crate) fn find_among(&self, text: &str, sees: impl Fn(&Container) -> bool) -> Result<Container> {
        let index = self.index();
        let known = || {
            let known = index
                .entries
                .iter()
                .filter_map(|(id, entry)| Some((id, &entry.name, entry.container.as_ref()?)));
            known.filter(|(_, _, container)| sees(container))
        };
        if let Some((_, _, container)) = known().find(|(id, name, _)| id.as_str() == text || *name == text) {
            return Ok(container.clone());
        }
        let mut begun = known().filter(|(id, ..)| !text.is_empty() && id.as_str().starts_with(text));
        match (begun.next(), begun.next()) {
            (Some((_, _, container)), None) => Ok(container.clone()),
            (Some(_), Some(_)) => Err(ContainerError::Ambiguous(text.to_owned())),
            (None, _) => Err(ContainerError::NoSuchContainer(text.to_owned())),
        }
    }

    /// Containers made from the image with this id.
    pub(crate) fn count_of_image(&self, image: &str) -> u32 {
        let count = self.list().iter().filter(|container| container.image_id() == image).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// Refuses launches from now on.
    pub(crate) fn close(&self) {
        self.index().closed = true;
    }

    /// Refuses a name that is none, or is taken.
    ///
    /// # Errors
    /// As [`Registry::reserve`], of which this is the part that can be told early.
    pub(super) fn check_name(&self, name: Option<&str>) -> Result<()> {
        let Some(name) = name else { return Ok(()) };
        check_name(name)?;
        if self.index().entries.values().any(|entry| entry.name == name) {
            return Err(ContainerError::NameInUse(name.to_owned()));
        }
        Ok(())
    }

    /// Takes a new container's id and name, made up when there is none; answers the name, and what the engine tells
    /// about it. [`Registry::forget`] gives them back.
    ///
    /// # Errors
    /// For a name that is taken or no name, and when there are too many.
    pub(super) fn reserve(
        &self,
        id: &ContainerId,
        name: Option<&str>,
        tag: u64,
    ) -> Result<(String, mpsc::Receiver<EngineEvent>)> {
        let mut index = self.index();
        if tag != NOBODY && index.entries.values().any(|entry| entry.tag == tag) {
            return Err(ContainerError::LaunchedBefore);
        }
        if index.closed {
            return Err(ContainerError::ShuttingDown);
        }
        // Those that have ended are kept until somebody removes them.
        let most = self.0.admission.max_containers().saturating_add(MAX_CONTAINERS);
        if index.entries.len() >= most {
            return Err(ContainerError::TooMany(most, "containers, most of which have ended"));
        }
        let is_taken = |name: &str| index.entries.values().any(|entry| entry.name == name);
        let name = match name {
            Some(name) => {
                check_name(name)?;
                if is_taken(name) {
                    return Err(ContainerError::NameInUse(name.to_owned()));
                }
                name.to_owned()
            }
            None => names::make_up(u32::from_ne_bytes(random::bytes()), is_taken),
        };
        let (events, receiver) = mpsc::channel(EVENTS);
        index.entries.insert(id.clone(), Entry { name: name.clone(), tag, events, container: None });
        Ok((name, receiver))
    }

    /// Makes a reserved container visible.
    pub(super) fn register(&self, container: Container) {
        if let Some(entry) = self.index().entries.get_mut(container.id()) {
            entry.container = Some(container);
        }
        self.0.changed.send_modify(|count| *count += 1);
    }

    /// Forgets a container.
    pub(super) fn forget(&self, id: &ContainerId) {
        let mut index = self.index();
        // One that never ran may be launched again.
        if let Some(Entry { tag, container: Some(_), .. }) = index.entries.remove(id)
            && tag != NOBODY
        {
            index.gone.push_back(tag);
            let excess = index.gone.len().saturating_sub(MAX_GONE);
            index.gone.drain(..excess);
        }
        drop(index);
        self.0.changed.send_modify(|count| *count += 1);
    }
}
