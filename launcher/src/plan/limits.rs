//! Limits as the files of a container's control groups, see the kernel's `admin-guide/cgroup-v2` and
//! `admin-guide/cgroup-v1`.

use super::{Hierarchy, Host};
use crate::wire::Limits;

/// Period of the CPU quota, in microseconds. Who has used up a quota waits for the next period, so the kernel's default, five
/// times as long, would let a terminal beside a busy program of its own container stand still for nearly a tenth of a second.
const PERIOD: u64 = 20_000;

/// The kernel's default, for a limit that is less than [`LEAST_QUOTA`] in the other.
const LONG_PERIOD: u64 = 100_000;

/// The least that the kernel takes in a period, in microseconds.
const LEAST_QUOTA: u64 = 1000;

/// Controllers of version 1 that only a container joins whose limits need them: each hierarchy that every one joins makes
/// every start slower.
const ON_DEMAND: [&str; 2] = ["cpuset", "blkio"];

/// What a container weighs beside the others, where there are more programs than CPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// It has used little.
    Quiet,
    /// It has used much, or is new.
    Busy,
}

impl Weight {
    /// The file of the `cpu` controller that holds it, and its value: of both versions, [`Self::Quiet`] is the kernel's default.
    pub(crate) fn setting(self, version: u8) -> (&'static str, &'static str) {
        match (self, version) {
            (Self::Quiet, 1) => ("cpu.shares", "1024"),
            (Self::Busy, 1) => ("cpu.shares", "32"),
            (Self::Quiet, _) => ("cpu.weight", "100"),
            (Self::Busy, _) => ("cpu.weight", "3"),
        }
    }
}

/// A file of a control group and what it is to hold.
pub(crate) type Setting = (String, String);

/// What `hierarchy` enforces of `limits`, in an order in which the kernel accepts it from a group without limits, and from one
/// with higher ones.
pub(crate) fn settings(limits: &Limits, hierarchy: &Hierarchy, host: &Host) -> Vec<Setting> {
    let memory = limits.memory_bytes.to_string();
    let mut files: Vec<(&str, String)> = Vec::new();
    for controller in &hierarchy.controllers {
        match (controller.as_str(), hierarchy.version) {
            // No more with swap than without: the order matters, memsw may never be below the memory limit.
            ("memory", 1) => files.extend([
                ("memory.limit_in_bytes", memory.clone()),
                ("memory.memsw.limit_in_bytes", memory.clone()),
            ]),
            ("memory", _) => files.extend([
                ("memory.max", memory.clone()),
                ("memory.swap.max", "0".to_owned()),
                ("memory.zswap.max", "0".to_owned()),
                ("memory.oom.group", "1".to_owned()),
            ]),
            ("pids", _) => files.push(("pids.max", limits.pids.to_string())),
            ("cpu", version) => {
                let (quota, period) = quota(limits.cpu_millis);
                match version {
                    1 => files.extend([
                        ("cpu.cfs_period_us", period.to_string()),
                        ("cpu.cfs_quota_us", quota.to_string()),
                    ]),
                    _ => files.push(("cpu.max", format!("{quota} {period}"))),
                }
                let (file, value) = Weight::Busy.setting(version);
                files.push((file, value.to_owned()));
            }
            ("cpuset", version) => {
                if let Some(cpus) = &limits.cpuset {
                    files.push(("cpuset.cpus", cpus.clone()));
                }
                // Without both, no process can join a group of version 1.
                if version == 1 && limits.cpuset.is_some() {
                    files.push(("cpuset.mems", host.memory_nodes.clone()));
                }
            }
            ("blkio", _) => {
                for file in ["blkio.throttle.read_bps_device", "blkio.throttle.write_bps_device"] {
                    files.extend(io(limits, host).map(|(disk, bytes)| (file, format!("{disk} {bytes}"))));
                }
            }
            ("io", _) => files.extend(
                io(limits, host).map(|(disk, bytes)| ("io.max", format!("{disk} rbps={bytes} wbps={bytes}"))),
            ),
            // Pages of this kind count as no memory.
            ("hugetlb", _) => {
                let of_sizes = hierarchy.optional.iter().filter(|file| file.starts_with("hugetlb."));
                files.extend(of_sizes.map(|file| (file.as_str(), "0".to_owned())));
            }
            _ => {}
        }
    }
    files.retain(|(file, _)| {
        !Hierarchy::is_optional(file) || hierarchy.optional.iter().any(|has| has == file)
    });
    files.into_iter().map(|(file, value)| (file.to_owned(), value)).collect()
}

