//! Control groups: one directory for each container in every hierarchy that limits something, see `cgroups(7)`.
//!
//! Each controller is used where it is, on version 1 or 2: some hosts have some on either. All directories are below
//! `porthole/HASH`, where the hash is of the state directory, so that several launchers do not meet.

mod detect;
mod files;
mod freezer;

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::plan::Hierarchy;
use crate::wire::Usage;

pub(crate) use detect::{accounts_swap, describe};
pub(crate) use freezer::Frozen;

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
        let mounted = detect::mounts()
            .into_iter()
            .filter_map(|mount| {
                let directory = mount.point.join(parent.trim_start_matches('/'));
                let controllers = detect::delegate(&mount, &directory)?;
                let hierarchy = Hierarchy { name: mount.name, version: mount.version, controllers };
                Some(Mounted { hierarchy, directory })
            })
            .collect();
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

    /// The `tasks` files of a container's directories of version 1: a process with a single thread that writes `0` into
    /// one of them moves itself. That is the cheap way: moving another process, or one by `cgroup.procs`, makes the kernel
    /// stop every fork and exit on the host for a moment.
    pub(crate) fn entrances(&self, container: &str) -> io::Result<Vec<OwnedFd>> {
        let version_1 = self.mounted.iter().filter(|mounted| mounted.hierarchy.version == 1);
        let open = |mounted: &Mounted| {
            let path = mounted.directory.join(container).join("tasks");
            Ok(rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?)
        };
        version_1.map(open).collect()
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
    pub(crate) fn usage(&self, container: &str) -> Vec<Usage> {
        let cpu_time = self.each(container).find_map(|(_, directory)| files::cpu_time(&directory));
        self.each(container)
            .flat_map(|(hierarchy, directory)| files::usage(hierarchy, &directory, cpu_time))
            .collect()
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
