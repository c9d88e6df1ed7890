//! What can be seen without changing anything.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::{major, minor};

use crate::report::Mount;

/// The file's text; its error in brackets when it cannot be read.
#[must_use]
pub fn text(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| format!("[{error}]"))
}

/// Open descriptors and what they refer to, but for the one that lists them.
#[must_use]
pub fn open_fds() -> BTreeMap<i32, String> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return BTreeMap::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let fd = entry.file_name().to_str()?.parse().ok()?;
            let target = fs::read_link(entry.path()).ok()?.display().to_string();
            (!target.ends_with("/fd")).then_some((fd, target))
        })
        .collect()
}

/// Inode numbers of the namespaces this process is in.
#[must_use]
pub fn namespaces() -> BTreeMap<String, u64> {
    ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"]
        .into_iter()
        .filter_map(|kind| Some((kind.to_owned(), fs::metadata(format!("/proc/self/ns/{kind}")).ok()?.ino())))
        .collect()
}

/// Real uid, gid and supplementary groups.
#[must_use]
pub fn ids() -> (u32, u32, Vec<u32>) {
    let groups =
        nix::unistd::getgroups().unwrap_or_default().into_iter().map(nix::unistd::Gid::as_raw).collect();
    (nix::unistd::getuid().as_raw(), nix::unistd::getgid().as_raw(), groups)
}

/// Fields of `/proc/self/status`.
#[must_use]
pub fn status() -> BTreeMap<String, String> {
    text("/proc/self/status")
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
        .collect()
}

/// The mount table, see `proc_pid_mountinfo(5)`.
#[must_use]
pub fn mounts() -> Vec<Mount> {
    text("/proc/self/mountinfo").lines().filter_map(mount).collect()
}

fn mount(line: &str) -> Option<Mount> {
    let (own, file_system) = line.split_once(" - ")?;
    let own: Vec<&str> = own.split(' ').collect();
    let file_system: Vec<&str> = file_system.split(' ').collect();
    Some(Mount {
        root: (*own.get(3)?).to_owned(),
        target: (*own.get(4)?).to_owned(),
        options: (*own.get(5)?).to_owned(),
        fs_type: (*file_system.first()?).to_owned(),
        super_options: (*file_system.get(2)?).to_owned(),
    })
}

/// Names in `/dev`: type letter, and `major:minor` for devices.
#[must_use]
pub fn dev() -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir("/dev") else { return BTreeMap::new() };
    entries
        .flatten()
        .filter_map(|entry| {
            let meta = entry.path().symlink_metadata().ok()?;
            let kind = meta.file_type();
            let number = format!("{}:{}", major(meta.rdev()), minor(meta.rdev()));
            let what = if kind.is_char_device() {
                format!("c {number}")
            } else if kind.is_block_device() {
                format!("b {number}")
            } else if kind.is_symlink() {
                format!("l {}", fs::read_link(entry.path()).ok()?.display())
            } else if kind.is_dir() {
                "d".to_owned()
            } else {
                "f".to_owned()
            };
            Some((entry.file_name().to_string_lossy().into_owned(), what))
        })
        .collect()
}

/// Process ids that `/proc` shows.
#[must_use]
pub fn pids() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let mut pids: Vec<i32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

/// Network interfaces.
#[must_use]
pub fn interfaces() -> Vec<String> {
    text("/proc/net/dev")
        .lines()
        .skip(2)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.trim().to_owned())
        .collect()
}

/// Soft and hard limits.
#[must_use]
pub fn rlimits() -> BTreeMap<String, (u64, u64)> {
    [
        ("core", Resource::RLIMIT_CORE),
        ("nofile", Resource::RLIMIT_NOFILE),
        ("memlock", Resource::RLIMIT_MEMLOCK),
        ("msgqueue", Resource::RLIMIT_MSGQUEUE),
        ("rtprio", Resource::RLIMIT_RTPRIO),
    ]
    .into_iter()
    .filter_map(|(name, resource)| Some((name.to_owned(), getrlimit(resource).ok()?)))
    .collect()
}
