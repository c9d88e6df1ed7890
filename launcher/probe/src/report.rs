//! The report itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{see, try_out};

/// What one process can see and do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Descriptors open when the program started, with what they refer to.
    pub fds: BTreeMap<i32, String>,
    /// Inode numbers in `/proc/self/ns`.
    pub namespaces: BTreeMap<String, u64>,
    /// Process id and parent's process id.
    pub pid: (i32, i32),
    /// Real uid, gid and supplementary groups.
    pub ids: (u32, u32, Vec<u32>),
    /// `/proc/self/uid_map`.
    pub uid_map: String,
    /// `/proc/self/gid_map`.
    pub gid_map: String,
    /// Fields of `/proc/self/status`.
    pub status: BTreeMap<String, String>,
    /// `/proc/self/mountinfo`.
    pub mounts: Vec<Mount>,
    /// `/proc/self/cgroup`.
    pub cgroup: String,
    /// Host name.
    pub hostname: String,
    /// `/etc/hosts`.
    pub hosts: String,
    /// Names in `/dev`, with type and device number.
    pub dev: BTreeMap<String, String>,
    /// Process ids in `/proc`.
    pub pids: Vec<i32>,
    /// Names of network interfaces in `/proc/net/dev`.
    pub interfaces: Vec<String>,
    /// Lines of `/proc/net/unix` that name an abstract socket.
    pub abstract_sockets: usize,
    /// Soft and hard limits by name, see `getrlimit(2)`.
    pub rlimits: BTreeMap<String, (u64, u64)>,
    /// `/proc/self/oom_score_adj`.
    pub oom_score_adj: i32,
    /// Outcome of reading a byte of each of [`try_out::SECRETS`].
    pub reads: BTreeMap<String, String>,
    /// Outcome of opening each of [`try_out::KNOBS`] for writing.
    pub writes: BTreeMap<String, String>,
    /// Outcome of each system call that a container has no business with.
    pub calls: BTreeMap<String, String>,
    /// Whether a TCP connection over loopback works.
    pub loopback: String,
    /// Whether a further pseudo-terminal can be opened.
    pub ptmx: String,
}

/// A line of the mount table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mount {
    /// What of the file system is mounted.
    pub root: String,
    /// Where.
    pub target: String,
    /// Options of the mount, comma-separated.
    pub options: String,
    /// Type of the file system.
    pub fs_type: String,
    /// Options of the file system, comma-separated.
    pub super_options: String,
}

impl Report {
    /// Looks at everything and tries everything.
    #[must_use]
    pub fn take(fds: BTreeMap<i32, String>) -> Self {
        Self {
            fds,
            namespaces: see::namespaces(),
            pid: (nix::unistd::getpid().as_raw(), nix::unistd::getppid().as_raw()),
            ids: see::ids(),
            uid_map: see::text("/proc/self/uid_map"),
            gid_map: see::text("/proc/self/gid_map"),
            status: see::status(),
            mounts: see::mounts(),
            cgroup: see::text("/proc/self/cgroup"),
            hostname: see::text("/proc/sys/kernel/hostname").trim().to_owned(),
            hosts: see::text("/etc/hosts"),
            dev: see::dev(),
            pids: see::pids(),
            interfaces: see::interfaces(),
            abstract_sockets: see::text("/proc/net/unix").lines().filter(|line| line.contains('@')).count(),
            rlimits: see::rlimits(),
            oom_score_adj: see::text("/proc/self/oom_score_adj").trim().parse().unwrap_or(i32::MIN),
            reads: try_out::reads(),
            writes: try_out::writes(),
            calls: try_out::calls(),
            loopback: try_out::loopback(),
            ptmx: try_out::ptmx(),
        }
    }
}
