//! The list of sessions on disk: one small file, replaced as a whole.
//!
//! No database: what is kept of a session are five values, which change when somebody comes, extends or goes.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

/// What is kept of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) id: String,
    /// SHA-256 of the cookie's secret, in hexadecimal digits: who reads the file cannot come as the visitor.
    pub(super) secret: String,
    pub(super) address: std::net::IpAddr,
    pub(super) created_ms: u64,
    pub(super) expires_ms: Option<u64>,
}

/// The file.
pub(super) struct File {
    path: Arc<PathBuf>,
    /// One writes at a time, each what is true when its turn comes.
    turn: Mutex<()>,
}

impl File {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path: Arc::new(path), turn: Mutex::new(()) }
    }

    /// Replaces the file by what `newest` says.
    ///
    /// # Errors
    /// Those of the file system; the file is what it was then.
    pub(super) async fn write(&self, newest: impl FnOnce() -> Vec<Kept> + Send + 'static) -> io::Result<()> {
        let _turn = self.turn.lock().await;
        let path = Arc::clone(&self.path);
        let written = tokio::task::spawn_blocking(move || replace(&path, &newest())).await;
        written.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// What the file has; nothing when there is none.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read(path: &Path) -> io::Result<Vec<Kept>> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn replace(path: &Path, kept: &[Kept]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec(kept).map_err(io::Error::other)?)?;
    file.sync_data()?;
    fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_and_what_is_broken_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sessions.json");
        assert_eq!(read(&path).unwrap(), []);
        let kept = Kept {
            id: "a".into(),
            secret: "b".into(),
            address: [192, 0, 2, 1].into(),
            created_ms: 1,
            expires_ms: None,
        };
        let file = File::new(path.clone());
        let written = kept.clone();
        file.write(move || vec![written]).await.unwrap();
        assert_eq!(read(&path).unwrap(), [kept]);
        fs::write(&path, "[{").unwrap();
        assert!(read(&path).is_err());
    }
}
