//! Recordings of terminals: kept whole, shown while they go on, downloaded as asciicast.
//!
//! While one goes on, it is a [hold](Hold) on the terminal's log and a file that says so, so that it survives the agent: the next
//! one takes the hold again before the program prints another byte. When it ends it is *sealed*: written into a file of its own
//! (see [`sealed`]), which survives the container.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use porthole_protocol::control::Stream;
use porthole_protocol::ids::{ContainerId, ProcessNumber};
use porthole_protocol::limits::{MAX_RECORDINGS, RECORDING_BYTES};
use porthole_protocol::recording::Recording;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admission::Policy;
use crate::container::{Container, now_ms};
use crate::random;
use crate::terminal::Terminal;
use crate::terminal::fanout::Fanout;
use crate::terminal::log::{ContainerLogs, Event, Hold, Log, Logs};
use crate::terminal::screen::Snapshot;

pub(crate) mod always;
pub(crate) mod asciicast;
mod catalogue;
pub(crate) mod download;
mod sealed;
mod utf8;

use catalogue::{Catalogue, Kept};

/// How often a recording looks whether it is full, or the disk is. It has no more than its bytes, however much has come by then.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why something could not be done with a recording.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RecordingError {
    /// The agent keeps as many as it may.
    #[error("This agent keeps {MAX_RECORDINGS} recordings already.")]
    TooMany,
    /// The session does.
    #[error("Your session keeps {0} recordings already.")]
    TooManyOfSession(u32),
    /// The disk is full; the sentence says so.
    #[error("{0}")]
    NoRoom(String),
    /// A process on pipes.
    #[error("Only a terminal can be recorded.")]
    NoTerminal,
    /// It has ended.
    #[error("The process has ended.")]
    Ended,
    /// None by that id.
    #[error("There is no recording '{0}'.")]
    NoSuchRecording(String),
    /// It cannot be read or written.
    #[error("A recording cannot be read or written: {0}.")]
    Io(#[from] io::Error),
}

/// When terminals are recorded without being asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordPolicy {
    /// When their owner asks for it.
    #[default]
    OnDemand,
    /// All, from their first byte.
    Always,
}

/// All recordings; clones share them.
#[derive(Clone)]
pub(crate) struct Recordings(Arc<Shared>);

struct Shared {
    catalogue: Catalogue,
    /// How much of the disk is kept free.
    policy: Policy,
    /// Whose disk it is.
    disk: PathBuf,
    /// The most that one session keeps.
    per_session: u32,
    /// Held for look-ups only, never across an await.
    entries: Mutex<BTreeMap<String, Entry>>,
    tasks: TaskTracker,
}

struct Entry {
    kept: Kept,
    /// None when it is sealed.
    live: Option<Live>,
}

/// One that goes on.
#[derive(Clone)]
struct Live {
    hold: Arc<Hold>,
    log: Arc<Log>,
    /// Cancelled to end it.
    stop: CancellationToken,
    /// Whether it is sealed.
    sealed: watch::Sender<bool>,
}

impl Recordings {
    /// Those below the agent's directory.
    pub(crate) fn open(agent_dir: PathBuf, policy: Policy, per_session: u32, tasks: TaskTracker) -> Self {
        let catalogue = Catalogue::new(agent_dir.join("recordings"));
        let entries =
            catalogue.read().into_iter().map(|kept| (kept.recording.id.clone(), Entry { kept, live: None }));
        let entries = Mutex::new(entries.collect());
        Self(Arc::new(Shared { catalogue, policy, disk: agent_dir, per_session, entries, tasks }))
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Entry>> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn disk_is_full(&self) -> Option<String> {
        self.0.policy.disk_is_full(&self.0.disk)
    }

    /// Records a terminal from now on, beginning with what its screen shows; from its first byte when nothing of that is gone and
    /// `whole` says so. Answers the recording's id. One that goes on goes on.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub(crate) async fn begin(
        &self,
        container: &Container,
        process: ProcessNumber,
        terminal: &Terminal,
        whole: bool,
    ) -> Result<String, RecordingError> {
        let fanout = fanout_of(terminal).ok_or(RecordingError::NoTerminal)?;
        let log = Arc::clone(fanout.log());
        self.disk_is_full().map_or(Ok(()), |why| Err(RecordingError::NoRoom(why)))?;
        let kept = {
            let mut entries = self.entries();
            if let Some(id) = going_on(&entries, container.id(), process) {
                return Ok(id);
            }
            if entries.len() >= MAX_RECORDINGS {
                return Err(RecordingError::TooMany);
            }
            let session = container.session();
            let own =
                entries.values().filter(|entry| session.is_some() && entry.kept.session == session).count();
            if own >= self.0.per_session as usize {
                return Err(RecordingError::TooManyOfSession(self.0.per_session));
            }
            let hold = log.hold(if whole { 0 } else { u64::MAX });
            let view = container.view();
            let summary = &view.detail.summary;
            let named = summary.processes.iter().find(|named| named.number == process);
            if !whole && named.is_none_or(|named| named.exit.is_some()) {
                return Err(RecordingError::Ended);
            }
            let recording = Recording {
                id: format!("{:016x}", u64::from_ne_bytes(random::bytes())),
                container: container.id().clone(),
                name: summary.name.clone(),
                image: summary.image.clone(),
                process,
                command: named.map(|named| named.command.clone()).unwrap_or_default(),
                started_ms: now_ms(),
                ended_ms: None,
                bytes: 0,
                size: log.size(),
                full: false,
            };
            let kept = Kept { recording, session, from: hold.from(), screen: String::new() };
            let live = Live::new(hold, log);
            entries.insert(kept.recording.id.clone(), Entry { kept: kept.clone(), live: Some(live) });
            kept
        };
        let id = kept.recording.id.clone();
        if let Err(error) = self.0.catalogue.write(self.open_with_screen(kept, &fanout).await).await {
            if let Some(Entry { live: Some(live), .. }) = self.entries().remove(&id) {
                live.sealed.send_replace(true);
            }
            return Err(error.into());
        }
        self.keep(id.clone(), container, process, terminal);
        Ok(id)
    }

