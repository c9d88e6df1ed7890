//! Control groups: one directory for each container in every hierarchy that limits something, see `cgroups(7)`.
//!
//! Each controller is used where it is, on version 1 or 2: some hosts have some on either. All directories are below
//! `porthole/HASH`, where the hash is of the state directory, so that several launchers do not meet.

mod detect;
mod files;
mod freezer;
mod weight;

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::plan::{Hierarchy, Weight};
use crate::wire::Usage;

pub(crate) use detect::{accounts_swap, describe};
pub(crate) use freezer::Frozen;
pub(crate) use weight::Weights;

/// The hierarchies this launcher uses, with its own directory in each.
#[derive(Debug)]
pub(crate) struct Cgroups {
    /// Relative to the root of each hierarchy, with a leading slash.
    parent: String,
    mounted: Vec<Mounted>,
    /// Where version 2 limits nothing.
    freezer: Option<freezer::Freezer>,
}

/// One of them.
#[derive(Clone, Debug)]
struct Mounted {
    hierarchy: Hierarchy,
    /// The launcher's own directory.
    directory: PathBuf,
}

impl Cgroups {
    /// Finds the hierarchies where containers can be limited, and makes the launcher's own directory in each. Those where
    /// it cannot are left out: what is missing then is told by [`crate::plan::Host::lacks`].
    pub(crate) fn set_up(state: &Path, rootless: bool) -> Self {
        let parent = detect::parent(state, rootless);
        let mut mounted: Vec<Mounted> = detect::mounts()
            .into_iter()
            .filter_map(|mount| {
                let directory = mount.point.join(parent.trim_start_matches('/'));
                let controllers = detect::delegate(&mount, &directory)?;
                let optional = files::names(&directory, Hierarchy::is_optional);
                let hierarchy = Hierarchy { name: mount.name, version: mount.version, controllers, optional };
                Some(Mounted { hierarchy, directory })
            })
            .collect();
        mounted.sort_by_key(|mounted| mounted.hierarchy.is_on_demand());
        let freezer = detect::freezer(&parent);
        if let Some(freezer) = &freezer {
            freezer.sweep();
        }
        Self { parent, mounted, freezer }
    }

    /// For the plan.
    pub(crate) fn hierarchies(&self) -> Vec<Hierarchy> {
        self.mounted.iter().map(|mounted| mounted.hierarchy.clone()).collect()
    }

    /// The launcher's own directory, relative to the root of each hierarchy.
    pub(crate) fn parent(&self) -> &str {
        &self.parent
    }

    /// Makes a container's directory in the hierarchy of that name.
    pub(crate) fn make(&self, hierarchy: &str, container: &str) -> io::Result<()> {
        fs::create_dir(self.of(hierarchy)?.directory.join(container))
    }

    /// Writes one file of a container's directory.
    pub(crate) fn set(&self, hierarchy: &str, container: &str, file: &str, value: &str) -> io::Result<()> {
        fs::write(self.of(hierarchy)?.directory.join(container).join(file), value)
    }

    /// The same, and where the file limits I/O also for the container's own disk: a limit of the disk below a loop device does
    /// not bind what goes through that.
    pub(crate) fn limit(
        &self,
        hierarchy: &str,
        container: &str,
        (file, value): (&str, &str),
        own_disk: Option<&str>,
    ) -> io::Result<()> {
        self.set(hierarchy, container, file, value)?;
        match (own_disk, value.split_once(' ')) {
            (Some(disk), Some((_, rate))) if file == "io.max" || file.starts_with("blkio.") => {
                self.set(hierarchy, container, file, &format!("{disk} {rate}"))
            }
            _ => Ok(()),
        }
    }

