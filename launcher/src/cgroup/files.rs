//! The files of a container's cgroup, read.

use std::fs;
use std::path::Path;

use crate::plan::Hierarchy;
use crate::wire::{Resource, Usage};

/// A value of version 1 from here on means "no limit": the largest multiple of a page.
const UNLIMITED: u64 = 1 << 62;

/// CPU time in nanoseconds, as version 2 counts it in every group, or the accounting controller of version 1.
pub(super) fn cpu_time(hierarchy: &Hierarchy, directory: &Path) -> Option<u64> {
    let group = Group { directory, version: hierarchy.version };
    match hierarchy.version {
        1 => group.number("cpuacct.usage"),
        _ => group.entry("cpu.stat", "usage_usec").map(|micros| micros * 1000),
    }
}

/// What the controllers of this hierarchy limit and count. Version 1 keeps the quota and the count of CPU time in two
/// controllers, which may be in two hierarchies: `cpu_time` is the count, wherever it was.
pub(super) fn usage(
    hierarchy: &Hierarchy,
    directory: &Path,
    cpu_time: Option<u64>,
    disks: [&str; 2],
) -> Vec<Usage> {
    let group = Group { directory, version: hierarchy.version };
    let found =
        hierarchy.controllers.iter().flat_map(|controller| match (controller.as_str(), group.version) {
            ("memory", 1) => vec![group.memory_1(), group.swap_1()],
            ("memory", _) => vec![group.memory_2(), group.swap_2()],
            ("pids", _) => vec![group.pids()],
            ("cpu", 1) => vec![group.cpu_1(cpu_time)],
            ("cpu", _) => vec![group.cpu_2(cpu_time)],
            ("blkio", _) => vec![group.io_1(disks)],
            ("io", _) => vec![group.io_2(disks)],
            _ => vec![],
        });
    found.flatten().collect()
}

/// Names of files in a group.
pub(super) fn names(directory: &Path, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| wanted(name))
        .collect();
    names.sort();
    names
}

/// Bytes of memory that a group of version 2 uses.
pub(super) fn memory(directory: &Path) -> Option<u64> {
    Group { directory, version: 2 }.number("memory.current")
}

/// Processes killed for want of memory.
pub(super) fn oom_kills(hierarchy: &Hierarchy, directory: &Path) -> u64 {
    if !hierarchy.controllers.iter().any(|name| name == "memory") {
        return 0;
    }
    let group = Group { directory, version: hierarchy.version };
    let file = if group.version == 1 { "memory.oom_control" } else { "memory.events" };
    group.entry(file, "oom_kill").unwrap_or(0)
}

/// Everything in it.
pub(super) fn pids(directory: &Path) -> Vec<u32> {
    let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid != 0).collect()
}

struct Group<'a> {
    directory: &'a Path,
    version: u8,
}

