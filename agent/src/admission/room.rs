//! Whether this machine has room for one container more: facts, and a pure decision about them.

use std::fmt;
use std::fs;
use std::path::Path;

use porthole_launcher::space::Space;

use crate::cli::units::human_bytes;

/// Memory that a start is reckoned to take before the next look at the machine, in bytes: a shell and its first programs.
/// Far below the limit of a container, because most never use theirs.
const START_BYTES: u64 = 16 * 1024 * 1024;

/// Share of the machine's memory that is kept for the host unless configured, and its bounds in bytes.
const RESERVED_SHARE: u64 = 16;
const LEAST_RESERVE: u64 = 64 * 1024 * 1024;
const MOST_RESERVE: u64 = 1024 * 1024 * 1024;

/// Hundredths of a percent of the last ten seconds in which everything waited for memory (`Documentation/accounting/psi`).
const MOST_PRESSURE: u64 = 1000;

/// How many times the reserve has to be free for pressure not to count: a container that works at its own limit makes some,
/// and must not keep others from starting.
const AMPLE: u64 = 4;

/// When to let containers wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Containers that live at a time.
    pub max_containers: usize,
    /// Launches that wait at a time.
    pub queue: usize,
    /// Memory kept for the host, in bytes; a share of it when missing.
    pub reserve_memory: Option<u64>,
    /// Disk kept free, in bytes, where that is more than [`Space::reserve`].
    pub reserve_disk: Option<u64>,
}

/// What the machine has, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) memory: u64,
    pub(super) available: u64,
    /// Hundredths of a percent.
    pub(super) pressure: u64,
    /// Unknown where the file system does not tell.
    pub(super) disk: Option<Space>,
}

/// What there is too little of, without numbers that change while one waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    Containers(usize),
    Memory { reserve: u64 },
    Pressure,
    Disk(u64),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Containers(1) => f.write_str("A container lives here, and no more may at a time."),
            Self::Containers(most) => write!(f, "{most} containers live here, and no more may at a time."),
            Self::Memory { reserve } => {
                write!(f, "Memory is short: this machine keeps {} for itself.", human_bytes(*reserve))
            }
            Self::Pressure => f.write_str("This machine is short of memory: its programs wait for it."),
            Self::Disk(reserve) => write!(f, "The disk is full: {} are kept free.", human_bytes(*reserve)),
        }
    }
}

impl Facts {
    /// Looks at the machine and the disk below `state`. What cannot be read lacks nothing.
    pub(super) fn look(state: &Path) -> Self {
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let pressure = fs::read_to_string("/proc/pressure/memory").unwrap_or_default();
        Self {
            memory: kibibytes(&memory, "MemTotal:").unwrap_or(0),
            available: kibibytes(&memory, "MemAvailable:").unwrap_or(u64::MAX),
            pressure: full(&pressure).unwrap_or(0),
            disk: Space::at(state),
        }
    }
}

impl Policy {
    /// What there is too little of for one more beside the `alive` ones; `since` have been started after the look at the facts.
    pub(super) fn lack(&self, facts: &Facts, alive: usize, since: u64) -> Option<Lack> {
        if alive >= self.max_containers {
            return Some(Lack::Containers(self.max_containers));
        }
        let share = (facts.memory / RESERVED_SHARE).clamp(LEAST_RESERVE, MOST_RESERVE);
        let reserve = self.reserve_memory.unwrap_or(share);
        let available = facts.available.saturating_sub(since.saturating_mul(START_BYTES));
        if available < reserve.saturating_add(START_BYTES) {
            return Some(Lack::Memory { reserve });
        }
        if facts.pressure > MOST_PRESSURE && available < reserve.saturating_mul(AMPLE) {
            return Some(Lack::Pressure);
        }
        self.lack_of_disk(facts.disk)
    }

    fn lack_of_disk(&self, disk: Option<Space>) -> Option<Lack> {
        let Space { free, reserve } = disk?;
        // Below its own reserve the launcher starts nothing, whatever is configured here.
        let reserve = self.reserve_disk.unwrap_or(0).max(reserve);
        (free < reserve).then_some(Lack::Disk(reserve))
    }

