//! The commands that print, inside the container, what the kernel panel shows. A click types them.

use porthole_protocol::spec::Namespace;

/// Prints the kernel's name and release, version, machine and the host name, as `uname` names its options.
pub const UNAME: [(&str, &str); 4] =
    [("Release", "uname -r"), ("Built", "uname -v"), ("Machine", "uname -m"), ("Host name", "uname -n")];
/// Prints the map of user ids.
pub const UID_MAP: &str = "cat /proc/self/uid_map";
/// Prints the map of group ids.
pub const GID_MAP: &str = "cat /proc/self/gid_map";
/// Prints the effective capabilities as a bit mask.
pub const CAP_EFFECTIVE: &str = "grep CapEff /proc/self/status";
/// Prints the bounding set as a bit mask.
pub const CAP_BOUNDING: &str = "grep CapBnd /proc/self/status";
/// Prints whether a program can gain privileges by exec.
pub const NO_NEW_PRIVS: &str = "grep NoNewPrivs /proc/self/status";
/// Prints seccomp's mode and the number of filters.
pub const SECCOMP: &str = "grep Seccomp /proc/self/status";
/// Prints the cgroup, seen from inside.
pub const CGROUP: &str = "cat /proc/self/cgroup";
/// Prints the processes.
pub const PROCESSES: &str = "ps -o pid,user,args";
/// Prints the mount table.
pub const MOUNTS: &str = "mount";
/// Counts the mount table's entries.
pub const MOUNT_COUNT: &str = "wc -l < /proc/self/mounts";
/// Prints how the layers are stacked.
pub const LAYERS: &str = "grep ' / ' /proc/self/mounts";

/// Prints the id of a namespace.
#[must_use]
pub fn namespace(kind: Namespace) -> String {
    format!("readlink /proc/self/ns/{}", kind.proc_name())
}
