//! What the numbers were measured on.

use std::fs;
use std::thread::available_parallelism;

use serde_json::{Value, json};

/// Kernel, cores, load and cgroup version, now.
pub(crate) fn facts() -> Value {
    json!({
        "kernel": read("/proc/sys/kernel/osrelease"),
        "processor": processor(),
        "cores": available_parallelism().map_or(0, usize::from),
        "load": read("/proc/loadavg").split(' ').next(),
        "cgroup": cgroup(),
    })
}

/// The facts on one line.
pub(crate) fn told(facts: &Value) -> String {
    let fact = |name: &str| facts[name].to_string().replace('"', "");
    format!(
        "Linux {}, {} × {}, load {} before, cgroup {}",
        fact("kernel"),
        fact("cores"),
        fact("processor"),
        fact("load"),
        fact("cgroup")
    )
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

fn processor() -> Option<String> {
    let info = read("/proc/cpuinfo");
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// Which versions are mounted, see cgroups(7): both is called hybrid.
fn cgroup() -> &'static str {
    let mounts = read("/proc/self/mounts");
    let has = |kind: &str| mounts.lines().any(|line| line.split(' ').nth(2) == Some(kind));
    match (has("cgroup"), has("cgroup2")) {
        (true, true) => "hybrid",
        (true, false) => "v1",
        (false, true) => "v2",
        (false, false) => "none",
    }
}
