//! Freezing a container for a moment, so that what it has written holds still. See `cgroups(7)`; version 1: the kernel's
//! `admin-guide/cgroup-v1/freezer-subsystem`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::thread::nanosleep;
use rustix::time::Timespec;

use super::{Cgroups, files};

/// Longest wait until every process has stopped, in pauses of this length: one that the kernel keeps busy holds nobody up.
const PATIENCE: usize = 50;
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000 };

/// Rounds in which a container's processes are moved, as they may have made more meanwhile.
const ROUNDS: usize = 20;

/// The freezer of version 1. Only a container that is frozen is in there: every further hierarchy makes starts slower.
#[derive(Clone, Debug)]
pub(super) struct Freezer {
    /// The launcher's own directory, made when it is needed.
    pub(super) directory: PathBuf,
    /// Where the launcher's processes are otherwise.
    pub(super) home: PathBuf,
}

/// A frozen container; it runs on when this is dropped.
#[derive(Debug)]
pub(crate) struct Frozen {
    directory: PathBuf,
    /// Version 1: where its processes go back to.
    home: Option<PathBuf>,
}

impl Cgroups {
    /// Freezes a container. None where the host cannot.
    ///
    /// # Errors
    /// When the kernel refuses a step.
    pub(crate) fn freeze(&self, container: &str) -> io::Result<Option<Frozen>> {
        if let Some(unified) = self.mounted.iter().find(|mounted| mounted.hierarchy.version == 2) {
            let frozen = Frozen { directory: unified.directory.join(container), home: None };
            fs::write(frozen.directory.join("cgroup.freeze"), "1")?;
            wait(&frozen.directory.join("cgroup.events"), |events| events.contains("frozen 1"));
            return Ok(Some(frozen));
        }
        let Some(freezer) = &self.freezer else { return Ok(None) };
        let directory = freezer.directory.join(container);
        fs::create_dir_all(&directory)?;
        let frozen = Frozen { directory, home: Some(freezer.home.clone()) };
        let state = frozen.directory.join("freezer.state");
        // First, so that whoever is moved stops at once and makes no more.
        fs::write(&state, "FROZEN")?;
        gather(&frozen.directory, || self.pids(container));
        wait(&state, |state| state.trim() == "FROZEN");
        Ok(Some(frozen))
    }
}

impl Freezer {
    /// Lets go of what an earlier launcher has left frozen.
    pub(super) fn sweep(&self) {
        for container in super::subdirectories(&self.directory) {
            drop(Frozen { directory: self.directory.join(container), home: Some(self.home.clone()) });
        }
    }
}

impl Drop for Frozen {
    /// What cannot be undone here is undone when the container's cgroups are removed.
    fn drop(&mut self) {
        let Some(home) = &self.home else {
            let _ = fs::write(self.directory.join("cgroup.freeze"), "0");
            return;
        };
        let _ = fs::write(self.directory.join("freezer.state"), "THAWED");
        for _ in 0..ROUNDS {
            let inside = files::pids(&self.directory);
            if inside.is_empty() {
                break;
            }
            move_to(home, &inside);
        }
        let _ = fs::remove_dir(&self.directory);
        // The launcher's own, with the last one that is frozen: it was made for this.
        let _ = self.directory.parent().map(fs::remove_dir);
    }
}

/// Moves those whose ids `pids` tells into a cgroup, and those that they make meanwhile. Returns whether none is left outside.
pub(super) fn gather(directory: &Path, pids: impl Fn() -> Vec<u32>) -> bool {
    for _ in 0..ROUNDS {
        let inside = files::pids(directory);
        let outside: Vec<u32> = pids().into_iter().filter(|pid| !inside.contains(pid)).collect();
        if outside.is_empty() {
            return true;
        }
        move_to(directory, &outside);
    }
    false
}

/// Moves processes into a cgroup; those that have ended meanwhile are no loss.
fn move_to(directory: &Path, pids: &[u32]) {
    for pid in pids {
        let _ = fs::write(directory.join("cgroup.procs"), pid.to_string());
    }
}

fn wait(file: &Path, holds: impl Fn(&str) -> bool) {
    for _ in 0..PATIENCE {
        if fs::read_to_string(file).is_ok_and(|text| holds(&text)) {
            return;
        }
        // Woken early or not, the next look tells.
        let _ = nanosleep(&PAUSE);
    }
}
