//! Finding out, once, what the plans depend on.

use std::fs;
use std::path::Path;

use rustix::process::{Resource, getrlimit};

use crate::cgroup::Cgroups;
use crate::disk;
use crate::plan::Host;

/// Files that tell about the host or its kernel, see the masked paths of Docker and of runc's default.
const SECRET_FILES: [&str; 16] = [
    "proc/kcore",
    "proc/keys",
    "proc/key-users",
    "proc/latency_stats",
    "proc/timer_list",
    "proc/timer_stats",
    "proc/sched_debug",
    "proc/interrupts",
    "proc/kmsg",
    "proc/kallsyms",
    "proc/config.gz",
    "proc/slabinfo",
    "proc/vmallocinfo",
    "proc/pagetypeinfo",
    "proc/mdstat",
    "proc/sysrq-trigger",
];

/// Directories of the same kind.
const SECRET_DIRECTORIES: [&str; 8] = [
    "proc/asound",
    "proc/acpi",
    "proc/scsi",
    "proc/pressure",
    "proc/driver",
    "sys/firmware",
    "sys/devices/virtual/powercap",
    "sys/kernel/security",
];

/// Directories with settings of the kernel.
const SETTINGS: [&str; 4] = ["proc/bus", "proc/fs", "proc/irq", "proc/sys"];

/// Looks at this host.
pub(crate) fn look(state: &Path, rootless: bool, cgroups: &Cgroups) -> Host {
    Host {
        rootless,
        idmapped: !rootless,
        set_groups: std::fs::read_to_string("/proc/self/setgroups").is_ok_and(|text| text.trim() == "allow"),
        hierarchies: cgroups.hierarchies(),
        cgroup_parent: cgroups.parent().to_owned(),
        masked_files: existing(&SECRET_FILES),
        masked_directories: existing(&SECRET_DIRECTORIES),
        protected_directories: existing(&SETTINGS),
        storage: disk::find(state, rootless),
        max_open_files: getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX),
        cpus: list("/sys/devices/system/cpu/online"),
        memory_nodes: list("/sys/devices/system/node/online"),
        disk: rustix::fs::stat(state).ok().and_then(|state| disk(state.st_dev)),
    }
}

/// CPUs or memory nodes in the list format of `cpuset(7)`; the first one where the kernel does not tell.
fn list(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|_| "0".to_owned(), |text| text.trim().to_owned())
}

/// The disk with the file system of this number: what throttles I/O takes disks and no partitions of them.
pub(crate) fn disk(device: u64) -> Option<String> {
    let device = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    // Not there for file systems without a device of their own.
    let place = fs::canonicalize(format!("/sys/dev/block/{device}")).ok()?;
    let whole = if place.join("partition").exists() { place.parent()? } else { &place };
    fs::read_to_string(whole.join("dev")).ok().map(|text| text.trim().to_owned())
}

/// Those that this kernel has: a container has the same.
fn existing(paths: &[&str]) -> Vec<String> {
    paths.iter().filter(|path| Path::new("/").join(path).exists()).map(|&path| path.to_owned()).collect()
}
