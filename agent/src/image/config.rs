//! An image's configuration, as far as a launch and the page need it. Source: OCI image spec, `config.md`; Docker adds
//! the health check.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::digest::Digest;
use super::manifest::Platform;
use super::text::harmless;

/// Bytes of an instruction that go with each layer: those of the 128 layers of a container fit one message.
const INSTRUCTION_BYTES: usize = 512;

/// The document behind an image's id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct ConfigFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<String>,
    #[serde(default)]
    pub(super) architecture: String,
    #[serde(default)]
    pub(super) os: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) config: ImageConfig,
    pub(super) rootfs: RootFs,
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub(super) history: Vec<History>,
}

/// The layers' diff ids, base first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct RootFs {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default, deserialize_with = "null_is_default")]
    pub(super) diff_ids: Vec<Digest>,
}

/// One instruction of the image's making, base first.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct History {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) created: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) created_by: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) comment: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) empty_layer: bool,
}

/// What a container of the image runs unless told otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImageConfig {
    /// `USER[:GROUP]`, for [`Image::user`](super::Image::user); empty means root.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// Ports it listens on, such as `80/tcp`.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// Environment, each `NAME=value`.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Put before the command.
    #[serde(deserialize_with = "words", skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// The command, or the arguments of the entry point.
    #[serde(deserialize_with = "words", skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// Directories meant to outlive the container.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Empty>,
    /// Working directory: as written in the image. Use [`ImageConfig::workdir`].
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Free text by name.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The signal that asks it to end, such as `SIGQUIT`; empty means SIGTERM.
    #[serde(deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// How to tell whether a container is well; none when the image does not say. Shown and not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
}

/// Docker's health check. Source: Docker image specification v1.2; its times and counts are in `times`, as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Healthcheck {
    /// `CMD` and a command, `CMD-SHELL` and a line for the shell, `NONE`; empty where it is the base image's.
    #[serde(deserialize_with = "words", skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<String>,
    /// `Interval`, `Timeout` and what else there is.
    #[serde(flatten)]
    pub times: serde_json::Map<String, serde_json::Value>,
}

/// The empty object that Go programs use as the value of a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

impl ImageConfig {
    /// The working directory as an absolute path without `.` and `..`, whatever the image says.
    #[must_use]
    pub fn workdir(&self) -> String {
        absolute(&self.working_dir)
    }

    /// The directories of its volumes, as [`ImageConfig::workdir`]. There are no volumes here: the writable layer holds what
    /// is in them.
    pub fn volume_directories(&self) -> impl Iterator<Item = String> {
        self.volumes.keys().map(|path| absolute(path))
    }

    /// The command of a container that asks for `asked`: the entry point, then `asked` or else the image's own command.
    #[must_use]
    pub fn command(&self, asked: &[String]) -> Vec<String> {
        let tail = if asked.is_empty() { &self.cmd } else { asked };
        self.entrypoint.iter().chain(tail).cloned().collect()
    }
}

impl ConfigFile {
    /// Creation time in milliseconds since 1970-01-01 UTC; 0 when the image does not say.
    pub(super) fn created_ms(&self) -> u64 {
        millis(self.created.as_deref())
    }

    /// The platform, when it is another than this machine's.
    pub(super) fn foreign(&self) -> Option<String> {
        let here = Platform::here();
        let says = |given: &str, here: &str| given.is_empty() || given == here;
        let is_ours = says(&self.os, &here.os) && says(&self.architecture, &here.architecture);
        (!is_ours).then(|| format!("{}/{}", self.os, self.architecture))
    }

    /// The instruction that made each layer, base first, short and harmless; empty where the image does not say.
    pub(super) fn instructions(&self) -> Vec<String> {
        let steps = self.history.iter().filter(|step| !step.empty_layer);
        let mut made = steps.map(|step| harmless(&step.created_by, INSTRUCTION_BYTES));
        self.rootfs.diff_ids.iter().map(|_| made.next().unwrap_or_default()).collect()
    }
}

/// The path as an absolute one without `.` and `..`.
fn absolute(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

/// A time of a document in milliseconds since 1970-01-01 UTC; 0 when there is none, or none that can be read.
pub(super) fn millis(time: Option<&str>) -> u64 {
    let parsed = time.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    parsed.and_then(|time| u64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()).unwrap_or(0)
}

/// Go writes an empty list or map as `null`.
fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// A list of words, or one word: old images have a bare string for the entry point.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        Many(Vec<String>),
        One(String),
    }
    Ok(match Option::<Words>::deserialize(deserializer)? {
        None => Vec::new(),
        Some(Words::Many(words)) => words,
        Some(Words::One(word)) => vec![word],
    })
}
