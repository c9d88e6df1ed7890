//! Whom we are measured against: the floor that no container can go below, a sandbox, and two OCI runtimes.

mod bundle;

use std::env;
use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::geteuid;
use serde_json::{Value, json};

use super::rootfs::RootFs;
use crate::machine;
use crate::pty::Program;
use crate::sample::Sample;
use bundle::Ids;

/// One of them.
pub(super) struct Peer {
    pub(super) name: &'static str,
    /// What it isolates, in a few words.
    pub(super) what: &'static str,
    pub(super) prompt: Sample,
    state: Result<Start, String>,
}

/// How it is started.
struct Start {
    program: PathBuf,
    arguments: Vec<CString>,
}

impl Peer {
    /// Runs it once unmeasured; one that cannot run here says why instead.
    pub(super) fn warm_up(&mut self) {
        self.measure();
        self.prompt = Sample::default();
    }

    /// Runs it once.
    pub(super) fn round(&mut self) {
        self.measure();
    }

    /// Why it was left out.
    pub(super) fn reason(&self) -> Option<&str> {
        self.state.as_ref().err().map(String::as_str)
    }

    pub(super) fn json(&self) -> Value {
        match self.reason() {
            Some(reason) => json!({ "name": self.name, "what": self.what, "left_out": reason }),
            None => json!({ "name": self.name, "what": self.what, "prompt": self.prompt.json() }),
        }
    }

    fn measure(&mut self) {
        let Ok(start) = &self.state else { return };
        match once(start) {
            Ok(duration) => self.prompt.add(duration),
            Err(error) => self.state = Err(format!("{error:#}")),
        }
    }

    fn new(name: &'static str, what: &'static str, start: Result<Start>) -> Self {
        let state = start.map_err(|error| format!("{error:#}"));
        Self { name, what, prompt: Sample::default(), state }
    }
}

fn once(start: &Start) -> Result<std::time::Duration> {
    let mut program = Program::start(&start.program, &start.arguments)?;
    let prompt = program.prompt()?;
    program.exit()?;
    Ok(prompt)
}

/// All of them, ready to run.
///
/// As root this moves the process to a mount namespace of its own without the unified cgroup hierarchy of a hybrid
/// machine, since crun refuses one; the agent, started before, stays where it was.
pub(super) fn all(rootfs: &RootFs) -> Result<Vec<Peer>> {
    if geteuid().is_root() && machine::facts()["cgroup"] == "hybrid" {
        unshare(CloneFlags::CLONE_NEWNS)?;
        mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?;
        umount2("/sys/fs/cgroup/unified", MntFlags::MNT_DETACH).context("/sys/fs/cgroup/unified")?;
    }
    Ok(vec![
        Peer::new("bare", "posix_spawn on a PTY: no isolation, the floor", bare(rootfs)),
        Peer::new("bwrap", "namespaces alone: no limits, seccomp, overlay", bwrap(rootfs)),
        Peer::new("crun", "no user namespace, seccomp, overlay", bundle::start("crun", Ids::Host, rootfs)),
        Peer::new(
            "crun, own ids",
            "as ours but for seccomp and overlay",
            bundle::start("crun", Ids::Own, rootfs),
        ),
        Peer::new("runc", "no user namespace, seccomp, overlay", bundle::start("runc", Ids::Host, rootfs)),
        Peer::new(
            "runc, own ids",
            "as ours but for seccomp and overlay",
            bundle::start("runc", Ids::Own, rootfs),
        ),
    ])
}

fn bare(rootfs: &RootFs) -> Result<Start> {
    Start::new(&rootfs.path().join("bin/busybox"), &["sh".as_ref()])
}

fn bwrap(rootfs: &RootFs) -> Result<Start> {
    let root = rootfs.path();
    let words = ["--unshare-all", "--proc", "/proc", "--dev", "/dev", "--bind"].map(Path::new);
    let bind = [root.as_path(), "/".as_ref(), "/bin/sh".as_ref()];
    // The root has to be bound before anything is mounted on it.
    let arguments: Vec<_> = [&words[..1], &words[5..], &bind[..2], &words[1..5], &bind[2..]].concat();
    Start::named("bwrap", &arguments)
}

impl Start {
    fn new(program: &Path, arguments: &[&Path]) -> Result<Self> {
        let name = program.file_name().context("a program has a name")?;
        let words = [&[Path::new(name)], arguments].concat();
        let arguments =
            words.iter().map(|word| Ok(CString::new(word.as_os_str().as_bytes())?)).collect::<Result<_>>()?;
        Ok(Self { program: program.to_path_buf(), arguments })
    }

    fn named(program: &str, arguments: &[&Path]) -> Result<Self> {
        let path = env::var_os("PATH").unwrap_or_default();
        match env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.is_file()) {
            Some(program) => Self::new(&program, arguments),
            None => bail!("not installed"),
        }
    }
}