impl Group<'_> {
    fn text(&self, file: &str) -> Option<String> {
        fs::read_to_string(self.directory.join(file)).ok()
    }

    /// A file that holds one number.
    fn number(&self, file: &str) -> Option<u64> {
        self.text(file)?.trim().parse().ok()
    }

    /// A limit; none for "no limit".
    fn limit(&self, file: &str) -> Option<u64> {
        self.number(file).filter(|limit| *limit < UNLIMITED)
    }

    /// A number by its key in a file of `KEY NUMBER` lines.
    fn entry(&self, file: &str, key: &str) -> Option<u64> {
        self.text(file)?
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
    }

    fn found(&self, resource: Resource, usage: u64, limit: Option<u64>, hits: u64) -> Option<Usage> {
        Some(Usage { resource, version: self.version, usage, limit, hits })
    }

    fn memory_1(&self) -> Option<Usage> {
        let hits = self.entry("memory.oom_control", "oom_kill").unwrap_or(0);
        self.found(
            Resource::Memory,
            self.number("memory.usage_in_bytes")?,
            self.limit("memory.limit_in_bytes"),
            hits,
        )
    }

    /// Version 1 counts memory and swap together; the difference is swap.
    fn swap_1(&self) -> Option<Usage> {
        let both = self.number("memory.memsw.usage_in_bytes")?;
        let limit = self
            .limit("memory.memsw.limit_in_bytes")
            .and_then(|both| Some(both.saturating_sub(self.limit("memory.limit_in_bytes")?)));
        let usage = both.saturating_sub(self.number("memory.usage_in_bytes")?);
        self.found(Resource::Swap, usage, limit, self.number("memory.memsw.failcnt").unwrap_or(0))
    }

    fn memory_2(&self) -> Option<Usage> {
        let hits = self.entry("memory.events", "oom_kill").unwrap_or(0);
        self.found(Resource::Memory, self.number("memory.current")?, self.limit("memory.max"), hits)
    }

    fn swap_2(&self) -> Option<Usage> {
        let hits = self.entry("memory.swap.events", "max").unwrap_or(0);
        self.found(Resource::Swap, self.number("memory.swap.current")?, self.limit("memory.swap.max"), hits)
    }

    fn pids(&self) -> Option<Usage> {
        let hits = self.entry("pids.events", "max").unwrap_or(0);
        self.found(Resource::Pids, self.number("pids.current")?, self.limit("pids.max"), hits)
    }

    fn cpu_1(&self, nanoseconds: Option<u64>) -> Option<Usage> {
        let quota = self.number("cpu.cfs_quota_us").zip(self.number("cpu.cfs_period_us"));
        let limit = quota.and_then(|(quota, period)| thousandths(quota, period));
        let hits = self.entry("cpu.stat", "nr_throttled").unwrap_or(0);
        self.found(Resource::Cpu, nanoseconds? / 1000, limit, hits)
    }

    /// Bytes moved from and to the host's disk and the container's own; what is written to the latter is not counted again where
    /// it goes on to the former. The kernel counts no time that a process was held back.
    fn io_1(&self, disks: [&str; 2]) -> Option<Usage> {
        let moved = self.text("blkio.throttle.io_service_bytes")?;
        let moved = moved_by(&moved, disks, ["Read", "Write"]);
        let limit = of_disk(&self.text("blkio.throttle.write_bps_device")?, disks[0], "");
        self.found(Resource::Io, moved, limit, 0)
    }

    fn io_2(&self, disks: [&str; 2]) -> Option<Usage> {
        let moved = self.text("io.stat")?;
        let moved = moved_by(&moved, disks, ["rbytes=", "wbytes="]);
        let limit = self.text("io.max").and_then(|text| of_disk(&text, disks[0], "wbps="));
        self.found(Resource::Io, moved, limit, 0)
    }

    fn cpu_2(&self, nanoseconds: Option<u64>) -> Option<Usage> {
        let text = self.text("cpu.max")?;
        let mut words = text.split_whitespace().map(str::parse);
        let limit = match (words.next(), words.next()) {
            (Some(Ok(quota)), Some(Ok(period))) => thousandths(quota, period),
            _ => None,
        };
        let hits = self.entry("cpu.stat", "nr_throttled").unwrap_or(0);
        self.found(Resource::Cpu, nanoseconds? / 1000, limit, hits)
    }
}

/// Bytes read from the host's disk, and moved from and to the container's own, or else to the host's.
fn moved_by(text: &str, [host, own]: [&str; 2], [read, write]: [&str; 2]) -> u64 {
    let of = |disk: &str, way: &str| of_disk(text, disk, way).unwrap_or(0);
    of(host, read) + if own.is_empty() { of(host, write) } else { of(own, read) + of(own, write) }
}

/// The number behind `key` in the lines of `disk`, which each begin with its numbers.
fn of_disk(text: &str, disk: &str, key: &str) -> Option<u64> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(disk)?.strip_prefix(' '));
    lines.filter_map(|line| line.split_once(key)?.1.split_whitespace().next()?.parse().ok()).next()
}

/// A quota of a period as thousandths of one CPU.
fn thousandths(quota: u64, period: u64) -> Option<u64> {
    (period > 0).then(|| quota.saturating_mul(1000) / period)
}

#[cfg(test)]
mod tests {
    use super::{moved_by, of_disk};

    #[test]
    fn numbers_of_a_disk_are_found_on_either_version() {
        let moved = "8:0 Read 1\n254:0 Read 20\n254:0 Write 30\n254:0 Total 50\nTotal 51\n";
        assert_eq!(of_disk(moved, "254:0", "Write"), Some(30));
        assert_eq!(of_disk("254:0 1048576\n", "254:0", ""), Some(1_048_576));
        let line = "254:0 rbps=max wbps=7 riops=max wiops=max\n";
        assert_eq!((of_disk(line, "254:0", "wbps="), of_disk(line, "254:0", "rbps=")), (Some(7), None));
        assert_eq!(of_disk(line, "254:1", "wbps="), None);
        let ways = ["Read", "Write"];
        let text = "254:0 Read 1\n254:0 Write 2\n7:0 Read 10\n7:0 Write 20\n";
        assert_eq!((moved_by(text, ["254:0", ""], ways), moved_by(text, ["254:0", "7:0"], ways)), (3, 31));
        assert_eq!(of_disk("", "", ""), None);
    }
}
