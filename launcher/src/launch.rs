//! Executing a plan: the launcher's own steps of it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{Mode, OFlags, openat};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen,
};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::thread::UnshareFlags;

use crate::child::{self, Materials};
use crate::container::{Caller, Child, Process, Starting};
use crate::disk::Disk;
use crate::engine::Engine;
use crate::net::Inside;
use crate::page::{Page, Signal};
use crate::plan::{Action, Actor, Ids, Step};
use crate::privilege::Effective;
use crate::program::Program;
use crate::ranges::{Range, write_maps};
use crate::spawn::Spawn;
use crate::store::Store;
use crate::streams::Pair;
use crate::sys::{self, Cloned};
use crate::wire::LaunchRequest;

/// A container that is being made. Dropped before it is complete, it takes everything back.
pub(crate) struct Birth<'a> {
    pub(crate) engine: &'a mut Engine,
    pub(crate) request: &'a LaunchRequest,
    pub(crate) range: Range,
    pub(crate) page: Page,
    program: Program,
    /// To the cgroups of version 1.
    entrances: Vec<OwnedFd>,
    /// The cgroup of version 2.
    cgroup: Option<OwnedFd>,
    pub(crate) disk: Option<Disk>,
    pub(crate) layers: Vec<OwnedFd>,
    devpts: Option<OwnedFd>,
    pub(crate) memory: Option<OwnedFd>,
    streams: Option<Pair>,
    pub(crate) init: Option<Child>,
    /// See [`Materials::init_open`].
    init_open: Option<OwnedFd>,
    /// Its network namespace, when it joins a network.
    pub(crate) inside: Option<Inside>,
    process: Option<(Child, OwnedFd)>,
}

/// A container whose processes run towards their programs.
pub(crate) struct Born {
    pub(crate) disk: Disk,
    pub(crate) init: Child,
    pub(crate) devpts: OwnedFd,
    pub(crate) memory: Option<OwnedFd>,
    pub(crate) process: Process,
}

/// The step that failed, and the kernel's reason.
#[derive(Debug)]
pub(crate) struct StepError {
    pub(crate) step: usize,
    pub(crate) error: io::Error,
}

impl<'a> Birth<'a> {
    pub(crate) fn new(engine: &'a mut Engine, request: &'a LaunchRequest, range: Range) -> io::Result<Self> {
        Ok(Self {
            engine,
            request,
            range,
            page: Page::new()?,
            program: Program::command(&request.process),
            entrances: Vec::new(),
            cgroup: None,
            disk: None,
            layers: Vec::new(),
            devpts: None,
            memory: None,
            streams: None,
            init: None,
            init_open: None,
            inside: None,
            process: None,
        })
    }

    /// Takes the launcher's steps of `steps`; the children have begun theirs when it returns.
    pub(crate) fn execute(
        mut self,
        steps: Vec<Step>,
        caller: Caller,
        received: u64,
    ) -> Result<Born, StepError> {
        for (index, step) in steps.iter().enumerate().filter(|(_, step)| step.actor == Actor::Launcher) {
            self.page.begin(index);
            if let Err(error) = self.perform(&step.action, &steps) {
                self.undo();
                return Err(StepError { step: index, error });
            }
            self.page.end(index);
        }
        let (Some(disk), Some(init), Some(devpts), Some((child, done)), Some(streams)) =
            (self.disk, self.init, self.devpts, self.process, self.streams)
        else {
            unreachable!("every plan makes a writable layer, a devpts, streams and two processes")
        };
        let process = Process {
            request: self.request.process.clone(),
            child: Some(child),
            streams: Some(streams.ours),
            starting: Some(Starting { caller, received, done, page: self.page, steps }),
            ending: None,
        };
        Ok(Born { disk, init, devpts, memory: self.memory, process })
    }

