//! What a person asks for: a container or a further process in one.

use serde::{Deserialize, Serialize};

/// A kind of Linux namespace, see `namespaces(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Namespace {
    /// User and group ids, capabilities.
    User,
    /// The mount table.
    Mount,
    /// Process ids.
    Pid,
    /// Network devices, addresses, sockets.
    Net,
    /// System V IPC and POSIX message queues.
    Ipc,
    /// Host name.
    Uts,
    /// The root of the cgroup hierarchy.
    Cgroup,
}

impl Namespace {
    /// Every kind, in the order the page shows them.
    pub const ALL: [Self; 7] =
        [Self::User, Self::Mount, Self::Pid, Self::Net, Self::Ipc, Self::Uts, Self::Cgroup];

    /// The name of its link in `/proc/PID/ns`.
    #[must_use]
    pub fn proc_name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Mount => "mnt",
            Self::Pid => "pid",
            Self::Net => "net",
            Self::Ipc => "ipc",
            Self::Uts => "uts",
            Self::Cgroup => "cgroup",
        }
    }
}

/// Limits of one container. A missing value means the default, which is a limit as well; in an update, that the limit stays
/// what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Limits {
    /// Memory, swap included, in bytes.
    pub memory_bytes: Option<u64>,
    /// CPU time, in thousandths of one CPU.
    pub cpu_millis: Option<u32>,
    /// Processes and threads.
    pub pids: Option<u32>,
    /// The CPUs it may run on, as `0-1,3` (`cpuset(7)`, list format). All of them when missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpuset: Option<String>,
    /// Bytes it may read from disk, and as many it may write, in a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_bytes_per_second: Option<u64>,
    /// Bytes of its writable layer. Fixed at its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
    /// Files, directories and links of its writable layer. Fixed at its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_inodes: Option<u64>,
    /// Bytes of `/dev/shm`. Fixed at its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shm_bytes: Option<u64>,
    /// Milliseconds after which it is stopped, counted from its start or from the update that set this; 0 for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifetime_ms: Option<u64>,
    /// Milliseconds without a client attached and without input after which it is stopped; 0 for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
}

/// A port of a container that the agent offers outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Publish {
    /// The TCP port inside.
    pub port: u16,
    /// The TCP port on the agent's side, on the address it listens on; any free one when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_port: Option<u16>,
}

/// What runs a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// Porthole's own.
    #[default]
    Builtin,
    /// The reference OCI runtime.
    Runc,
    /// An OCI runtime in C.
    Crun,
    /// gVisor: a kernel of its own in user space.
    Runsc,
    /// An engine of a newer peer.
    #[serde(other)]
    Unknown,
}

impl Engine {
    /// Every one this version knows.
    pub const ALL: [Self; 4] = [Self::Builtin, Self::Runc, Self::Crun, Self::Runsc];

    /// Its name, as typed.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Builtin => "builtin",
            Self::Runc => "runc",
            Self::Crun => "crun",
            Self::Runsc => "runsc",
            Self::Unknown => "unknown",
        }
    }

    fn is_builtin(&self) -> bool {
        *self == Self::Builtin
    }
}

/// The network that leads outward, among those a [`LaunchSpec`] may name; every other name is that of a lab network.
pub const NAT: &str = "nat";

/// The size of a terminal, in character cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Size {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub cols: u16,
}

impl Default for Size {
    fn default() -> Self {
        Self { rows: 24, cols: 80 }
    }
}

/// A process to start: the first one of a container, or a further one by exec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ProcessSpec {
    /// The command and its arguments. Empty for a container's first process: the image's own command.
    pub command: Vec<String>,
    /// Additional environment, each `NAME=value`.
    pub env: Vec<String>,
    /// Working directory; the image's own when missing.
    pub workdir: Option<String>,
    /// `USER[:GROUP]`, by name or number; the image's own when missing.
    pub user: Option<String>,
    /// A terminal of this size; pipes when missing.
    pub terminal: Option<Size>,
    /// Whether standard input stays open. Without it, a process on pipes reads end of file.
    pub stdin: bool,
}

/// A container to launch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct LaunchSpec {
    /// `repository[:tag]`, or an image's digest.
    pub image: String,
    /// A name; the agent makes one up when missing.
    pub name: Option<String>,
    /// Host name inside; the container's id when missing.
    pub hostname: Option<String>,
    /// The first process.
    pub process: ProcessSpec,
    /// Limits.
    pub limits: Limits,
    /// No writable layer: the root file system is read-only.
    pub read_only: bool,
    /// Capabilities beyond the default ones, such as `SYS_NICE`.
    pub cap_add: Vec<String>,
    /// Default capabilities to leave out; `ALL` for none at all.
    pub cap_drop: Vec<String>,
    /// Remove the container when its first process ends.
    pub remove: bool,
    /// Networks to join, beside the loopback that every container has: [`NAT`], or names of lab networks, which are there
    /// as long as a container is in them. None when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// Ports to offer outside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publish: Vec<Publish>,
    /// What runs it.
    #[serde(skip_serializing_if = "Engine::is_builtin")]
    pub engine: Engine,
    /// Let setuid programs such as `sudo` and `su` gain what the container's root has (no `no_new_privs`).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub new_privileges: bool,
}
