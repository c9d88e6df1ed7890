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

/// Limits of one container. A missing value means the default, which is a limit as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Limits {
    /// Memory, swap included, in bytes.
    pub memory_bytes: Option<u64>,
    /// CPU time, in thousandths of one CPU.
    pub cpu_millis: Option<u32>,
    /// Processes and threads.
    pub pids: Option<u32>,
}

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
    /// Capabilities beyond the default ones, such as `NET_RAW`.
    pub cap_add: Vec<String>,
    /// Default capabilities to leave out; `ALL` for none at all.
    pub cap_drop: Vec<String>,
    /// Remove the container when its first process ends.
    pub remove: bool,
}
