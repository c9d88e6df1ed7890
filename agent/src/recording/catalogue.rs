//! Recordings on the disk: for each a small file of what is known of it, and, once it is sealed, one with its events.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use porthole_protocol::recording::Recording;
use serde::{Deserialize, Serialize};

use crate::terminal::log::{Event, Log};

/// What is known of a recording. JSON, so that a newer agent can read what an older one wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// What is told of it.
    #[serde(flatten)]
    pub(super) recording: Recording,
    /// The session that owns it; the agent's owner when missing.
    #[serde(default)]
    pub(super) session: Option<String>,
    /// Where it begins in the terminal's output.
    pub(super) from: u64,
    /// What draws the screen as it was there; empty at the first byte, and where it could not be had.
    #[serde(default)]
    pub(super) screen: String,
}

impl Kept {
    /// What is recorded so far, with times in milliseconds since 1970-01-01 UTC.
    pub(super) fn events(&self, log: &Log) -> impl Iterator<Item = io::Result<(u64, Event)>> + Send + use<> {
        let screen = Event::Output(self.screen.clone().into_bytes());
        let opening = (!self.screen.is_empty()).then_some(Ok((self.recording.started_ms, screen)));
        opening.into_iter().chain(log.events(self.from))
    }
}

/// The directory.
pub(super) struct Catalogue {
    dir: Arc<PathBuf>,
}

impl Catalogue {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir: Arc::new(dir) }
    }

    /// All that are there. One that cannot be read is left where it is.
    pub(super) fn read(&self) -> Vec<Kept> {
        let entries = fs::read_dir(&*self.dir).into_iter().flatten().flatten().map(|entry| entry.path());
        let files = entries.filter(|path| path.extension().is_some_and(|end| end == "json"));
        let read = |path: PathBuf| {
            let kept =
                fs::read(&path).and_then(|bytes| serde_json::from_slice(&bytes).map_err(io::Error::other));
            kept.inspect_err(
                |error| tracing::warn!(%error, path = %path.display(), "a recording cannot be read"),
            )
            .ok()
        };
        files.filter_map(read).collect()
    }

    /// Where the events of one are, or will be.
    pub(super) fn body(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.events"))
    }

    /// Writes down what is known of one.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) async fn write(&self, kept: Kept) -> io::Result<()> {
        let dir = Arc::clone(&self.dir);
        blocking(move || {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&*dir)?;
            let id = &kept.recording.id;
            let (path, new) = (dir.join(format!("{id}.json")), dir.join(format!("{id}.new")));
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(&serde_json::to_vec(&kept).map_err(io::Error::other)?)?;
            fs::rename(new, path)
        })
        .await
    }

    /// Deletes one.
    ///
    /// # Errors
    /// Those of the file system; one that is gone is deleted.
    pub(super) async fn delete(&self, id: &str) -> io::Result<()> {
        let paths = [self.dir.join(format!("{id}.json")), self.body(id)];
        blocking(move || {
            paths.iter().try_for_each(|path| match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            })
        })
        .await
    }
}

async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}
