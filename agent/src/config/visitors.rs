//! The table `[visitors]` of the configuration file: what somebody without the token gets.

use std::net::IpAddr;

use serde::Deserialize;

use super::limits::{Word, optional};
use crate::cli::units::parse_duration;

/// Milliseconds of an hour.
const HOUR: u64 = 3_600_000;

/// What visitors get.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Table")]
pub struct VisitorSettings {
    /// Whether anybody may come.
    pub enabled: bool,
    /// Containers of one session that have not ended, launches that wait included.
    pub containers: u32,
    /// Recordings of one session.
    pub recordings: u32,
    /// Length of a session, in milliseconds, and how far each extension reaches; for ever when missing.
    pub lifetime_ms: Option<u64>,
    /// The most that a session lasts with all its extensions, in milliseconds from its beginning; no bound when missing.
    pub longest_ms: Option<u64>,
    /// Sessions of one address at a time. A room behind one address counts as one.
    pub sessions_per_address: u32,
    /// Containers of all sessions of one address.
    pub containers_per_address: u32,
    /// Sessions at a time.
    pub sessions: u32,
    /// What a launch may ask for beyond the ordinary.
    pub allow: Vec<Extra>,
    /// Proxies, beside those on this machine, whose word for the visitor's address is taken.
    pub proxies: Vec<IpAddr>,
}

/// Something that a launch may ask for and that a visitor gets only where the agent was told so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extra {
    /// The network that leads outward.
    Nat,
    /// Lab networks, which all who know their names share.
    Labs,
    /// Ports on the agent's own address. Never: cookies know no ports, so that a stranger's program there would be sent
    /// the cookies of whoever looks at it.
    #[serde(skip_deserializing)]
    Publish,
    /// Capabilities beyond the default ones.
    Capabilities,
    /// Programs that gain privileges, such as `sudo`.
    NewPrivileges,
    /// Engines other than the built-in one.
    Engines,
}

impl Extra {
    /// Its name in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Nat => "nat",
            Self::Labs => "labs",
            Self::Publish => "publish",
            Self::Capabilities => "capabilities",
            Self::NewPrivileges => "new-privileges",
            Self::Engines => "engines",
        }
    }
}

impl Default for VisitorSettings {
    fn default() -> Self {
        Self::try_from(Table::default()).expect("an empty table has nothing wrong")
    }
}

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Table {
    enabled: bool,
    containers: Option<u32>,
    recordings: Option<u32>,
    lifetime: Option<Word>,
    longest: Option<Word>,
    sessions_per_address: Option<u32>,
    containers_per_address: Option<u32>,
    sessions: Option<u32>,
    allow: Vec<Extra>,
    proxies: Vec<IpAddr>,
}

impl TryFrom<Table> for VisitorSettings {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let lasting = |time: u64| Some(time).filter(|time| *time > 0);
        let lifetime = optional(table.lifetime, "lifetime", parse_duration)?.unwrap_or(HOUR);
        let longest = optional(table.longest, "longest", parse_duration)?.unwrap_or(8 * HOUR);
        Ok(Self {
            enabled: table.enabled,
            containers: table.containers.unwrap_or(3),
            recordings: table.recordings.unwrap_or(4),
            lifetime_ms: lasting(lifetime),
            longest_ms: lasting(longest),
            sessions_per_address: table.sessions_per_address.unwrap_or(32),
            containers_per_address: table.containers_per_address.unwrap_or(64),
            sessions: table.sessions.unwrap_or(1000),
            allow: table.allow,
            proxies: table.proxies,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_safe_and_what_is_wrong_is_refused() {
        let read = |text: &str| toml::from_str::<VisitorSettings>(text).map_err(|error| error.to_string());
        let settings = read("enabled = true\nlifetime = '2h'\nlongest = 0\nallow = ['nat']\n").unwrap();
        assert_eq!((settings.enabled, settings.containers), (true, 3));
        assert_eq!((settings.lifetime_ms, settings.longest_ms), (Some(2 * HOUR), None));
        assert_eq!(settings.allow, [Extra::Nat]);
        assert!(!VisitorSettings::default().enabled && VisitorSettings::default().allow.is_empty());
        for wrong in [
            "lifetime = 'soon'",
            "allow = ['everything']",
            "allow = ['publish']",
            "container = 1",
            "proxies = ['box']",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
