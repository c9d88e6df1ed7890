//! Images as the API speaks of them: lists, details, transfers from and to registries, and what is stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::WireError;
use crate::ids::ContainerId;

/// A line of `porthole images`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImageSummary {
    /// `sha256:…` of the image's configuration, Docker's image id.
    pub id: String,
    /// Names, each `repository:tag`.
    pub names: Vec<String>,
    /// Creation time, in milliseconds since 1970-01-01 UTC; 0 when the image does not say.
    pub created_ms: u64,
    /// Unpacked bytes of all layers.
    pub bytes: u64,
    /// Those of `bytes` in layers that no other image has: what removing it gives back.
    #[serde(default)]
    pub unique_bytes: u64,
    /// Layers, topmost first, by diff id.
    pub layers: Vec<String>,
    /// The command that a container runs when none is asked for.
    pub command: Vec<String>,
    /// Containers, running or ended, made from it.
    pub containers: u32,
}

/// What `rmi` did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Removed {
    /// Names taken off.
    pub untagged: Vec<String>,
    /// Images and layers deleted, by digest.
    pub deleted: Vec<String>,
    /// Bytes of disk given back.
    pub freed_bytes: u64,
}

/// Everything about one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImageDetail {
    /// The line of `images`.
    pub summary: ImageSummary,
    /// Digest of its manifest, by which a registry knows it.
    pub digest: String,
    /// Operating system, such as `linux`.
    pub os: String,
    /// Architecture, such as `amd64`.
    pub architecture: String,
    /// What its containers run unless told otherwise.
    pub config: ImageSettings,
    /// How it was made, newest first.
    pub history: Vec<HistoryStep>,
}

/// An image's configuration. Source: OCI image spec, `config.md`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ImageSettings {
    /// `USER[:GROUP]`; empty means root.
    pub user: String,
    /// Ports it listens on, such as `80/tcp`.
    pub exposed_ports: Vec<String>,
    /// Environment, each `NAME=value`.
    pub env: Vec<String>,
    /// Put before the command.
    pub entrypoint: Vec<String>,
    /// The command, or the arguments of the entry point.
    pub cmd: Vec<String>,
    /// Directories meant to outlive the container.
    pub volumes: Vec<String>,
    /// Working directory.
    pub working_dir: String,
    /// Free text by name.
    pub labels: BTreeMap<String, String>,
    /// The signal that asks it to end; empty means SIGTERM.
    pub stop_signal: String,
    /// The command that tells whether it is well, as the image has it; shown and not run.
    pub healthcheck: Vec<String>,
}

/// One instruction of an image's making.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistoryStep {
    /// The instruction; empty when the image does not say.
    pub created_by: String,
    /// A remark.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// When, in milliseconds since 1970-01-01 UTC; 0 when the image does not say.
    pub created_ms: u64,
    /// The layer it made, by diff id; none when it changed no file.
    pub layer: Option<String>,
    /// Unpacked bytes of that layer.
    pub bytes: u64,
}

/// What a registry is shown to let one in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Credentials {
    /// Name and password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: String,
    },
    /// A token that stands for both, from `docker login`.
    IdentityToken {
        /// The token.
        token: String,
    },
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Body of `POST /images/pull` and `POST /images/push`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct TransferRequest {
    /// `[registry/]repository[:tag][@digest]`.
    pub name: String,
    /// `os/architecture[/variant]`; this machine's when missing. Only for a pull.
    pub platform: Option<String>,
    /// What the registry is shown; nothing when missing, or when the name tells no registry and the agent's default is another
    /// than Docker's.
    pub credentials: Option<Credentials>,
}

/// Where to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// From a registry to here.
    Pull,
    /// From here to a registry.
    Push,
    /// A direction of a newer agent.
    #[serde(other)]
    Unknown,
}

/// What happens to a layer at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LayerState {
    /// Its turn has not come.
    Waiting,
    /// Bytes are coming or going. A pulled layer is unpacked meanwhile.
    Transferring,
    /// The connection broke; it will be tried again.
    Retrying,
    /// Every byte is here; the last of them are being unpacked.
    Unpacking,
    /// It was there already.
    Present,
    /// It has arrived.
    Complete,
    /// A state of a newer agent.
    #[serde(other)]
    Unknown,
}

/// A layer on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LayerTransfer {
    /// Digest of its compressed archive.
    pub digest: String,
    /// What happens.
    pub state: LayerState,
    /// Compressed bytes that have passed.
    pub done_bytes: u64,
    /// Compressed bytes of all of it.
    pub total_bytes: u64,
}

/// An image on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Transfer {
    /// Its name, normalised.
    pub name: String,
    /// Where to.
    pub direction: Direction,
    /// Its layers, base first; empty until the manifest is here.
    pub layers: Vec<LayerTransfer>,
}

/// A line of the answer to `POST /images/pull` and `POST /images/push`, which is newline-delimited JSON. The last line is
/// `done` or `failed`; an answer without one was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TransferEvent {
    /// How far it is, at most ten times a second.
    Progress {
        /// The whole state.
        transfer: Transfer,
    },
    /// The image is here, or there.
    Done {
        /// It.
        image: ImageSummary,
        /// Digest of its manifest.
        digest: String,
    },
    /// It did not come to be; nothing of it can be used.
    Failed {
        /// Why.
        error: WireError,
    },
    /// An event of a newer agent.
    #[serde(other)]
    Unknown,
}

/// Body of `POST /containers/{id}/commit`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct CommitRequest {
    /// The new image's `repository[:tag]`; none for an image without a name.
    pub name: Option<String>,
    /// A remark for the history.
    pub message: String,
    /// Who made it.
    pub author: String,
    /// Changes to the configuration as Dockerfile instructions: `CMD`, `ENTRYPOINT`, `ENV`, `EXPOSE`, `LABEL`, `STOPSIGNAL`,
    /// `USER`, `VOLUME`, `WORKDIR`.
    pub changes: Vec<String>,
    /// Do not freeze the container's processes meanwhile.
    pub no_pause: bool,
}

/// Body of `POST /prune`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PruneRequest {
    /// Every image that no container is made from, not only those without a name.
    pub all: bool,
    /// Only tell what would go.
    pub dry_run: bool,
}

/// A thing that `prune` removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pruned {
    /// What it was: `container`, `image`, `layer` or `download`.
    pub kind: String,
    /// Its name or digest.
    pub name: String,
    /// Bytes of disk it gave back.
    pub freed_bytes: u64,
}

/// Bytes of one container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ContainerSize {
    /// Which.
    pub container: ContainerId,
    /// Bytes on disk that it alone has: its writable layer.
    pub private_bytes: u64,
    /// Unpacked bytes of its read-only layers.
    pub shared_bytes: u64,
}

/// A layer in the store, and who shares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoredLayer {
    /// Its diff id.
    pub diff_id: String,
    /// Unpacked bytes, stored once.
    pub bytes: u64,
    /// The instruction that made it, as the first image says.
    pub created_by: String,
    /// Ids of the images that have it.
    pub images: Vec<String>,
    /// The containers that stand on it.
    pub containers: Vec<ContainerId>,
}

/// `GET /storage`: what is stored, and by how many it is shared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Storage {
    /// Every layer.
    pub layers: Vec<StoredLayer>,
    /// Every container.
    pub containers: Vec<ContainerSize>,
    /// Compressed archives kept beside the layers, for push and save, in bytes.
    pub archive_bytes: u64,
    /// Parts of downloads that can be gone on with, in bytes.
    pub download_bytes: u64,
}