    /// Lets a recording that does not begin at the first byte begin with the screen.
    async fn open_with_screen(&self, mut kept: Kept, fanout: &Fanout) -> Kept {
        if kept.from == 0 {
            return kept;
        }
        let Some(Snapshot { offset, size, screen }) = fanout.screen().await else { return kept };
        (kept.from, kept.screen, kept.recording.size) = (offset, screen, size);
        if let Some(entry) = self.entries().get_mut(&kept.recording.id) {
            entry.kept = kept.clone();
        }
        kept
    }

    /// Ends the recording of a process; resolves when it is sealed. Without one, nothing is to be done.
    pub(crate) async fn end(&self, container: &ContainerId, process: ProcessNumber) {
        let live = self.lives(|kept| kept.container == *container && kept.process == process);
        seal_all(live).await;
    }

    /// Takes the holds of a container again, before its processes print another byte.
    pub(crate) fn resume(&self, container: &ContainerId, logs: &ContainerLogs) {
        for entry in self.entries().values_mut() {
            let Recording { container: of, process, size, ended_ms, .. } = &entry.kept.recording;
            if of == container && ended_ms.is_none() && entry.live.is_none() {
                let log = logs.open(*process, Stream::Terminal, *size);
                entry.live = Some(Live::new(log.hold(entry.kept.from), log));
            }
        }
    }

    /// Goes on with the recordings of a container that was taken over.
    pub(crate) fn go_on(&self, container: &Container) {
        let own: Vec<_> = self
            .entries()
            .values()
            .filter(|entry| entry.live.is_some() && entry.kept.recording.container == *container.id())
            .map(|entry| (entry.kept.recording.id.clone(), entry.kept.recording.process))
            .collect();
        for (id, process) in own {
            match container.terminal(process) {
                Ok(terminal) => self.keep(id, container, process, &terminal),
                Err(_) => drop(self.0.tasks.spawn(self.clone().seal(id))),
            }
        }
    }

    /// Seals what was recorded of a container that is gone, before its logs are.
    pub(crate) async fn leave(&self, container: &ContainerId) {
        seal_all(self.lives(|kept| kept.container == *container)).await;
    }

    /// Seals what an earlier agent recorded of containers that are gone, before their logs are.
    pub(crate) async fn seal_orphans(&self, logs: &Logs, is_known: impl Fn(&str) -> bool) {
        let open = |entry: &&Entry| entry.kept.recording.ended_ms.is_none() && entry.live.is_none();
        let orphans: Vec<_> = self
            .entries()
            .values()
            .filter(open)
            .filter(|entry| !is_known(entry.kept.recording.container.as_str()))
            .map(|entry| (entry.kept.recording.id.clone(), entry.kept.recording.container.clone()))
            .collect();
        for (id, container) in orphans {
            self.resume(&container, &logs.container(&container));
            self.clone().seal(id).await;
        }
    }

    fn lives(&self, is_it: impl Fn(&Recording) -> bool) -> Vec<Live> {
        let entries = self.entries();
        entries
            .values()
            .filter(|entry| is_it(&entry.kept.recording))
            .filter_map(|entry| entry.live.clone())
            .collect()
    }

    /// Starts the task of one that goes on.
    fn keep(&self, id: String, container: &Container, process: ProcessNumber, terminal: &Terminal) {
        let Some(live) = self.entries().get(&id).and_then(|entry| entry.live.clone()) else { return };
        let (recordings, container, ends) = (self.clone(), container.clone(), terminal.ends());
        self.0.tasks.spawn(async move {
            container.mark(process, Some(id.clone())).await;
            loop {
                tokio::select! {
                    _ = ends.finished() => break,
                    () = live.stop.cancelled() => break,
                    () = sleep(LOOK_EVERY) => {
                        if live.bytes() >= RECORDING_BYTES || recordings.disk_is_full().is_some() {
                            break;
                        }
                    }
                }
            }
            container.mark(process, None).await;
            recordings.seal(id).await;
        });
    }

