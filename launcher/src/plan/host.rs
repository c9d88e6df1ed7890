//! What a plan depends on besides the request: facts about this host, found out once at the launcher's start.

use serde::{Deserialize, Serialize};

use super::Action;

/// How writable layers are limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Storage {
    /// By a project quota of the state directory's file system.
    Quota,
    /// Each is a file system of its own in a file.
    Image,
    /// Not at all.
    #[default]
    None,
}

impl Storage {
    /// Its name, see [`HostReport::disk`](crate::wire::HostReport::disk).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Quota => "quota",
            Self::Image => "image",
            Self::None => "none",
        }
    }
}

/// Facts about this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Whether the launcher is root of a user namespace only.
    pub rootless: bool,
    /// Whether mounts of the store can be idmapped.
    pub idmapped: bool,
    /// Whether processes of a container may set supplementary groups, see `user_namespaces(7)`.
    pub set_groups: bool,
    /// Cgroup hierarchies that serve a limit, each once; those that only some containers join come last.
    pub hierarchies: Vec<Hierarchy>,
    /// Directory of this launcher's containers in each hierarchy, relative to its root.
    pub cgroup_parent: String,
    /// Existing files of /proc that a container must not read, relative to the root.
    pub masked_files: Vec<String>,
    /// The same for directories.
    pub masked_directories: Vec<String>,
    /// Existing directories of /proc that a container must not write to.
    pub protected_directories: Vec<String>,
    /// How writable layers are limited here.
    pub storage: Storage,
    /// Hard limit of this launcher for open files: it cannot give more.
    pub max_open_files: u64,
    /// CPUs that containers may run on, in the list format of `cpuset(7)`.
    pub cpus: String,
    /// The same for memory nodes.
    pub memory_nodes: String,
    /// The disk below the state directory, as `MAJOR:MINOR`; none when that is on none, such as a tmpfs.
    pub disk: Option<String>,
}

/// One mounted cgroup hierarchy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchy {
    /// The name of its controllers as in `/proc/self/cgroup`; `unified` for version 2.
    pub name: String,
    /// 1 or 2.
    pub version: u8,
    /// The controllers to set limits in, by name.
    pub controllers: Vec<String>,
    /// Files of its groups that only some kernels have.
    pub optional: Vec<String>,
}

/// The ids of one container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// Host id of id 0 in the container.
    pub base: u32,
    /// How many.
    pub count: u32,
    /// Host id that owns what id 0 of a container owns, on disk.
    pub store: u32,
}

impl Host {
    /// Directory of a container in each hierarchy, relative to its root.
    #[must_use]
    pub fn cgroup_of(&self, container: &str) -> String {
        format!("{}/{container}", self.cgroup_parent)
    }

    /// Joining the hierarchies of version 1: each process does it itself, first of all; those of version 2 are entered by
    /// the clone.
    pub(super) fn join(&self) -> Option<Action> {
        let version_1 = self.hierarchies.iter().filter(|hierarchy| hierarchy.version == 1);
        let hierarchies: Vec<String> = version_1.map(|hierarchy| hierarchy.name.clone()).collect();
        (!hierarchies.is_empty()).then_some(Action::JoinCgroups { hierarchies })
    }

    /// What this host cannot provide, one sentence each.
    #[must_use]
    pub fn lacks(&self) -> Vec<String> {
        let mut lacks = Vec::new();
        if self.rootless {
            lacks.push(
                "Containers share one range of user ids, because the launcher runs without root.".to_owned(),
            );
        }
        if !self.set_groups {
            lacks.push(
                "Supplementary groups cannot be set, because only a single user id is mapped.".to_owned(),
            );
        }
        for (controller, what) in
            [("memory", "memory is"), ("pids", "the number of processes is"), ("cpu", "CPU time is")]
        {
            if !self.hierarchies.iter().any(|h| h.controllers.iter().any(|c| c == controller)) {
                lacks.push(format!(
                    "The use of {what} not limited, because no {controller} controller can be used here."
                ));
            }
        }
        if self.storage == Storage::None {
            lacks.push(
                "What is written to disk is not limited, because this host offers neither quota nor loop devices here."
                    .to_owned(),
            );
        }
        lacks
    }

    /// Options of a container's devpts instance, see the kernel's `filesystems/devpts`: group 5 is `tty` in every
    /// distribution.
    pub(super) fn devpts_options(&self, ids: Ids) -> Vec<(String, String)> {
        let mut options = vec![("mode", "620".to_owned()), ("ptmxmode", "666".to_owned())];
        options.push(("max", "256".to_owned()));
        if ids.count > 5 {
            options.push(("gid", (ids.base + 5).to_string()));
        }
        options.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}
