//! Limits against use: a bar for each.

use porthole_protocol::kernel::CgroupValue;

use super::format;
use super::kernel::Rates;

/// One limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meter {
    /// What is limited.
    pub name: &'static str,
    /// How much is in use now.
    pub now: String,
    /// How much may be.
    pub limit: String,
    /// The part in use, from 0 to 100.
    pub percent: u64,
    /// What happened at the limit; empty when nothing did.
    pub hits: String,
    /// What serves it.
    pub served_by: &'static str,
}

fn hits(resource: &str, count: u64) -> String {
    let (one, many) = match resource {
        "memory" => ("process killed", "processes killed"),
        "pids" => ("fork refused", "forks refused"),
        "cpu" | "io" => ("time slowed down", "times slowed down"),
        "disk" | "inodes" => ("write refused", "writes refused"),
        _ => ("time at the limit", "times at the limit"),
    };
    match count {
        0 => String::new(),
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    }
}

/// The bar of one value.
#[must_use]
pub fn meter(value: &CgroupValue, rates: Rates) -> Meter {
    let resource = value.resource.as_str();
    let usage = match resource {
        "cpu" => rates.cpu_millis.unwrap_or(0),
        "io" => rates.io_bytes.unwrap_or(0),
        _ => value.usage,
    };
    let (name, unit): (_, fn(u64) -> String) = match resource {
        "memory" => ("Memory", format::bytes),
        "swap" => ("Swap", format::bytes),
        "pids" => ("Processes", |count| count.to_string()),
        "cpu" => ("CPU", |millis| format!("{} %", millis / 10)),
        "io" => ("Disk speed", |bytes| format!("{}/s", format::bytes(bytes))),
        "disk" => ("Disk", format::bytes),
        "inodes" => ("Files", |count| count.to_string()),
        "shm" => ("/dev/shm", format::bytes),
        _ => ("Other", |count| count.to_string()),
    };
    Meter {
        name,
        now: unit(usage),
        limit: match value.limit {
            None => "no limit".into(),
            Some(0) => "none allowed".into(),
            Some(limit) => format!("of {}", unit(limit)),
        },
        percent: value.limit.map_or(0, |limit| format::percent(usage, limit)),
        hits: hits(resource, value.hits),
        served_by: match value.version {
            0 => "file system",
            1 => "cgroup v1",
            _ => "cgroup v2",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(resource: &str, usage: u64, limit: Option<u64>, hits: u64) -> CgroupValue {
        CgroupValue { resource: resource.into(), version: 2, usage, limit, hits }
    }

    #[test]
    fn what_happened_at_a_limit_is_told_plainly() {
        let told = |resource, count| meter(&value(resource, 0, None, count), Rates::default()).hits;
        assert_eq!([told("pids", 2), told("memory", 1)], ["2 forks refused", "1 process killed"]);
        assert_eq!([told("disk", 0), told("cpu", 3)], ["", "3 times slowed down"]);
    }

    #[test]
    fn what_counts_in_total_is_shown_as_what_is_used_in_a_second() {
        let rates = Rates { cpu_millis: Some(500), io_bytes: Some(2 << 20) };
        let cpu = meter(&value("cpu", 99_000_000, Some(1000), 0), rates);
        assert_eq!((cpu.now.as_str(), cpu.limit.as_str(), cpu.percent), ("50 %", "of 100 %", 50));
        let io = meter(&value("io", 1 << 40, Some(16 << 20), 0), rates);
        assert_eq!((io.now.as_str(), io.limit.as_str()), ("2 MiB/s", "of 16 MiB/s"));
    }

    #[test]
    fn a_layer_is_limited_by_its_file_system() {
        let disk = CgroupValue { version: 0, ..value("disk", 1 << 29, Some(1 << 30), 0) };
        let disk = meter(&disk, Rates::default());
        assert_eq!((disk.name, disk.percent, disk.served_by), ("Disk", 50, "file system"));
    }
}
