//! What of the host is compared before and after each case.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use tempfile::TempDir;

/// Settings of the whole machine that escapes end in.
const SETTINGS: [&str; 14] = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/hostname",
    "/proc/sys/kernel/pid_max",
    "/proc/sys/kernel/panic",
    "/proc/sys/kernel/sysrq",
    "/proc/sys/kernel/printk",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/drop_caches",
    "/proc/sys/user/max_user_namespaces",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/irq/default_smp_affinity",
    "/sys/kernel/mm/transparent_hugepage/enabled",
    "/proc/modules",
];

/// Words that the kernel's log has when something broke in it.
const TROUBLE: [&str; 3] = ["BUG:", "Oops:", "Kernel panic"];

/// Files and a process that whoever gets out as an ordinary user, or as root, could harm.
pub struct Canary {
    pub dir: TempDir,
    process: Child,
    booted: f64,
}

impl Canary {
    pub fn hatch() -> Self {
        let dir = TempDir::with_prefix("porthole-canary-").unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).unwrap();
        for (name, owner) in [("root", 0), ("user", 1000)] {
            let file = dir.path().join(name);
            fs::write(&file, "untouched").unwrap();
            fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
            chown(&file, Some(owner), Some(owner)).unwrap();
        }
        let process = Command::new("sleep").arg("100000").uid(1000).gid(1000).spawn().unwrap();
        Self { dir, process, booted: booted() }
    }

    /// What is compared, by name.
    pub fn look(&self, programs: &[PathBuf], state: &Path) -> BTreeMap<String, String> {
        let mut seen = BTreeMap::new();
        for setting in SETTINGS {
            seen.insert(setting.to_owned(), read(setting));
        }
        let mut names: Vec<_> = fs::read_dir(&self.dir).unwrap().map(|entry| entry.unwrap().path()).collect();
        names.sort();
        seen.insert("the canary's names".into(), format!("{names:?}"));
        for file in names {
            let meta = fs::symlink_metadata(&file).unwrap();
            let text = fs::read_to_string(&file).unwrap_or_default();
            let what = format!("{:o} {} {} {text}", meta.mode(), meta.uid(), meta.gid());
            seen.insert(file.display().to_string(), what);
        }
        for program in programs {
            let meta = fs::metadata(program).unwrap();
            // The time of the last change tells of any, were it to contents, mode or owner.
            let changed = (meta.size(), meta.ctime(), meta.ctime_nsec());
            let what = format!("{:o} {} {} {changed:?}", meta.mode(), meta.uid(), meta.gid());
            seen.insert(program.display().to_string(), what);
        }
        let pid = self.process.id();
        seen.insert("the canary's process".into(), field(pid, "State:") + &field(pid, "ShdPnd:"));
        seen.insert("mounts".into(), read("/proc/self/mountinfo"));
        seen.insert("listening".into(), listening());
        seen.insert("processes".into(), processes());
        seen.insert("trouble in the kernel's log".into(), trouble());
        let moved = (booted() - self.booted).abs() > 30.0;
        seen.insert("clock".into(), if moved { "moved" } else { "steady" }.into());
        seen.insert("containers on disk".into(), containers(state));
        seen
    }
}

impl Drop for Canary {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What differs, in a few words.
pub fn differences(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    names
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| format!("{name}: {:?} became {:?}", before.get(name), after.get(name)))
        .collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn field(pid: u32, name: &str) -> String {
    let status = read(&format!("/proc/{pid}/status"));
    status.lines().find(|line| line.starts_with(name)).unwrap_or("gone").to_owned()
}

/// Sockets that listen, in the network of this test's own host.
fn listening() -> String {
    let column = |path: &str, wanted: fn(&[&str]) -> bool, shown: usize| -> Vec<String> {
        let text = read(path);
        let words = text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
        words
            .filter(|words| wanted(words))
            .filter_map(|words| Some((*words.get(shown)?).to_owned()))
            .collect()
    };
    let mut found = Vec::new();
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        found.extend(column(path, |words| words.get(3) == Some(&"0A"), 1));
    }
    for path in ["/proc/net/udp", "/proc/net/udp6", "/proc/net/raw"] {
        found.extend(column(path, |_| true, 1));
    }
    found.extend(column("/proc/net/unix", |words| words.get(3) == Some(&"00010000"), 7));
    found.sort();
    found.join(" ")
}

/// Programs that run, by name: on this test's own host, all of them are known.
fn processes() -> String {
    let mut names: Vec<String> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .map(|pid| read(&format!("/proc/{pid}/comm")).trim().to_owned())
        .collect();
    names.sort();
    names.join(" ")
}

fn trouble() -> String {
    let log = Command::new("dmesg").output().map(|output| output.stdout).unwrap_or_default();
    let log = String::from_utf8_lossy(&log).into_owned();
    let lines = log.lines().filter(|line| TROUBLE.iter().any(|word| line.contains(word)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Seconds of the wall's clock at this machine's start.
fn booted() -> f64 {
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let up: f64 = read("/proc/uptime").split(' ').next().unwrap().parse().unwrap();
    wall - up
}

fn containers(state: &Path) -> String {
    let entries = fs::read_dir(state.join("containers")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| !name.starts_with(".spare")).collect::<Vec<_>>().join(" ")
}