fn io<'a>(limits: &Limits, host: &'a Host) -> Option<(&'a str, u64)> {
    host.disk.as_deref().zip(limits.io_bytes_per_second)
}

impl Hierarchy {
    /// Whether a container with these limits is in it.
    #[must_use]
    pub fn serves(&self, limits: &Limits) -> bool {
        !self.is_on_demand()
            || self.controllers.iter().any(|controller| match controller.as_str() {
                "cpuset" => limits.cpuset.is_some(),
                _ => limits.io_bytes_per_second.is_some(),
            })
    }

    /// Whether only those are in it whose limits need it.
    #[must_use]
    pub fn is_on_demand(&self) -> bool {
        self.version == 1 && self.controllers.iter().all(|name| ON_DEMAND.contains(&name.as_str()))
    }

    /// Whether a file of a group is there on some kernels only.
    pub(crate) fn is_optional(file: &str) -> bool {
        let limit = |file: &str| file.ends_with(".max") || file.ends_with(".limit_in_bytes");
        ["memory.memsw.limit_in_bytes", "memory.swap.max", "memory.zswap.max", "memory.oom.group"]
            .contains(&file)
            || (file.starts_with("hugetlb.") && limit(file))
    }
}

impl Host {
    /// This host as a container with these limits meets it.
    #[must_use]
    pub(crate) fn serving(&self, limits: &Limits) -> Self {
        let mut host = self.clone();
        host.hierarchies.retain(|hierarchy| hierarchy.serves(limits));
        host
    }

    /// What a file holds that only some containers have a limit in, when it limits nothing.
    pub(crate) fn lifted(&self, file: &str) -> String {
        let disk = self.disk.as_deref().unwrap_or_default();
        match file {
            "io.max" => format!("{disk} rbps=max wbps=max"),
            "cpuset.cpus" => self.cpus.clone(),
            "cpuset.mems" => self.memory_nodes.clone(),
            _ => format!("{disk} 0"),
        }
    }

    /// Why limits that were asked for cannot be had here, in a sentence: one that is only hoped for is none.
    pub(crate) fn cannot_limit(&self, limits: &Limits) -> Option<String> {
        let has = |name: &str| self.hierarchies.iter().any(|h| h.controllers.iter().any(|c| c == name));
        if let Some(asked) = &limits.cpuset {
            if !has("cpuset") {
                return Some("CPUs cannot be chosen, because no cpuset controller can be used here.".into());
            }
            let (Some(asked_list), Some(here)) = (cpus(asked), cpus(&self.cpus)) else {
                return Some(format!("'{asked}' is not a list of CPUs such as 0-1,3."));
            };
            if asked_list.iter().any(|cpu| !here.contains(cpu)) {
                return Some(format!("There are no such CPUs as {asked}: here are {}.", self.cpus));
            }
        }
        if limits.io_bytes_per_second.is_some() {
            if !has("io") && !has("blkio") {
                return Some(
                    "I/O cannot be limited, because no io or blkio controller can be used here.".into(),
                );
            }
            if self.disk.is_none() {
                return Some(
                    "I/O cannot be limited, because the state directory is not on a disk of this host."
                        .into(),
                );
            }
        }
        None
    }
}

/// Reads the list format of `cpuset(7)`; none when it is none, or names a CPU that no machine has.
fn cpus(list: &str) -> Option<Vec<u32>> {
    /// `NR_CPUS` of the largest kernels.
    const MOST: u32 = 8192;
    let mut all = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= MOST {
            return None;
        }
        all.extend(first..=last);
    }
    Some(all)
}

