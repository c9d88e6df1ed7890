//! What can be limited, and how much there is.

use rustix::process::{Resource, getrlimit};

use super::{DEGRADED, MISSING, fails, read, works};
use crate::cgroup;
use crate::wire::Finding;

/// Open files that a busy launcher needs: a container holds about eight descriptors.
const ENOUGH_FILES: u64 = 8192;

pub(super) fn findings() -> Vec<Finding> {
    let mut findings: Vec<Finding> = [
        ("memory", "Without it a container can use up the host's memory."),
        ("pids", "Without it a fork bomb takes the host's process ids."),
        ("cpu", "Without it one container can starve the others."),
    ]
    .into_iter()
    .map(|(controller, why)| cgroup_controller(controller, why))
    .collect();
    findings.extend([
        on_demand(&["cpuset"], "Containers can be kept to some of the CPUs."),
        on_demand(&["io", "blkio"], "What a container reads and writes in a second can be limited."),
        swap(),
        open_files(),
        numbers(),
        core_dumps(),
    ]);
    findings
}

fn cgroup_controller(controller: &str, why: &str) -> Finding {
    let name = format!("cgroup {controller}");
    match cgroup::describe(controller) {
        Ok(found) => works(&name, found, why),
        Err(found) => fails(
            &name,
            MISSING,
            found,
            why,
            "Run as root, or have this controller delegated: `systemd-run --user --scope -p Delegate=yes porthole serve`.",
        ),
    }
}

/// A controller that only some containers need, by its names in either version.
fn on_demand(names: &[&str], why: &str) -> Finding {
    let name = format!("cgroup {}", names[0]);
    match names.iter().find_map(|controller| cgroup::describe(controller).ok()) {
        Some(found) => works(&name, found, why),
        None => fails(
            &name,
            DEGRADED,
            "no such controller can be used",
            why,
            "Run as root on a kernel that has it; containers that ask for this limit are refused meanwhile.",
        ),
    }
}

fn swap() -> Finding {
    let why = "Swap counts as memory, so that a limit cannot be dodged by swapping.";
    if cgroup::describe("memory").is_err() {
        return fails("swap", DEGRADED, "not limited, as memory is not", why, "See `cgroup memory` above.");
    }
    let none = read("/proc/swaps").is_none_or(|swaps| swaps.lines().count() <= 1);
    let accounted = cgroup::accounts_swap();
    match (none, accounted) {
        (_, true) => works("swap", "accounted and limited with memory", why),
        (true, false) => works("swap", "not accounted, and there is none", why),
        (false, false) => {
            fails("swap", DEGRADED, "not accounted", why, "Boot with `swapaccount=1`, or `swapoff -a`.")
        }
    }
}

fn open_files() -> Finding {
    let why = "The launcher keeps about eight descriptors for each container, and cannot give a program more than it has.";
    match getrlimit(Resource::Nofile).maximum {
        Some(most) if most < ENOUGH_FILES => fails(
            "open files",
            DEGRADED,
            format!("at most {most}"),
            why,
            "Raise it before the start: `ulimit -n 65536`, or LimitNOFILE= of the service.",
        ),
        most => works("open files", most.map_or("no limit".into(), |most| format!("at most {most}")), why),
    }
}

fn core_dumps() -> Finding {
    let (name, why) = (
        "core dumps",
        "No container writes any; but the kernel gives those of its programs to a pipe in core_pattern all the same.",
    );
    match read("/proc/sys/kernel/core_pattern") {
        Some(pattern) if pattern.starts_with('|') => {
            let program = pattern.trim_start_matches('|').split(' ').next().unwrap_or_default();
            let found = format!("given to {program}, which runs as root of the host");
            fails(name, DEGRADED, found, why, "`sysctl -w kernel.core_pattern=core`.")
        }
        _ => works(name, "core_pattern is no pipe", why),
    }
}

fn numbers() -> Finding {
    let why = "Numbers of the whole host that many containers share.";
    let number = |path: &str| read(path).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let pids = number("/proc/sys/kernel/pid_max");
    let ptys = number("/proc/sys/kernel/pty/max");
    let found = format!("{pids} process ids, {ptys} terminals");
    if pids < 65_536 {
        let fix = "For hundreds of containers: `sysctl -w kernel.pid_max=4194304`.";
        return fails("host-wide numbers", DEGRADED, found, why, fix);
    }
    works("host-wide numbers", found, why)
}
