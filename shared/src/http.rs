//! Bodies of the HTTP API under `/api/v1`.

use serde::{Deserialize, Serialize};

use crate::ids::{ContainerId, ProcessNumber};
use crate::image::ContainerSize;
use crate::kernel::BirthStep;
use crate::spec::{LaunchSpec, Limits, ProcessSpec, Publish};

/// Where a container is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ContainerState {
    /// Its first process runs.
    Running,
    /// Its first process has ended.
    Exited(Exit),
    /// A state of a newer agent.
    #[serde(other)]
    Unknown,
}

/// Why a container ended, where that was not its first process's own doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its memory was used up.
    OutOfMemory,
    /// Its lifetime was over.
    Lifetime,
    /// Nobody was there for as long as it may be.
    Idle,
    /// Somebody stopped it.
    Stopped,
    /// A reason of a newer agent.
    #[serde(other)]
    Unknown,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Exit {
    /// The status a shell would show: the process's own, or 128 + signal.
    pub code: u8,
    /// The signal that ended it, if one did.
    pub signal: Option<u8>,
    /// Whether the kernel killed it because the container's memory was used up.
    pub out_of_memory: bool,
}

/// A process of a container that Porthole started: the first one, or one by exec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ProcessSummary {
    /// Its number in the container.
    pub number: ProcessNumber,
    /// Command and arguments.
    pub command: Vec<String>,
    /// Whether it has a terminal (else pipes).
    pub terminal: bool,
    /// How it ended; none while it runs.
    pub exit: Option<Exit>,
    /// The recording under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<String>,
}

/// A line of `porthole ps`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(from = "FlatSummary")]
pub struct ContainerSummary {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// The image's name, as it was asked for.
    pub image: String,
    /// Creation time, in milliseconds since 1970-01-01 UTC.
    pub created_ms: u64,
    /// Where it is in its life.
    #[serde(flatten)]
    pub state: ContainerState,
    /// Its processes, the first one first.
    pub processes: Vec<ProcessSummary>,
    /// Microseconds from the request to the first process's execve.
    pub start_micros: u64,
    /// When it will be stopped because its lifetime is over, in milliseconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// The session that owns it, by id; the agent's owner when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Its bytes on disk, where they were asked for: measuring takes time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<ContainerSize>,
    /// Why it has ended, where that was not its first process's own doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<EndReason>,
    /// Its published ports, each with the port on the agent's side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<Publish>,
}

/// A [`ContainerSummary`] as it is read, field by field. To read an enum among an object's other fields, serde copies the object
/// and decodes the copy by code of its own: in the page, a second decoder.
#[derive(Deserialize)]
struct FlatSummary {
    id: ContainerId,
    name: String,
    image: String,
    created_ms: u64,
    state: String,
    #[serde(default)]
    code: u8,
    #[serde(default)]
    signal: Option<u8>,
    #[serde(default)]
    out_of_memory: bool,
    processes: Vec<ProcessSummary>,
    start_micros: u64,
    #[serde(default)]
    expires_ms: Option<u64>,
    #[serde(default)]
    session: Option<String>,
    #[serde(default)]
    size: Option<ContainerSize>,
    #[serde(default)]
    why: Option<EndReason>,
    #[serde(default)]
    published: Vec<Publish>,
}

impl From<FlatSummary> for ContainerSummary {
    fn from(flat: FlatSummary) -> Self {
        let FlatSummary {
            id,
            name,
            image,
            created_ms,
            processes,
            start_micros,
            expires_ms,
            session,
            size,
            why,
            published,
            ..
        } = flat;
        let state = match flat.state.as_str() {
            "running" => ContainerState::Running,
            "exited" => {
                let FlatSummary { code, signal, out_of_memory, .. } = flat;
                ContainerState::Exited(Exit { code, signal, out_of_memory })
            }
            _ => ContainerState::Unknown,
        };
        Self {
            id,
            name,
            image,
            created_ms,
            state,
            processes,
            start_micros,
            expires_ms,
            session,
            size,
            why,
            published,
        }
    }
}