/// The CPU quota and its period, in microseconds, for thousandths of one CPU.
fn quota(cpu_millis: u32) -> (u64, u64) {
    let in_period = |period: u64| (u64::from(cpu_millis) * period / 1000, period);
    let short = in_period(PERIOD);
    if short.0 < LEAST_QUOTA { in_period(LONG_PERIOD) } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(hierarchy: Hierarchy) -> Host {
        Host {
            hierarchies: vec![hierarchy],
            cpus: "0-1".into(),
            memory_nodes: "0".into(),
            disk: Some("254:0".into()),
            ..Host::default()
        }
    }

    fn hierarchy(version: u8, controllers: &[&str], optional: &[&str]) -> Hierarchy {
        let owned = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        Hierarchy { name: "h".into(), version, controllers: owned(controllers), optional: owned(optional) }
    }

    fn limits() -> Limits {
        Limits {
            memory_bytes: 64,
            cpu_millis: 500,
            pids: 9,
            cpuset: Some("1".into()),
            io_bytes_per_second: Some(7),
            ..Limits::default()
        }
    }

    fn written(hierarchy: Hierarchy, limits: &Limits) -> Vec<String> {
        let host = host(hierarchy);
        settings(limits, &host.hierarchies[0], &host)
            .into_iter()
            .map(|(file, value)| format!("{file}={value}"))
            .collect()
    }

    #[test]
    fn version_2_limits_everything_in_one_group() {
        let all = ["memory.swap.max", "memory.zswap.max", "memory.oom.group", "hugetlb.2MB.max"];
        let group = hierarchy(2, &["memory", "pids", "cpu", "cpuset", "io", "hugetlb"], &all);
        let expected = [
            "memory.max=64",
            "memory.swap.max=0",
            "memory.zswap.max=0",
            "memory.oom.group=1",
            "pids.max=9",
            "cpu.max=10000 20000",
            "cpu.weight=3",
            "cpuset.cpus=1",
            "io.max=254:0 rbps=7 wbps=7",
            "hugetlb.2MB.max=0",
        ];
        assert_eq!(written(group, &limits()), expected);
    }

    #[test]
    fn a_quota_is_never_less_than_the_kernel_takes() {
        assert_eq!(
            [1000, 50, 49, 10].map(quota),
            [(20_000, 20_000), (1000, 20_000), (4900, 100_000), (1000, 100_000)]
        );
    }

    #[test]
    fn what_a_kernel_has_no_file_for_is_not_written() {
        assert_eq!(written(hierarchy(2, &["memory"], &[]), &limits()), ["memory.max=64"]);
        assert_eq!(written(hierarchy(1, &["memory"], &[]), &limits()), ["memory.limit_in_bytes=64"]);
    }

    #[test]
    fn a_hierarchy_of_version_1_is_joined_when_a_limit_needs_it() {
        let none = Limits { cpuset: None, io_bytes_per_second: None, ..limits() };
        for name in ["cpuset", "blkio"] {
            let group = hierarchy(1, &[name], &[]);
            assert!(group.serves(&limits()) && !group.serves(&none), "{name}");
            assert!(written(group, &none).is_empty());
        }
        assert!(hierarchy(1, &["memory"], &[]).serves(&none));
        assert_eq!(written(hierarchy(1, &["cpuset"], &[]), &limits()), ["cpuset.cpus=1", "cpuset.mems=0"]);
    }

    #[test]
    fn a_limit_that_cannot_be_had_is_refused_with_a_sentence() {
        let here = host(hierarchy(2, &["cpuset", "io"], &[]));
        assert_eq!(here.cannot_limit(&limits()), None);
        for (list, words) in [("2", "here are 0-1"), ("0-9", "no such CPUs"), ("1-0", "list"), (",", "list")]
        {
            let asked = Limits { cpuset: Some(list.into()), ..limits() };
            let sentence = here.cannot_limit(&asked).unwrap();
            assert!(sentence.contains(words), "{sentence}");
        }
        assert!(Host { disk: None, ..here }.cannot_limit(&limits()).unwrap().contains("not on a disk"));
        let poor = host(hierarchy(2, &["memory"], &[]));
        assert!(poor.cannot_limit(&limits()).unwrap().contains("cpuset"));
    }
}