    /// Moves a container's processes into its directory in a hierarchy that it has not been in.
    ///
    /// # Errors
    /// `WouldBlock` when it makes processes faster than they can be moved, which one that is frozen does not.
    pub(crate) fn gather(&self, hierarchy: &str, container: &str) -> io::Result<()> {
        let directory = self.of(hierarchy)?.directory.join(container);
        let all = freezer::gather(&directory, || self.pids(container));
        if all { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
    }

    /// Whether what a container uses of memory is not above `bytes`, which it is reclaimed to.
    pub(crate) fn memory_fits(&self, hierarchy: &str, container: &str, bytes: &str) -> bool {
        let used = self.of(hierarchy).ok().and_then(|of| files::memory(&of.directory.join(container)));
        used.zip(bytes.parse().ok()).is_some_and(|(used, bytes): (u64, u64)| used <= bytes)
    }

    /// What becomes readable when a container of version 1 has no memory left and cannot get any by itself, see
    /// `admin-guide/cgroup-v1/memory` on OOM control.
    pub(crate) fn watch_memory(&self, hierarchy: &str, container: &str) -> io::Result<OwnedFd> {
        let directory = self.of(hierarchy)?.directory.join(container);
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let control = rustix::fs::open(
            directory.join("memory.oom_control"),
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        let line = format!("{} {}", event.as_raw_fd(), control.as_raw_fd());
        fs::write(directory.join("cgroup.event_control"), line)?;
        Ok(event)
    }

    /// The `tasks` files of a container's directories of version 1: a process with a single thread that writes `0` into
    /// one of them moves itself. That is the cheap way: moving another process, or one by `cgroup.procs`, makes the kernel
    /// stop every fork and exit on the host for a moment.
    pub(crate) fn entrances(&self, container: &str) -> io::Result<Vec<OwnedFd>> {
        let version_1 = self.mounted.iter().filter(|mounted| mounted.hierarchy.version == 1);
        let open = |mounted: &Mounted| {
            let path = mounted.directory.join(container).join("tasks");
            match rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()) {
                Err(Errno::NOENT) if mounted.hierarchy.is_on_demand() => None,
                opened => Some(opened.map_err(Into::into)),
            }
        };
        version_1.filter_map(open).collect()
    }

    /// The container's directory of version 2, for `CLONE_INTO_CGROUP`; none where that version limits nothing.
    pub(crate) fn directory(&self, container: &str) -> io::Result<Option<OwnedFd>> {
        let Some(unified) = self.mounted.iter().find(|mounted| mounted.hierarchy.version == 2) else {
            return Ok(None);
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Some(rustix::fs::open(unified.directory.join(container), flags, Mode::empty())?))
    }

    /// What is limited and how much is used; what cannot be read is left out.
    pub(crate) fn usage(&self, container: &str, disk: Option<&str>, own_disk: Option<&str>) -> Vec<Usage> {
        let disks = [disk.unwrap_or_default(), own_disk.unwrap_or_default()];
        let cpu_time = self.cpu_time(container);
        self.each(container)
            .flat_map(|(hierarchy, directory)| files::usage(hierarchy, &directory, cpu_time, disks))
            .collect()
    }

    /// Whether containers can weigh more or less.
    pub(crate) fn weighs(&self) -> bool {
        self.weighing().is_some()
    }

    /// Nanoseconds of CPU time that a container has used; none where nobody counts.
    pub(crate) fn cpu_time(&self, container: &str) -> Option<u64> {
        self.each(container).find_map(|(hierarchy, directory)| files::cpu_time(hierarchy, &directory))
    }

    /// Lets a container weigh so much.
    pub(crate) fn weigh(&self, container: &str, weight: Weight) -> io::Result<()> {
        let Some(hierarchy) = self.weighing() else { return Ok(()) };
        let (file, value) = weight.setting(hierarchy.version);
        self.set(&hierarchy.name, container, file, value)
    }

    /// The hierarchy that hands out CPU time.
    fn weighing(&self) -> Option<&Hierarchy> {
        let mut hierarchies = self.mounted.iter().map(|mounted| &mounted.hierarchy);
        hierarchies.find(|hierarchy| hierarchy.controllers.iter().any(|name| name == "cpu"))
    }

    /// How often the kernel has killed a process of the container because its memory was used up.
    pub(crate) fn oom_kills(&self, container: &str) -> u64 {
        self.each(container).map(|(hierarchy, directory)| files::oom_kills(hierarchy, &directory)).sum()
    }

    /// Host process ids of everything in the container. Empty where no hierarchy knows.
    pub(crate) fn pids(&self, container: &str) -> Vec<u32> {
        self.each(container).next().map_or(Vec::new(), |(_, directory)| files::pids(&directory))
    }

    /// Removes a container's directories, those that exist.
    ///
    /// # Errors
    /// `ResourceBusy` while processes in them are still ending; call again.
    pub(crate) fn remove(&self, container: &str) -> io::Result<()> {
        for directory in self.own() {
            match fs::remove_dir(directory.join(container)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Names of containers that an earlier launcher of the same state directory left.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut names: Vec<String> = self.own().flat_map(subdirectories).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Kills and removes a container that was left. Returns whether nothing of it is left any more.
    pub(crate) fn end(&self, container: &str) -> bool {
        self.each(container).flat_map(|(_, directory)| files::pids(&directory)).for_each(kill);
        self.remove(container).is_ok()
    }

    /// The launcher's own directory in every hierarchy that it uses, for limits or to freeze.
    fn own(&self) -> impl Iterator<Item = &Path> {
        let mounted = self.mounted.iter().map(|mounted| mounted.directory.as_path());
        mounted.chain(self.freezer.iter().map(|freezer| freezer.directory.as_path()))
    }

    fn of(&self, name: &str) -> io::Result<&Mounted> {
        let found = self.mounted.iter().find(|mounted| mounted.hierarchy.name == name);
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn each<'a>(&'a self, container: &'a str) -> impl Iterator<Item = (&'a Hierarchy, PathBuf)> {
        self.mounted.iter().map(move |mounted| (&mounted.hierarchy, mounted.directory.join(container)))
    }
}

impl Drop for Cgroups {
    /// Removes the launcher's own directories when no container is left in them.
    fn drop(&mut self) {
        for directory in self.own() {
            // Not empty, or shared with another launcher: then it stays.
            let _ = fs::remove_dir(directory);
            let _ = directory.parent().map(fs::remove_dir);
        }
    }
}

fn subdirectories(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
        // Gone already: what was wanted.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}