/// Everything about one container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContainerDetail {
    /// The line of `ps`.
    pub summary: ContainerSummary,
    /// What was asked for.
    pub spec: LaunchSpec,
    /// The limits in force, defaults filled in.
    pub limits: Limits,
    /// Host name inside.
    pub hostname: String,
    /// The host's id of the container's process 1.
    pub init_pid: u32,
    /// Read-only layers, topmost first, by diff id.
    pub layers: Vec<String>,
    /// How it was born: executed steps with their durations.
    pub birth: Vec<BirthStep>,
    /// What this host could not provide, one sentence each.
    pub lacks: Vec<String>,
    /// Its addresses, one for each network it is in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Address>,
    /// Its published ports, each with the port on the agent's side.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub published: Vec<Publish>,
}

/// A container's address in a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Address {
    /// The network's name.
    pub network: String,
    /// The interface inside, such as `eth0`.
    pub interface: String,
    /// The address with its prefix length, such as `10.88.0.2/32`.
    pub address: String,
}

/// A port that a process of the container listens on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ListeningPort {
    /// The TCP port inside.
    pub port: u16,
    /// Whether it is reached by the loopback address alone.
    pub loopback: bool,
    /// Where its preview opens, while there is one; only `GET /containers/{id}/ports` says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<String>,
}

/// Answer to opening a port's preview.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Preview {
    /// Where it opens: a URL with a secret of its own.
    pub url: String,
}

/// `GET /offers`: what a launch may ask of this agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Offers {
    /// Engines.
    pub engines: Vec<Offer>,
    /// Kinds of networks: `none`, `nat`, `lab`.
    pub networks: Vec<Offer>,
    /// How the writable layer is limited: `quota`, `image`, `memory` or `none`.
    pub disk: String,
    /// CPUs of this host.
    pub cpus: u32,
    /// Limits of a container that asks for none.
    pub defaults: Limits,
    /// The most it may ask for; what is missing has no bound but the host.
    pub most: Limits,
}

/// One thing that is offered, or why it is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Offer {
    /// Its name.
    pub name: String,
    /// Whether it can be had.
    pub usable: bool,
    /// Its version, or why it cannot be had.
    pub note: String,
}

/// Answer to a launch or an exec over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Started {
    /// The container.
    pub container: ContainerId,
    /// The process in it.
    pub process: ProcessNumber,
}

/// Body of `POST /containers/{id}/exec`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExecRequest {
    /// What to start.
    pub process: ProcessSpec,
}

/// Body of `POST /containers/{id}/kill`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KillRequest {
    /// A signal's name, with or without `SIG`, or its number.
    pub signal: String,
}

/// Body of `POST /containers/{id}/stop`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct StopRequest {
    /// Milliseconds between the stop signal and SIGKILL; 10 000 when missing.
    pub grace_ms: Option<u64>,
}

/// A line of `porthole stats`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Stats {
    /// The container.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// CPU time used in total, in microseconds.
    pub cpu_micros: u64,
    /// Memory used, in bytes.
    pub memory_bytes: u64,
    /// Memory limit, in bytes; none when this host cannot limit it.
    pub memory_limit: Option<u64>,
    /// Processes and threads.
    pub pids: u64,
    /// Their limit.
    pub pids_limit: Option<u64>,
    /// CPU time it may take, in thousandths of one CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<u64>,
    /// Bytes that its writable layer takes; none where they are not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_bytes: Option<u64>,
    /// Their limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_limit: Option<u64>,
    /// Bytes read from disk and written to it, in total; none where they are not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io_bytes: Option<u64>,
    /// Bytes it may read, and as many it may write, in a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io_limit: Option<u64>,
    /// When this was read, in milliseconds since 1970-01-01 UTC.
    pub taken_ms: u64,
}

/// `GET /version`: who answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Version {
    /// Version of this build.
    pub version: String,
    /// Oldest protocol generation spoken.
    pub oldest_generation: u32,
    /// Newest protocol generation spoken.
    pub generation: u32,
    /// The kernel's release.
    pub kernel: String,
    /// Whether the launcher runs without root.
    pub rootless: bool,
}

/// One line of `porthole plan`: a step before it is executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanStep {
    /// Who takes it: `launcher`, `init` (the container's process 1) or `process` (the one that was asked for).
    pub actor: String,
    /// The system call or write, as one would type it.
    pub call: String,
    /// One sentence on what it does.
    pub why: String,
}
