//! Everything that agent, launcher and containers hold of the kernel and of the disk, by kind. It is looked at in a room of
//! our own ([`crate::room`]), so that all of it is ours but the cgroups and loop devices, which are told by their names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Disks that the launcher may keep for later beyond those it had at first: it makes some for launches that are cut off
/// meanwhile. Each is a loop device and a descriptor.
const KEPT_DISKS: usize = 8;

/// What there is of each kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Footprint(BTreeMap<&'static str, Vec<String>>);

/// Whom to look at.
pub(crate) struct Subject<'a> {
    pub(crate) state: &'a Path,
    pub(crate) agent: Option<u32>,
    pub(crate) launcher: Option<u32>,
    /// The launcher's own directory, relative to the root of every hierarchy.
    pub(crate) cgroup: &'a str,
}

/// The directory that holds a container's cgroups, by its process 1.
pub(crate) fn cgroup_above(init: u32) -> Option<String> {
    let groups = fs::read_to_string(format!("/proc/{init}/cgroup")).ok()?;
    let mut paths = groups.lines().filter_map(|line| line.rsplit(':').next());
    let own = paths.find(|path| path.contains("/porthole/"))?;
    Some(own.rsplit_once('/')?.0.trim_start_matches('/').to_owned())
}

impl Footprint {
    /// Looks.
    pub(crate) fn of(subject: &Subject) -> Self {
        let state = subject.state.to_string_lossy();
        let mut all = BTreeMap::new();
        let pids = pids();
        all.insert("processes", pids.iter().map(|pid| describe(pid)).collect());
        all.insert("namespaces", namespaces(&pids));
        all.insert("mounts", mounts(&pids));
        all.insert("links", links());
        all.insert("firewall tables", tables());
        all.insert("loop devices", loops(&state));
        all.insert("cgroups", cgroups(subject.cgroup));
        all.insert("descriptors of the agent", subject.agent.map(descriptors).unwrap_or_default());
        all.insert("descriptors of the launcher", subject.launcher.map(descriptors).unwrap_or_default());
        for part in [
            "containers",
            "layers",
            "trash",
            "agent/images/partial",
            "agent/images/blobs/sha256",
            "agent/logs",
            "run",
        ] {
            all.insert(part, entries(&subject.state.join(part)));
        }
        all.insert("state directory", entries(subject.state));
        Self(all)
    }

    /// What there is before agent and launcher, and may be after them. What they keep on disk is left out.
    pub(crate) fn of_nobody() -> Self {
        let nowhere =
            Subject { state: Path::new("/nowhere"), agent: None, launcher: None, cgroup: "nowhere" };
        let mut nobody = Self::of(&nowhere);
        for kept in ["layers", "agent/images/blobs/sha256", "run", "state directory"] {
            nobody.0.remove(kept);
        }
        // A launcher leaves the one that it had made for the next container; the next launcher sweeps it.
        nobody.0.insert("containers", vec!["the spare one".into()]);
        nobody
    }

    /// What there is more of than in `before`, of the kinds that are in there; one line a kind.
    pub(crate) fn beyond(&self, before: &Self) -> Vec<String> {
        let more = self.0.iter().filter_map(|(kind, now)| {
            let then = before.0.get(kind)?;
            let kept = match *kind {
                "loop devices" | "descriptors of the launcher" if !then.is_empty() => KEPT_DISKS,
                _ => 0,
            };
            (now.len() > then.len() + kept).then(|| {
                let known: BTreeSet<_> = then.iter().collect();
                let new: Vec<_> = now.iter().filter(|item| !known.contains(item)).take(12).cloned().collect();
                format!("{kind}: {} instead of {}, among them {}", now.len(), then.len(), new.join(" | "))
            })
        });
        more.collect()
    }

    /// How many of each kind, on one line.
    pub(crate) fn counts(&self) -> String {
        let counts: Vec<_> = self.0.iter().map(|(kind, all)| format!("{kind} {}", all.len())).collect();
        counts.join(", ")
    }
}

/// Resident memory that is the process's own, in bytes: text of the program and shared pages do not count.
pub(crate) fn memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

fn pids() -> Vec<String> {
    let mut names = entries(Path::new("/proc"));
    names.retain(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    names
}

fn describe(pid: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let (name, rest) = status.rsplit_once(") ").unwrap_or_default();
    format!("{name}) {}", rest.split(' ').take(2).collect::<Vec<_>>().join(" of "))
}

/// Those that some process is in, and those that one holds by a descriptor or a mount.
fn namespaces(pids: &[String]) -> Vec<String> {
    let mut all = BTreeSet::new();
    for pid in pids {
        for folder in ["ns", "fd"] {
            for link in links_in(&format!("/proc/{pid}/{folder}")) {
                let kind = link.split(":[").next().unwrap_or_default();
                if link.contains(":[") && !matches!(kind, "socket" | "pipe" | "anon_inode") {
                    all.insert(link);
                }
            }
        }
        let held = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        all.extend(held.lines().filter(|line| line.contains(" - nsfs ")).map(str::to_owned));
    }
    all.into_iter().collect()
}

/// Every mount of every mount namespace that some process is in.
fn mounts(pids: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for pid in pids {
        let Ok(namespace) = fs::read_link(format!("/proc/{pid}/ns/mnt")) else { continue };
        if seen.insert(namespace) {
            let table = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
            all.extend(table.lines().map(str::to_owned));
        }
    }
    all
}

/// Network interfaces of our own network namespace.
fn links() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    table.lines().skip(2).filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect()
}

/// Everything in nftables, line by line; nothing where the program is not installed.
fn tables() -> Vec<String> {
    let listed = Command::new("nft").args(["-a", "list", "ruleset"]).output();
    let text = listed.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
}

fn loops(state: &str) -> Vec<String> {
    let devices = entries(Path::new("/sys/block")).into_iter().filter(|name| name.starts_with("loop"));
    let file = |name: &String| fs::read_to_string(format!("/sys/block/{name}/loop/backing_file")).ok();
    devices.filter_map(|name| file(&name)).filter(|file| file.contains(state)).collect()
}

/// The launcher's own directory in every hierarchy, and those below.
fn cgroups(own: &str) -> Vec<String> {
    let hierarchies = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let hierarchies = hierarchies.lines().filter(|line| line.contains(" - cgroup"));
    let points = hierarchies.filter_map(|line| line.split(' ').nth(4).map(PathBuf::from));
    let mut all = Vec::new();
    for point in points {
        let directory = point.join(own);
        if directory.is_dir() {
            let below = fs::read_dir(&directory).into_iter().flatten().flatten();
            let below = below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            all.extend(below.map(|entry| entry.path().display().to_string()));
            all.push(directory.display().to_string());
        }
    }
    all
}

fn descriptors(pid: u32) -> Vec<String> {
    links_in(&format!("/proc/{pid}/fd"))
}

fn links_in(directory: &str) -> Vec<String> {
    let links = fs::read_dir(directory).into_iter().flatten().flatten();
    links.filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.display().to_string())).collect()
}

fn entries(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
