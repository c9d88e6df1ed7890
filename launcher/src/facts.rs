//! Finding out, once, what the plans depend on.

use std::path::Path;

use rustix::process::{Resource, getrlimit};

use crate::cgroup::Cgroups;
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
pub(crate) fn look(rootless: bool, cgroups: &Cgroups) -> Host {
    Host {
        rootless,
        idmapped: !rootless,
        set_groups: std::fs::read_to_string("/proc/self/setgroups").is_ok_and(|text| text.trim() == "allow"),
        hierarchies: cgroups.hierarchies(),
        cgroup_parent: cgroups.parent().to_owned(),
        masked_files: existing(&SECRET_FILES),
        masked_directories: existing(&SECRET_DIRECTORIES),
        protected_directories: existing(&SETTINGS),
        max_open_files: getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX),
    }
}

/// Those that this kernel has: a container has the same.
fn existing(paths: &[&str]) -> Vec<String> {
    paths.iter().filter(|path| Path::new("/").join(path).exists()).map(|&path| path.to_owned()).collect()
}