    /// Why nothing more should be kept on the disk that `path` is on; none while there is room.
    pub(crate) fn disk_is_full(&self, path: &Path) -> Option<String> {
        self.lack_of_disk(Space::at(path)).map(|lack| lack.to_string())
    }
}

/// A line of `/proc/meminfo` in bytes.
fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key))?;
    value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The share of the last ten seconds in which all programs waited, in hundredths of a percent.
fn full(text: &str) -> Option<u64> {
    let share = text.lines().find_map(|line| line.strip_prefix("full avg10="))?.split(' ').next()?;
    let (whole, part) = share.split_once('.')?;
    Some(whole.parse::<u64>().ok()? * 100 + part.get(..2)?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;
    const MIB: u64 = 1 << 20;
    const ROOMY: Space = Space { free: 9 * GIB, reserve: GIB };

    fn policy() -> Policy {
        Policy { max_containers: 3, queue: 2, reserve_memory: None, reserve_disk: None }
    }

    fn roomy() -> Facts {
        Facts { memory: 8 * GIB, available: 6 * GIB, pressure: 0, disk: Some(ROOMY) }
    }

    #[test]
    fn a_machine_with_room_takes_one_more() {
        assert_eq!(policy().lack(&roomy(), 2, 0), None);
        assert_eq!(policy().lack(&Facts { disk: None, ..roomy() }, 0, 0), None);
    }

    #[test]
    fn whatever_is_too_little_makes_it_wait() {
        assert_eq!(policy().lack(&roomy(), 3, 0), Some(Lack::Containers(3)));
        let tight = Facts { available: 520 * MIB, ..roomy() };
        let lack = Lack::Memory { reserve: 512 * MIB };
        assert_eq!(policy().lack(&tight, 0, 0), Some(lack));
        let disk = Space { free: GIB - 1, ..ROOMY };
        assert_eq!(policy().lack(&Facts { disk: Some(disk), ..roomy() }, 0, 0), Some(Lack::Disk(GIB)));
    }

    #[test]
    fn more_of_the_disk_may_be_kept_than_the_launcher_does_and_not_less() {
        let keeps = |bytes| Policy { reserve_disk: Some(bytes), ..policy() };
        assert_eq!(keeps(10 * GIB).lack(&roomy(), 0, 0), Some(Lack::Disk(10 * GIB)));
        let full = Facts { disk: Some(Space { free: GIB - 1, ..ROOMY }), ..roomy() };
        assert_eq!(keeps(0).lack(&full, 0, 0), Some(Lack::Disk(GIB)));
    }

    #[test]
    fn starts_since_the_last_look_count_before_their_memory_does() {
        let facts = Facts { available: 600 * MIB, ..roomy() };
        assert_eq!(policy().lack(&facts, 0, 4), None);
        assert!(matches!(policy().lack(&facts, 0, 5), Some(Lack::Memory { .. })));
    }

    #[test]
    fn pressure_counts_where_memory_is_scarce_and_not_where_a_container_works_at_its_own_limit() {
        let pressed = Facts { pressure: 9000, ..roomy() };
        assert_eq!(policy().lack(&pressed, 0, 0), None);
        assert_eq!(policy().lack(&Facts { available: GIB, ..pressed }, 0, 0), Some(Lack::Pressure));
    }

    #[test]
    fn the_kernels_files_are_read_and_anything_else_lacks_nothing() {
        assert_eq!(kibibytes("MemTotal:       24684008 kB\nMemFree: 1 kB\n", "MemFree:"), Some(1024));
        assert_eq!(full("some avg10=0.00 avg60=0\nfull avg10=12.34 avg60=0.00 total=0\n"), Some(1234));
        for garbage in ["", "full avg10=", "full avg10=1", "full avg10=x.yz", "MemFree: x kB"] {
            assert_eq!((full(garbage), kibibytes(garbage, "MemFree:")), (None, None), "{garbage}");
        }
    }
}
