//! What the kernel says about a container, beside what it says about the host: the kernel panel and the birth timeline.

use serde::{Deserialize, Serialize};

use crate::http::ListeningPort;
use crate::spec::Namespace;

/// One executed step of the plan, for the birth timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BirthStep {
    /// Who took it: `launcher`, `init` (the container's process 1) or `process` (the one that was asked for).
    pub actor: String,
    /// The system call or write, as one would type it: `clone3(CLONE_NEWUSER | …)`.
    pub call: String,
    /// One sentence on what it does.
    pub why: String,
    /// When it began, in nanoseconds after the launcher read the request.
    pub start_ns: u64,
    /// How long it took, in nanoseconds.
    pub duration_ns: u64,
}

/// One namespace as a process sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NamespaceId {
    /// Which kind.
    pub kind: Namespace,
    /// Its inode number, as `readlink /proc/self/ns/KIND` prints it. 0 when it cannot be read.
    pub id: u64,
}

/// One line of `/proc/PID/uid_map` or `gid_map`, see `user_namespaces(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IdMap {
    /// First id inside.
    pub inside: u32,
    /// First id outside.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// What one side, the host or the container, looks like to a process there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Side {
    /// `uname -s`.
    pub sysname: String,
    /// `uname -r`.
    pub release: String,
    /// `uname -v`.
    pub version: String,
    /// `uname -m`.
    pub machine: String,
    /// `uname -n`.
    pub hostname: String,
    /// The namespaces, in the order of [`Namespace::ALL`].
    pub namespaces: Vec<NamespaceId>,
    /// `/proc/self/uid_map`.
    pub uid_map: Vec<IdMap>,
    /// `/proc/self/gid_map`.
    pub gid_map: Vec<IdMap>,
    /// Effective capabilities by name, without `CAP_`, of the first process.
    pub cap_effective: Vec<String>,
    /// The bounding set by name, without `CAP_`.
    pub cap_bounding: Vec<String>,
    /// Whether `no_new_privs` is set.
    pub no_new_privs: bool,
    /// 0 none, 1 strict, 2 filter, see `seccomp(2)`.
    pub seccomp_mode: u8,
    /// Number of seccomp filters.
    pub seccomp_filters: u32,
    /// Entries of the mount table.
    pub mount_count: u32,
    /// Processes that can be seen.
    pub process_count: u32,
}

/// A limit and its use, from one file pair of a cgroup controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CgroupValue {
    /// `memory`, `swap`, `pids`, `cpu`, `io`, `disk` or `inodes`.
    pub resource: String,
    /// 1 or 2: the cgroup version that serves it here; 0 for `disk` and `inodes`, which the file system serves.
    pub version: u8,
    /// Use now: bytes, processes, files; for `cpu` microseconds of CPU time, for `io` bytes moved, in total.
    pub usage: u64,
    /// The limit: bytes, processes, files, for `cpu` thousandths of one CPU, for `io` bytes in a second. None: unlimited.
    pub limit: Option<u64>,
    /// Times the limit was hit: OOM kills, refused forks, throttled periods.
    pub hits: u64,
}

/// A line of the container's mount table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Mount {
    /// Where.
    pub target: String,
    /// File system type.
    pub fs_type: String,
    /// Options of the mount itself, such as `ro,nosuid`.
    pub options: String,
}

/// A read-only layer under the container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Layer {
    /// `sha256:…` of the uncompressed archive.
    pub diff_id: String,
    /// Unpacked size in bytes.
    pub bytes: u64,
    /// Containers alive that share it.
    pub shared_by: u32,
    /// The instruction that made it, when the image says so.
    pub created_by: String,
}

/// A process of the container, as both sides see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Process {
    /// Its id on the host.
    pub host_pid: u32,
    /// Its id inside.
    pub container_pid: u32,
    /// Effective user id on the host.
    pub host_uid: u32,
    /// Effective user id inside.
    pub container_uid: u32,
    /// State letter, see `proc_pid_status(5)`.
    pub state: String,
    /// Resident memory in bytes.
    pub rss_bytes: u64,
    /// Command name.
    pub name: String,
    /// Command line, arguments joined with spaces, cut at 256 bytes.
    pub command: String,
}

/// Everything the kernel panel shows, taken at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct KernelView {
    /// The host's side.
    pub host: Side,
    /// The container's side.
    pub container: Side,
    /// Limits and use.
    pub cgroup: Vec<CgroupValue>,
    /// The container's cgroup path.
    pub cgroup_path: String,
    /// The container's mount table.
    pub mounts: Vec<Mount>,
    /// Layers, topmost first.
    pub layers: Vec<Layer>,
    /// Bytes in the writable layer.
    pub writable_bytes: u64,
    /// Processes, by container pid.
    pub processes: Vec<Process>,
    /// What this host could not provide for this container, one sentence each. Empty on a fully able host.
    pub lacks: Vec<String>,
    /// Ports that processes of the container listen on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listening: Vec<ListeningPort>,
}
