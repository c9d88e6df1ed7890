//! The state directory: whose it is, and what is in it.
//!
//! ```text
//! STATE/             launcher's, 0711: the agent passes through
//!   agent/           the agent's own: images, configuration
//!   layers/          launcher's alone: one directory for each unpacked layer
//!   containers/      launcher's alone: one directory for each container
//!   run/             0711: launcher.sock (the agent's to connect), launcher.log, agent.lock
//! ```

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

use crate::privilege::AgentUser;

/// Why a state directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It cannot be made or looked at.
    #[error("the state directory {path} cannot be used: {source}")]
    Io {
        /// Which part of it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Somebody else could change what is in it.
    #[error("the state directory {path} belongs to user {owner} or can be written by others (mode {mode:o})")]
    NotOurs {
        /// Which part of it.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Its permission bits.
        mode: u32,
    },
    /// The agent, an ordinary user, cannot get there.
    #[error(
        "the agent, which runs as user {user}, may not pass through {directory}; choose another place with --state, or `chmod o+x {directory}`"
    )]
    OutOfReach {
        /// What is closed to it.
        directory: PathBuf,
        /// Who it runs as.
        user: u32,
    },
    /// The path is longer than a socket's address may be.
    #[error("the path {path} is too long for a socket in it; choose a shorter one with --state")]
    TooLong {
        /// The state directory.
        path: PathBuf,
    },
    /// Another agent has it.
    #[error("another `porthole serve` uses the state directory {path}")]
    InUse {
        /// Which.
        path: PathBuf,
    },
}

/// A prepared state directory, locked for one agent until this is dropped or the process ends.
#[derive(Debug)]
pub struct State {
    path: PathBuf,
    _lock: File,
}

/// Where state is kept when nobody says otherwise: `/var/lib/porthole` for root, else below `XDG_DATA_HOME`.
#[must_use]
pub fn default_path() -> PathBuf {
    if Uid::effective().is_root() {
        return PathBuf::from("/var/lib/porthole");
    }
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".local/share"));
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(home);
    data.unwrap_or_else(|| PathBuf::from("/var/tmp")).join("porthole")
}

impl State {
    /// Makes what is missing, checks that nobody else can change it, and locks it.
    ///
    /// # Errors
    /// [`StateError`].
    pub fn prepare(path: &Path, agent: AgentUser) -> Result<Self, StateError> {
        let me = Uid::effective().as_raw();
        make(path, 0o711, me)?;
        // Symbolic links on the way are resolved once; from here on the path is ours.
        let path = path.canonicalize().map_err(|source| StateError::Io { path: path.to_owned(), source })?;
        check_reach(&path, agent)?;
        for (name, mode) in [("run", 0o711), ("layers", 0o700), ("containers", 0o700)] {
            make(&path.join(name), mode, me)?;
        }
        let own = path.join("agent");
        if !own.exists() {
            make(&own, 0o700, me)?;
            chown(&own, Some(agent.uid), Some(agent.gid))
                .map_err(|source| StateError::Io { path: own.clone(), source })?;
        }
        check(&own, agent.uid)?;
        let lock = lock(&path)?;
        Ok(Self { path, _lock: lock })
    }

    /// The directory, without symbolic links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The agent's own directory.
    #[must_use]
    pub fn agent(&self) -> PathBuf {
        self.path.join("agent")
    }

    /// Where the launcher listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path.join("run/launcher.sock")
    }

    /// The number of the encoding that the launcher speaks, see [`crate::wire::WIRE`].
    #[must_use]
    pub fn launcher_wire(&self) -> PathBuf {
        self.path.join("run/launcher.wire")
    }

    /// What the launcher has to say beyond its answers.
    #[must_use]
    pub fn launcher_log(&self) -> PathBuf {
        self.path.join("run/launcher.log")
    }
}

/// Longest path that fits a socket's address with what is appended to it, in bytes; see `unix(7)`.
const LONGEST: usize = 107 - "/run/launcher.sock".len();

/// Whether the agent can get to its own directory and to the launcher's socket.
fn check_reach(path: &Path, agent: AgentUser) -> Result<(), StateError> {
    if path.as_os_str().len() > LONGEST {
        return Err(StateError::TooLong { path: path.to_owned() });
    }
    for directory in path.ancestors().skip(1) {
        let meta = fs::metadata(directory)
            .map_err(|source| StateError::Io { path: directory.to_owned(), source })?;
        let bit = match () {
            () if meta.uid() == agent.uid => 0o100,
            () if meta.gid() == agent.gid => 0o010,
            () => 0o001,
        };
        if meta.mode() & bit == 0 {
            return Err(StateError::OutOfReach { directory: directory.to_owned(), user: agent.uid });
        }
    }
    Ok(())
}

fn make(path: &Path, mode: u32, owner: u32) -> Result<(), StateError> {
    let failed = |source| StateError::Io { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(mode & 0o755).create(path).map_err(failed)?;
    check(path, owner)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed)
}

fn check(path: &Path, owner: u32) -> Result<(), StateError> {
    let meta = fs::metadata(path).map_err(|source| StateError::Io { path: path.to_owned(), source })?;
    if meta.uid() == owner && meta.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(StateError::NotOurs { path: path.to_owned(), owner: meta.uid(), mode: meta.mode() & 0o7777 })
}

fn lock(state: &Path) -> Result<File, StateError> {
    let path = state.join("run/agent.lock");
    let failed = |source| StateError::Io { path: path.clone(), source };
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(StateError::InUse { path: state.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> AgentUser {
        AgentUser { uid: Uid::effective().as_raw(), gid: nix::unistd::Gid::effective().as_raw() }
    }

    #[test]
    fn a_new_state_directory_lets_the_agent_through_and_nobody_write() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::prepare(&dir.path().join("a/b"), me()).unwrap();
        for (name, mode) in
            [("", 0o711), ("run", 0o711), ("layers", 0o700), ("containers", 0o700), ("agent", 0o700)]
        {
            let meta = fs::metadata(state.path().join(name)).unwrap();
            assert_eq!(meta.mode() & 0o7777, mode, "{name:?}");
        }
    }

    #[test]
    fn two_agents_do_not_share_one() {
        let dir = tempfile::tempdir().unwrap();
        let first = State::prepare(dir.path(), me()).unwrap();
        assert!(matches!(State::prepare(dir.path(), me()), Err(StateError::InUse { .. })));
        drop(first);
        assert!(State::prepare(dir.path(), me()).is_ok());
    }

    #[test]
    fn a_place_that_the_agent_cannot_get_to_is_refused_with_the_way_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let nobody = AgentUser { uid: 12_345, gid: 12_345 };
        let error = State::prepare(&dir.path().join("state"), nobody).unwrap_err();
        assert!(
            matches!(&error, StateError::OutOfReach { directory, .. } if directory == dir.path()),
            "{error}"
        );
        assert!(error.to_string().contains("chmod o+x"), "{error}");
        let long = dir.path().join("x".repeat(120));
        assert!(matches!(State::prepare(&long, me()), Err(StateError::TooLong { .. })));
    }

    #[test]
    fn a_directory_that_others_can_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(State::prepare(dir.path(), me()), Err(StateError::NotOurs { mode: 0o777, .. })));
    }

    #[test]
    fn a_directory_of_somebody_else_is_refused() {
        if !Uid::effective().is_root() {
            eprintln!("SKIPPED: only root can make a directory of somebody else");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        chown(dir.path(), Some(12_345), None).unwrap();
        assert!(matches!(State::prepare(dir.path(), me()), Err(StateError::NotOurs { owner: 12_345, .. })));
    }
}
