//! Logs in directories of their own, for tests.

use std::fs;
use std::sync::{Arc, Weak};

use porthole_protocol::spec::Size;
use tempfile::TempDir;

use crate::terminal::log::Log;
use crate::terminal::log::folder::Folder;
use crate::terminal::log::segment::Place;

/// An empty log, and where it is.
pub(crate) fn log() -> (Arc<Log>, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (reopen(&dir), dir)
}

/// The log in there, as the next agent finds it.
pub(super) fn reopen(dir: &TempDir) -> Arc<Log> {
    let place = Place { folder: Folder::new(dir.path().to_owned()), stem: "0-terminal".to_owned() };
    Arc::new(Log::open(place, Size::default(), Weak::new()))
}

/// Bytes of all files there.
pub(super) fn bytes_on_disk(dir: &TempDir) -> u64 {
    fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}