    /// Takes one of the launcher's steps.
    pub(crate) fn perform(&mut self, action: &Action, steps: &[Step]) -> io::Result<()> {
        match action {
            Action::MakeWritableLayer { storage, .. } => {
                self.disk = Some(self.engine.make_disk(self.request, *storage)?);
                Ok(())
            }
            Action::MakeCgroup { hierarchy, .. } => {
                self.engine.cgroups.make(hierarchy, &self.request.container)
            }
            Action::SetLimit { hierarchy, file, value } => self.set(hierarchy, file, value),
            Action::WatchMemory { hierarchy } => {
                self.memory = Some(self.engine.cgroups.watch_memory(hierarchy, &self.request.container)?);
                Ok(())
            }
            Action::AllowDevices { hierarchy, rules } => {
                self.set(hierarchy, "devices.deny", "a")?;
                rules.iter().try_for_each(|rule| self.set(hierarchy, "devices.allow", rule))
            }
            Action::CloneLayers { layers, idmapped, .. } => self.clone_layers(layers, *idmapped),
            Action::MakeDevpts { options } => {
                self.devpts = Some(make_devpts(options)?);
                Ok(())
            }
            Action::CloneInit { .. } => self.clone_init(steps),
            Action::MapIds { ids, .. } => self.map_ids(*ids),
            Action::OpenTerminal { .. } | Action::OpenPipes { .. } => self.make_streams(),
            Action::OpenNetwork => {
                let init = self.init.as_ref().ok_or(io::ErrorKind::InvalidInput)?;
                self.inside = Some(self.engine.net.open(namespace_of(init, "net")?)?);
                Ok(())
            }
            Action::MakeNetwork => {
                self.inside = Some(self.engine.net.make()?);
                Ok(())
            }
            Action::MakeLink { .. }
            | Action::RouteTo { .. }
            | Action::BindPort { .. }
            | Action::SetAddress { .. } => {
                let inside = self.inside.as_ref().ok_or(io::ErrorKind::InvalidInput)?;
                self.engine.net.perform(action, inside)
            }
            Action::CloneProcess => self.clone_process(steps),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn set(&self, hierarchy: &str, file: &str, value: &str) -> io::Result<()> {
        let limited = self.request.limits.io_bytes_per_second.is_some();
        let own_disk = self.disk.as_ref().filter(|_| limited).and_then(|disk| self.engine.own_disk(disk));
        let container = &self.request.container;
        self.engine.cgroups.limit(hierarchy, container, (file, value), own_disk.as_deref())
    }

    fn clone_layers(&mut self, layers: &[String], idmapped: bool) -> io::Result<()> {
        let quiet = MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOSUID;
        let read_only = u64::from((quiet | MountAttrFlags::MOUNT_ATTR_RDONLY).bits());
        let mapping = if idmapped { self.engine.ranges.mapping(&self.range)? } else { None };
        let ids = mapping.as_ref().map(|mapping| mapping.as_fd());
        for layer in layers {
            self.layers.push(Store::clone_tree(self.engine.store.layers(), layer, read_only, ids)?);
        }
        let disk = self.disk.as_ref().ok_or(io::ErrorKind::InvalidInput)?;
        self.layers.push(disk.mount(quiet, ids)?);
        Ok(())
    }

    fn clone_init(&mut self, steps: &[Step]) -> io::Result<()> {
        let namespaces = UnshareFlags::NEWUSER
            | UnshareFlags::NEWNS
            | UnshareFlags::NEWPID
            | UnshareFlags::NEWNET
            | UnshareFlags::NEWIPC
            | UnshareFlags::NEWUTS;
        let program = Program::init(Arc::clone(&self.engine.init));
        self.entrances = self.engine.cgroups.entrances(&self.request.container)?;
        self.cgroup = self.engine.cgroups.directory(&self.request.container)?;
        let cgroup = self.cgroup.as_ref().map(AsFd::as_fd);
        // The writing end is the child's, and closed in here when this returns.
        let (init_open, _held_by_child) = pipe_with(PipeFlags::CLOEXEC)?;
        let owner = self.owner()?;
        let cloned = sys::clone(namespaces.bits().into(), cgroup)?;
        match cloned {
            Cloned::Child => {
                let materials = Materials {
                    entrances: &self.entrances,
                    layers: &self.layers,
                    devpts: self.devpts.as_ref().map(AsFd::as_fd),
                    stdio: self.streams.as_ref().map_or([None; 3], Pair::theirs),
                    init: None,
                    network: None,
                    users: None,
                    init_open: None,
                    filter: &self.engine.filter,
                    program: &program,
                };
                child::run(Actor::Init, steps, &self.page, &materials)
            }
            Cloned::Parent { pid, pidfd } => {
                drop(owner);
                self.init = Some(Child { pid, pidfd });
                self.init_open = self.engine.host.rootless.then_some(init_open);
                Ok(())
            }
        }
    }

    /// Who the container's user namespace belongs to: its own root, where that is somebody else than the launcher.
    fn owner(&self) -> io::Result<Option<Effective>> {
        let own = !self.engine.host.rootless;
        own.then(|| Effective::become_user(self.range.ids.base)).transpose()
    }

    fn map_ids(&mut self, ids: Ids) -> io::Result<()> {
        let init = self.init.as_ref().ok_or(io::ErrorKind::InvalidInput)?;
        write_maps(init.pid, 0, ids.base, ids.count)?;
        self.page.raise(Signal::Mapped);
        Ok(())
    }

    fn make_streams(&mut self) -> io::Result<()> {
        let devpts = self.devpts.as_ref().ok_or(io::ErrorKind::InvalidInput)?;
        self.streams = Some(Pair::make(&self.request.process, devpts.as_fd(), self.range.ids)?);
        Ok(())
    }

    fn clone_process(&mut self, steps: &[Step]) -> io::Result<()> {
        let (Some(init), Some(streams)) = (&self.init, &self.streams) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let spawned = Spawn {
            init: init.pidfd.as_fd(),
            init_open: self.init_open.as_ref().map(AsFd::as_fd),
            home: self.engine.home.as_ref().map(AsFd::as_fd),
            entrances: &self.entrances,
            cgroup: self.cgroup.as_ref().map(AsFd::as_fd),
            stdio: streams.theirs(),
            filter: &self.engine.filter,
            program: &self.program,
            steps,
            page: &self.page,
        }
        .spawn()?;
        self.process = Some(spawned);
        Ok(())
    }

    /// Takes back what was made so far.
    pub(crate) fn undo(&mut self) {
        if let Some((process, _)) = self.process.take() {
            process.kill_and_wait();
        }
        if let Some(init) = self.init.take() {
            init.kill_and_wait();
        }
        // Both processes have been waited for; what still refuses is swept at the next start.
        let _ = self.engine.cgroups.remove(&self.request.container);
        self.layers.clear();
        self.engine.discard(&self.request.container, self.disk.take());
    }
}

/// The container's devpts, made by the launcher, so that terminals can be opened in it through this descriptor for as
/// long as the container lives.
fn make_devpts(options: &[(String, String)]) -> io::Result<OwnedFd> {
    let context = fsopen("devpts", FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        fsconfig_set_string(context.as_fd(), key.as_str(), value.as_str())?;
    }
    fsconfig_create(context.as_fd())?;
    let quiet = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    Ok(fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, quiet)?)
}

/// A namespace of a child of ours, which has not been waited for: the number is its own.
pub(crate) fn namespace_of(child: &Child, kind: &str) -> io::Result<OwnedFd> {
    let path = format!("/proc/{}/ns/{kind}", child.number());
    Ok(openat(rustix::fs::CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

/// The launcher's own process id namespace.
pub(crate) fn home() -> io::Result<OwnedFd> {
    Ok(openat(rustix::fs::CWD, "/proc/self/ns/pid", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}
