//! The table `[limits]` of the configuration file: what containers get, and when they wait.

use porthole_protocol::limits::{MAX_CONTAINERS, MAX_QUEUED};
use porthole_protocol::spec::Limits;
use serde::Deserialize;

use crate::admission::Policy;
use crate::cli::units::{UnitError, parse_bytes, parse_cpus, parse_duration};

/// Limits of the agent and of its containers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Table")]
pub struct LimitSettings {
    /// When launches wait.
    pub admission: Policy,
    /// What a container gets that asks for nothing, where it is not the built-in one.
    pub defaults: Limits,
    /// The most that any gets.
    pub most: Limits,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self::try_from(Table::default()).expect("an empty table has nothing wrong")
    }
}

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Table {
    max_containers: Option<usize>,
    queue: Option<usize>,
    reserve_memory: Option<Word>,
    reserve_disk: Option<Word>,
    defaults: Named,
    most: Named,
}

/// Limits by the names of the command line's options.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Named {
    memory: Option<Word>,
    cpus: Option<Word>,
    cpuset_cpus: Option<String>,
    pids: Option<u32>,
    io: Option<Word>,
    disk: Option<Word>,
    disk_files: Option<u64>,
    shm_size: Option<Word>,
    lifetime: Option<Word>,
    idle: Option<Word>,
}

/// A value with a unit, or a bare number.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Word {
    Text(String),
    Whole(u64),
    Part(f64),
}

impl Word {
    fn read<T>(self, name: &str, parse: impl Fn(&str) -> Result<T, UnitError>) -> Result<T, String> {
        let text = match self {
            Self::Text(text) => text,
            Self::Whole(number) => number.to_string(),
            Self::Part(number) => number.to_string(),
        };
        parse(&text).map_err(|error| format!("{name} = {text}: {error}"))
    }
}

pub(super) fn optional<T>(
    word: Option<Word>,
    name: &str,
    parse: impl Fn(&str) -> Result<T, UnitError>,
) -> Result<Option<T>, String> {
    word.map(|word| word.read(name, parse)).transpose()
}

impl TryFrom<Named> for Limits {
    type Error = String;

    fn try_from(named: Named) -> Result<Self, String> {
        Ok(Self {
            memory_bytes: optional(named.memory, "memory", parse_bytes)?,
            cpu_millis: optional(named.cpus, "cpus", parse_cpus)?,
            pids: named.pids,
            cpuset: named.cpuset_cpus,
            io_bytes_per_second: optional(named.io, "io", parse_bytes)?,
            disk_bytes: optional(named.disk, "disk", parse_bytes)?,
            disk_inodes: named.disk_files,
            shm_bytes: optional(named.shm_size, "shm-size", parse_bytes)?,
            lifetime_ms: optional(named.lifetime, "lifetime", parse_duration)?,
            idle_ms: optional(named.idle, "idle", parse_duration)?,
        })
    }
}

impl TryFrom<Table> for LimitSettings {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let most = Limits::try_from(table.most)?;
        if most.cpuset.is_some() {
            return Err(
                "cpuset-cpus is no number that could have a most: name the CPUs in the defaults".into()
            );
        }
        Ok(Self {
            admission: Policy {
                max_containers: table.max_containers.unwrap_or(MAX_CONTAINERS),
                queue: table.queue.unwrap_or(MAX_QUEUED),
                reserve_memory: optional(table.reserve_memory, "reserve-memory", parse_bytes)?,
                reserve_disk: optional(table.reserve_disk, "reserve-disk", parse_bytes)?,
            },
            defaults: Limits::try_from(table.defaults)?,
            most,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<LimitSettings, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn limits_are_written_as_the_command_line_takes_them() {
        let text = "max-containers = 3\nqueue = 2\nreserve-memory = '1g'\n\
            [defaults]\nmemory = '128m'\ncpus = 0.5\npids = 64\nidle = '30m'\n[most]\ncpus = 2\nlifetime = '8h'\n";
        let read = read(text).unwrap();
        assert_eq!((read.admission.max_containers, read.admission.queue), (3, 2));
        assert_eq!(read.admission.reserve_memory, Some(1 << 30));
        assert_eq!((read.defaults.memory_bytes, read.defaults.cpu_millis), (Some(128 << 20), Some(500)));
        assert_eq!((read.defaults.pids, read.defaults.idle_ms), (Some(64), Some(1_800_000)));
        assert_eq!((read.most.cpu_millis, read.most.lifetime_ms), (Some(2000), Some(28_800_000)));
        assert_eq!(read.most.memory_bytes, None);
    }

    #[test]
    fn a_value_that_is_none_is_refused_by_its_name() {
        for (text, words) in [
            ("[defaults]\nmemory = 'lots'", "memory = lots"),
            ("[most]\nidle = 5", "idle = 5"),
            ("[defaults]\nmemry = 1", "memry"),
            ("[most]\ncpuset-cpus = '0'", "cpuset-cpus"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
