//! The plan: the ordered kernel steps that make a container.

use serde::{Deserialize, Serialize};

/// One step (to be replaced by the real list).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Who takes it.
    pub actor: String,
}
