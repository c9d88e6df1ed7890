//! Visitors: the session that owns a visitor's containers, the links that let others in, and who is at a terminal.

use serde::{Deserialize, Serialize};

use crate::ids::{ContainerId, PersonId, ProcessNumber};

/// A visitor's visit, kept by a cookie. `GET /session` answers with it; `POST /session/extend` with the extended one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// Names the session to people and in lists; not the cookie's secret.
    pub id: String,
    /// When it began, in milliseconds since 1970-01-01 UTC.
    pub created_ms: u64,
    /// When it ends with everything that it owns, in milliseconds since 1970-01-01 UTC; never when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
    /// How far an extension made now would reach; missing where it would change nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends_to_ms: Option<u64>,
    /// When it ends at the latest, however often it is extended; missing where there is no such time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_by_ms: Option<u64>,
    /// Containers that it owns and that have not ended.
    pub containers: u32,
    /// The most of them it may own; no bound of its own when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_containers: Option<u32>,
    /// Whether it is the agent's owner, who sees and may do everything.
    pub owner: bool,
}

/// What a person at a terminal may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum May {
    /// See it.
    Watch,
    /// See it and type.
    Type,
    /// Something that a newer agent knows.
    #[serde(other)]
    Unknown,
}

/// Body of `POST /containers/{id}/processes/{number}/shares`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShareRequest {
    /// What whoever has the link may do.
    pub may: May,
    /// How long it opens, in milliseconds; as long as the container lives when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_ms: Option<u64>,
}

/// A link that lets others to one terminal. `GET /containers/{id}/shares` lists them, `DELETE /containers/{id}/shares/{share}`
/// revokes one: whoever came by it is out at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Share {
    /// Names it; opens nothing.
    pub id: String,
    /// The terminal's number in the container.
    pub process: ProcessNumber,
    /// What it allows.
    pub may: May,
    /// When it was made, in milliseconds since 1970-01-01 UTC.
    pub created_ms: u64,
    /// When it stops to open, in milliseconds since 1970-01-01 UTC; when the container ends, if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

/// Answer to making a share: the only time its secret is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreatedShare {
    /// The share.
    #[serde(flatten)]
    pub share: Share,
    /// What the link carries in its fragment: `/#join/SECRET`. A fragment is never sent to a server or proxy.
    pub secret: String,
}

/// What a share's secret has opened, in `welcome`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The container.
    pub container: ContainerId,
    /// Its name.
    pub name: String,
    /// The terminal's number in it.
    pub process: ProcessNumber,
    /// What it allows.
    pub may: May,
    /// When it stops to open, in milliseconds since 1970-01-01 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_ms: Option<u64>,
}

/// One socket at a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Its number.
    pub id: PersonId,
    /// The name it gave itself, or one made up by the agent.
    pub name: String,
    /// What it may do.
    pub may: May,
    /// Whether it came without a link: the terminal is its own.
    pub owner: bool,
}