    /// Writes what was recorded into a file of its own. What cannot be written is left out, and told in the log.
    async fn seal(self, id: String) {
        let Some((mut kept, live)) =
            self.entries().get(&id).and_then(|entry| Some((entry.kept.clone(), entry.live.clone()?)))
        else {
            return;
        };
        let (events, path) = (kept.events(&live.log), self.0.catalogue.body(&id));
        let written =
            tokio::task::spawn_blocking(move || sealed::write(&path, events, RECORDING_BYTES)).await;
        match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(bytes) => (kept.recording.bytes, kept.recording.full) = (bytes, bytes >= RECORDING_BYTES),
            Err(error) => tracing::error!(%error, recording = id, "a recording cannot be sealed"),
        }
        kept.recording.ended_ms = Some(now_ms());
        // Deleted meanwhile, it must not come back.
        let is_there = self.entries().contains_key(&id);
        if is_there {
            if let Err(error) = self.0.catalogue.write(kept.clone()).await {
                tracing::error!(%error, recording = id, "a recording cannot be written down");
            }
            if let Some(entry) = self.entries().get_mut(&id) {
                (entry.kept, entry.live) = (kept, None);
            }
        }
        live.sealed.send_replace(true);
    }

    /// Those that `sees` says yes to, by the session that owns them; the newest first.
    pub(crate) fn list(&self, sees: impl Fn(Option<&str>) -> bool) -> Vec<Recording> {
        let entries = self.entries();
        let own = entries.values().filter(|entry| sees(entry.kept.session.as_deref()));
        let mut list: Vec<_> = own.map(Entry::described).collect();
        list.sort_by_key(|recording| std::cmp::Reverse(recording.started_ms));
        list
    }

    /// A recording, and where its events are.
    ///
    /// # Errors
    /// [`RecordingError::NoSuchRecording`].
    pub(crate) fn read(&self, id: &str) -> Result<(Recording, Source), RecordingError> {
        let entries = self.entries();
        let entry = entries.get(id).ok_or_else(|| RecordingError::NoSuchRecording(id.to_owned()))?;
        let source = match &entry.live {
            Some(live) => Source::Live(Box::new(entry.kept.events(&live.log)), Arc::clone(&live.hold)),
            None => Source::Sealed(self.0.catalogue.body(id)),
        };
        Ok((entry.described(), source))
    }

    /// Deletes a recording; one that goes on is ended first.
    ///
    /// # Errors
    /// [`RecordingError`].
    pub(crate) async fn delete(&self, id: &str) -> Result<(), RecordingError> {
        let live = {
            let entries = self.entries();
            let entry = entries.get(id).ok_or_else(|| RecordingError::NoSuchRecording(id.to_owned()))?;
            entry.live.clone()
        };
        seal_all(live).await;
        self.entries().remove(id);
        Ok(self.0.catalogue.delete(id).await?)
    }

    /// Deletes all of a session.
    pub(crate) async fn delete_of(&self, session: &str) {
        for recording in self.list(|owner| owner == Some(session)) {
            if let Err(error) = self.delete(&recording.id).await {
                tracing::warn!(%error, "a recording of a session that is over");
            }
        }
    }
}

/// What was recorded, with times in milliseconds since 1970-01-01 UTC.
pub(crate) type Events = Box<dyn Iterator<Item = io::Result<(u64, Event)>> + Send>;

/// Where the events of a recording are.
pub(crate) enum Source {
    /// In the log of its terminal, which keeps them as long as it is held.
    Live(Events, Arc<Hold>),
    /// In its file.
    Sealed(PathBuf),
}

impl Live {
    fn new(hold: Hold, log: Arc<Log>) -> Self {
        Self { hold: Arc::new(hold), log, stop: CancellationToken::new(), sealed: watch::Sender::new(false) }
    }

    /// Bytes of output so far.
    fn bytes(&self) -> u64 {
        self.log.end().saturating_sub(self.hold.from()).min(RECORDING_BYTES)
    }
}

impl Entry {
    fn described(&self) -> Recording {
        let mut recording = self.kept.recording.clone();
        if let Some(live) = &self.live {
            recording.bytes = (live.bytes() + self.kept.screen.len() as u64).min(RECORDING_BYTES);
        }
        recording
    }
}

/// Ends these; resolves when all are sealed.
async fn seal_all(lives: impl IntoIterator<Item = Live>) {
    for live in lives {
        live.stop.cancel();
        let mut sealed = live.sealed.subscribe();
        let _ = sealed.wait_for(|sealed| *sealed).await;
    }
}

fn going_on(
    entries: &BTreeMap<String, Entry>,
    container: &ContainerId,
    process: ProcessNumber,
) -> Option<String> {
    let is_it = |kept: &Recording| kept.container == *container && kept.process == process;
    let found = entries.values().find(|entry| entry.live.is_some() && is_it(&entry.kept.recording))?;
    Some(found.kept.recording.id.clone())
}

/// The stream of a terminal; none of a process on pipes.
fn fanout_of(terminal: &Terminal) -> Option<Arc<Fanout>> {
    let found = terminal.streams().iter().find(|(stream, _)| *stream == Stream::Terminal);
    found.map(|(_, fanout)| Arc::clone(fanout))
}
