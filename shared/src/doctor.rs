//! What this host can do, as `porthole doctor` and the page tell it.

use serde::{Deserialize, Serialize};

/// How well something works here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Works in full.
    Works,
    /// Works with less than in full.
    Degraded,
    /// Cannot be had.
    Missing,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Check {
    /// What, in a word or two: `cgroup memory`.
    pub name: String,
    /// How well it works.
    pub verdict: Verdict,
    /// What was found: `v1 at /sys/fs/cgroup/memory`.
    pub found: String,
    /// Why it matters.
    pub why: String,
    /// How to fix it; empty when it works.
    pub fix: String,
}

/// All checks, in the order to read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DoctorReport {
    /// The checks.
    pub checks: Vec<Check>,
}
