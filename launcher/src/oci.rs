//! Containers by an OCI runtime of the host: `runc`, `crun` or `runsc` (gVisor).
//!
//! The launcher writes the bundle, limits it and puts its root together as ever ([`crate::plan`]), and runs the runtime
//! twice: once to make the container with Porthole's own process 1 in it, once to start its first process. Both commands
//! end at once and leave a process behind that becomes the launcher's child, so that from then on it is watched, signalled,
//! limited and ended as any other container is.

mod bundle;
mod console;
mod guard;
mod json;
mod launch;
mod runtime;
mod start;
mod trial;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::Pid;

use crate::cgroup::Cgroups;
use crate::engine::failure;
use crate::wire::{EngineKind, Failure, FailureKind};
use guard::Guard;
pub(crate) use runtime::name;
use runtime::{Files, Runtime};
pub(crate) use start::Progress;
use start::Start;

/// What the launcher knows of runtimes and of what they do for it.
#[derive(Debug)]
pub(crate) struct Oci {
    /// Bundles, and the program of process 1.
    directory: PathBuf,
    /// Where terminals arrive; short enough for a socket's address.
    stage: PathBuf,
    rootless: bool,
    /// Those that were looked for.
    known: Vec<(EngineKind, Result<Runtime, String>)>,
    /// What is under way, by container and process.
    starts: BTreeMap<(String, u32), Start>,
    /// What ends its containers should this launcher be killed, while there are any.
    guard: Option<Guard>,
    /// How many consoles there have been.
    consoles: u64,
    /// Whether processes of runtimes may have become the launcher's children.
    adopts: bool,
    /// An ended child that nobody has waited for since the last look.
    stray: Option<Pid>,
}

impl Oci {
    /// Removes what an earlier launcher has left below `state`: its containers' cgroups have been emptied.
    pub(crate) fn new(state: &Path, rootless: bool) -> io::Result<Self> {
        let directory = state.join("oci");
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(Self {
            directory,
            stage: state.join("stage"),
            rootless,
            known: Vec::new(),
            starts: BTreeMap::new(),
            guard: None,
            consoles: 0,
            adopts: false,
            stray: None,
        })
    }

    /// The runtime of that kind, looked for once.
    fn runtime(&mut self, kind: EngineKind) -> Result<Runtime, Failure> {
        if !self.known.iter().any(|(known, _)| *known == kind) {
            self.known.push((kind, Runtime::find(kind, self.rootless)));
        }
        let found = self.known.iter().find(|(known, _)| *known == kind).map(|(_, found)| found.clone());
        found
            .unwrap_or_else(|| Err("There is no such engine.".to_owned()))
            .map_err(|why| failure(FailureKind::Unsupported, format!("This host cannot run it so: {why}")))
    }

    /// Whether the first process of a container is not there yet.
    pub(crate) fn is_starting(&self, container: &str) -> bool {
        self.starts.contains_key(&(container.to_owned(), 0))
    }

    fn files(&self, container: &str) -> Files {
        Files::new(self.directory.join(container))
    }

    fn init(&self) -> PathBuf {
        self.directory.join("init")
    }

    /// Prepares for the first container.
    fn prepare(&mut self) -> io::Result<()> {
        if self.adopts {
            return Ok(());
        }
        for place in [crate::child::NETWORK, crate::child::USERS] {
            fs::write(self.stage.join(place), "")?;
        }
        // Process 1 of a container passes through, as root inside and so as nobody.
        DirBuilder::new().recursive(true).mode(0o711).create(&self.directory)?;
        let mut init = fs::File::options().write(true).create_new(true).mode(0o555).open(self.init())?;
        io::Write::write_all(&mut init, crate::init::IMAGE)?;
        nix::sys::prctl::set_child_subreaper(true)?;
        self.adopts = true;
        Ok(())
    }

    /// Has a container end with this launcher, however that ends.
    fn guard(&mut self, container: &str, cgroups: &Cgroups) -> io::Result<()> {
        let mut guard = match self.guard.take() {
            Some(guard) if guard.lives() => guard,
            // One that somebody has killed.
            Some(guard) => guard.again(cgroups)?,
            None => Guard::start(cgroups)?,
        };
        guard.watch(container)?;
        self.guard = Some(guard);
        Ok(())
    }

    /// Forgets a container that is gone, with its runtime's files.
    pub(crate) fn clean(&mut self, container: &str) {
        self.guard.take_if(|guard| guard.leave(container));
        // Not there for a container of ours; what cannot be removed goes at the next start.
        let _ = fs::remove_dir_all(self.files(container).directory());
    }

    /// Takes the status of children that nobody waits for: helpers of runtimes that outlived them. Returns whether there may
    /// be more.
    ///
    /// Whatever the launcher has started itself is watched, and waited for when its end is told. So a child that is still
    /// there when that has been done, a whole round of the loop later, is a stray.
    pub(crate) fn reap_strays(&mut self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        // What a runtime is about to tell of may be ours already, and have ended.
        while self.adopts && self.starts.is_empty() {
            match waitid(Id::All, flags).ok().and_then(|status| status.pid()) {
                None => break,
                Some(pid) if self.stray == Some(pid) => {
                    // It has ended: this does not wait.
                    let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
                    self.stray = None;
                }
                found => {
                    self.stray = found;
                    return true;
                }
            }
        }
        self.stray = None;
        false
    }
}

/// Every runtime by name, whether it can be used here, and its version or why not; `tried` by a container each, which takes some
/// hundred milliseconds.
pub(crate) fn report(rootless: bool, tried: bool) -> Vec<(String, bool, String)> {
    let look = |kind| {
        let name = name(kind);
        let found = Runtime::find(kind, rootless).and_then(|runtime| {
            if tried {
                trial::attempt(&runtime).map_err(|why| format!("{name} {}: {why}", runtime.version))?;
            }
            Ok(runtime.version)
        });
        let works = found.is_ok();
        (name.to_owned(), works, found.unwrap_or_else(|why| why))
    };
    runtime::KINDS.into_iter().map(look).collect()
}
