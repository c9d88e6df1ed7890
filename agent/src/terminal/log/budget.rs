//! Where logs are on the disk, and how much of it those of one container may take together.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use porthole_protocol::control::Stream;
use porthole_protocol::http::{EndReason, Exit};
use porthole_protocol::ids::{ContainerId, ProcessNumber};
use porthole_protocol::limits::CONTAINER_LOG_BYTES;
use porthole_protocol::spec::Size;
use serde::{Deserialize, Serialize};

use super::Log;
use super::folder::Folder;
use super::segment::Place;

/// The file that says why a container has ended.
const END: &str = "end";

/// The logs of all containers.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    root: Arc<PathBuf>,
}

impl Logs {
    /// Those below this directory.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root: Arc::new(root) }
    }

    /// Those of one container.
    pub(crate) fn container(&self, id: &ContainerId) -> Arc<ContainerLogs> {
        let folder = Folder::new(self.root.join(id.as_str()));
        Arc::new_cyclic(|own| ContainerLogs { folder, own: own.clone(), logs: Mutex::default() })
    }

    /// Deletes the logs of containers that `is_known` does not know.
    pub(crate) fn sweep(&self, is_known: impl Fn(&str) -> bool) {
        for entry in fs::read_dir(&*self.root).into_iter().flatten().flatten() {
            if !entry.file_name().to_str().is_some_and(&is_known)
                && let Err(error) = fs::remove_dir_all(entry.path())
            {
                tracing::warn!(%error, path = %entry.path().display(), "old logs cannot be deleted");
            }
        }
    }
}

/// A process that has ended, for an agent that the launcher tells nothing of it any more. JSON, so that a newer agent can read what
/// an older one wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessRecord {
    /// The command and its arguments.
    pub(crate) command: Vec<String>,
    /// Whether it had a terminal.
    pub(crate) terminal: bool,
    /// Who asked for it: the typist, or 0.
    #[serde(default)]
    pub(crate) tag: u64,
    /// How it ended.
    pub(crate) exit: Exit,
}

/// The logs of one container.
#[derive(Debug)]
pub(crate) struct ContainerLogs {
    folder: Folder,
    own: Weak<Self>,
    logs: Mutex<BTreeMap<(ProcessNumber, &'static str), Entry>>,
}

#[derive(Debug)]
struct Entry {
    log: Weak<Log>,
    /// Held until it is asked for, when it was prepared.
    prepared: Option<Arc<Log>>,
    ended: bool,
}

impl ContainerLogs {
    fn logs(&self) -> MutexGuard<'_, BTreeMap<(ProcessNumber, &'static str), Entry>> {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log of a process's stream: what is there, or an empty one.
    pub(crate) fn open(&self, process: ProcessNumber, stream: Stream, size: Size) -> Arc<Log> {
        let name = name(stream);
        // Held meanwhile: no log may be opened twice.
        let mut logs = self.logs();
        if let Some(entry) = logs.get_mut(&(process, name))
            && let Some(log) = entry.prepared.take().or_else(|| entry.log.upgrade())
        {
            return log;
        }
        let place = Place { folder: self.folder.clone(), stem: format!("{process}-{name}") };
        let log = Arc::new(Log::open(place, size, self.own.clone()));
        logs.insert((process, name), Entry { log: Arc::downgrade(&log), prepared: None, ended: false });
        log
    }

    /// Makes the files of a stream that will be opened, so that its first byte does not wait for them.
    pub(crate) fn prepare(&self, process: ProcessNumber, stream: Stream, size: Size) {
        let log = self.open(process, stream, size);
        // A failure is met again, and dealt with, by the first byte.
        let _ = log.writer().head(&log);
        if let Some(entry) = self.logs().get_mut(&(process, name(stream))) {
            entry.prepared = Some(log);
        }
    }

    /// Takes note that a process has ended.
    pub(crate) fn ended(&self, process: ProcessNumber) {
        let its = (process, "")..(process.saturating_add(1), "");
        self.logs().range_mut(its).for_each(|(_, entry)| entry.ended = true);
    }

    /// Writes down what a process was and how it has ended.
    pub(crate) fn record(&self, process: ProcessNumber, record: &ProcessRecord) {
        let write = || {
            let dir = self.folder.path();
            let (path, new) = (dir.join(format!("{process}.json")), dir.join(format!("{process}.new")));
            fs::write(&new, serde_json::to_vec(record).map_err(io::Error::other)?)?;
            fs::rename(new, path)
        };
        if let Err(error) = self.folder.make(write) {
            tracing::debug!(%error, process, "a process cannot be written down");
        }
    }

    /// Writes down why the container has ended.
    pub(crate) fn note_end(&self, why: EndReason) {
        let write =
            || fs::write(self.folder.path().join(END), serde_json::to_vec(&why).map_err(io::Error::other)?);
        if let Err(error) = self.folder.make(write) {
            tracing::debug!(%error, "the reason of an end cannot be written down");
        }
    }

    /// Why it has ended, when that was written down.
    pub(crate) fn end_noted(&self) -> Option<EndReason> {
        serde_json::from_slice(&fs::read(self.folder.path().join(END)).ok()?).ok()
    }

    /// All processes that were written down.
    pub(crate) fn records(&self) -> BTreeMap<ProcessNumber, ProcessRecord> {
        let names =
            fs::read_dir(self.folder.path()).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let numbers = names.filter_map(|name| name.to_str()?.strip_suffix(".json")?.parse().ok());
        let read = |number: ProcessNumber| {
            let bytes = fs::read(self.folder.path().join(format!("{number}.json"))).ok()?;
            Some((number, serde_json::from_slice(&bytes).ok()?))
        };
        numbers.filter_map(read).collect()
    }

    /// Deletes what is kept of an ended process.
    pub(crate) fn forget(&self, process: ProcessNumber) {
        self.logs().retain(|(number, _), _| *number != process);
        let begins = [format!("{process}-"), format!("{process}.")];
        for entry in fs::read_dir(self.folder.path()).into_iter().flatten().flatten() {
            let is_its = |name: &str| begins.iter().any(|begin| name.starts_with(begin.as_str()));
            if entry.file_name().to_str().is_some_and(is_its) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// Deletes everything: the container is gone. What its processes print after that is kept in memory, for who reads it yet.
    pub(crate) fn delete(&self) {
        if let Err(error) = self.folder.delete() {
            tracing::warn!(%error, path = %self.folder.path().display(), "a container's logs cannot be deleted");
        }
    }

    /// Drops the oldest output of processes that have ended, then of whoever has most, until the container is within its bound.
    pub(super) fn enforce(&self) {
        let logs: Vec<(bool, Arc<Log>)> =
            self.logs().values().filter_map(|entry| Some((entry.ended, entry.log.upgrade()?))).collect();
        while logs.iter().map(|(_, log)| log.bytes()).sum::<u64>() > CONTAINER_LOG_BYTES {
            let ended = logs.iter().filter(|(ended, _)| *ended).any(|(_, log)| log.drop_oldest());
            let largest = || logs.iter().max_by_key(|(_, log)| log.bytes());
            if !ended && !largest().is_some_and(|(_, log)| log.drop_oldest()) {
                return;
            }
        }
    }
}

fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Terminal => "terminal",
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
        Stream::Unknown => "unknown",
    }
}
