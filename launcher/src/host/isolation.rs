//! What separates a container from the host.

use std::io;

use nix::sched::CloneFlags;

use super::attempt::{attempt, enter};
use super::{DEGRADED, MISSING, fails, read, works};
use crate::wire::Finding;

/// Oldest kernel: overlayfs on idmapped layers is of 5.19, and 6.1 is the first long-lived one after it.
const OLDEST: (u32, u32) = (6, 1);

pub(super) fn kernel() -> Finding {
    let why = "Root file systems need overlayfs on idmapped layers, which is of Linux 5.19; 6.1 is the oldest that is tested.";
    let release = nix::sys::utsname::uname()
        .map_or_else(|_| String::new(), |u| u.release().to_string_lossy().into_owned());
    if parse(&release) >= Some(OLDEST) {
        works("kernel", release, why)
    } else {
        fails("kernel", MISSING, release, why, "Install Linux 6.1 or newer.")
    }
}

/// Major and minor number of a release such as `6.1.0-47-amd64`.
fn parse(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

pub(super) fn namespaces(rootless: bool) -> Finding {
    let why = "Each hides one part of the host from a container.";
    let kinds = [
        ("user", CloneFlags::CLONE_NEWUSER),
        ("mount", CloneFlags::CLONE_NEWNS),
        ("pid", CloneFlags::CLONE_NEWPID),
        ("net", CloneFlags::CLONE_NEWNET),
        ("ipc", CloneFlags::CLONE_NEWIPC),
        ("uts", CloneFlags::CLONE_NEWUTS),
        ("cgroup", CloneFlags::CLONE_NEWCGROUP),
    ];
    let refused: Vec<String> = kinds
        .iter()
        .filter_map(|(name, flag)| {
            attempt(|| enter(rootless, *flag)).err().map(|error| format!("{name} ({error})"))
        })
        .collect();
    if refused.is_empty() {
        return works("namespaces", "user, mount, pid, net, ipc, uts, cgroup", why);
    }
    let fix = "Run as root, or allow user namespaces (see the next line); a kernel built without one of them cannot be used.";
    fails("namespaces", MISSING, format!("refused: {}", refused.join(", ")), why, fix)
}

/// Settings that forbid user namespaces to ordinary users, with the value that allows them and how to set it.
const SETTINGS: [(&str, &str, &str); 2] = [
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "0",
        "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    ("/proc/sys/kernel/unprivileged_userns_clone", "1", "sysctl -w kernel.unprivileged_userns_clone=1"),
];

pub(super) fn user_namespaces(rootless: bool) -> Finding {
    let name = "user namespaces for ordinary users";
    let why = "Rootless form needs them; some distributions restrict them, AppArmor among the means.";
    let most = read("/proc/sys/user/max_user_namespaces").unwrap_or_default();
    let verdict = if rootless { MISSING } else { DEGRADED };
    if most == "0" {
        return fails(
            name,
            verdict,
            "user.max_user_namespaces is 0",
            why,
            "sysctl -w user.max_user_namespaces=15000",
        );
    }
    for (path, allows, fix) in SETTINGS {
        if read(path).is_some_and(|value| value != allows) {
            let setting = path.trim_start_matches("/proc/sys/").replace('/', ".");
            return fails(name, verdict, format!("restricted by {setting}"), why, fix);
        }
    }
    works(name, format!("not restricted; at most {most}"), why)
}

pub(super) fn seccomp() -> Finding {
    let why = "The filter keeps most of the kernel's surface away from a container.";
    let loaded = attempt(|| {
        rustix::thread::set_no_new_privs(true)?;
        crate::sys::load_seccomp(&crate::seccomp::filter())
    });
    match loaded {
        Ok(()) => works("seccomp", "filters can be loaded", why),
        Err(error) => {
            fails("seccomp", MISSING, error.to_string(), why, "Use a kernel with CONFIG_SECCOMP_FILTER.")
        }
    }
}

pub(super) fn keyrings() -> Finding {
    let why = "Each container starts with an empty session keyring of its own.";
    match attempt(crate::sys::new_session_keyring) {
        Ok(()) => works("keyrings", "a new session keyring can be joined", why),
        // Without keys there are none to leak.
        Err(error) if error.raw_os_error() == Some(nix::libc::ENOSYS) => {
            works("keyrings", "this kernel has no keys, so there are none to leak", why)
        }
        Err(error) => {
            let fix = "Raise kernel.keys.maxkeys: `sysctl -w kernel.keys.maxkeys=20000`.";
            fails("keyrings", DEGRADED, error.to_string(), why, fix)
        }
    }
}

pub(super) fn kvm() -> Finding {
    let why = "Not used yet: a virtual machine would bring a kernel of its own.";
    let fix =
        "Enable virtualisation in the firmware, or nested virtualisation of the machine around this one.";
    match std::fs::File::options().read(true).write(true).open("/dev/kvm") {
        Ok(_) => works("kvm", "/dev/kvm opens, which does not prove that machines run well", why),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fails("kvm", DEGRADED, "no /dev/kvm", why, fix)
        }
        Err(error) => {
            fails("kvm", DEGRADED, format!("/dev/kvm: {error}"), why, "Add this user to the group `kvm`.")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_compare_by_number() {
        assert_eq!(parse("6.1.0-47-amd64"), Some((6, 1)));
        assert!(parse("5.19.12") < Some(OLDEST));
        assert!(parse("6.18.44") > Some(OLDEST));
        assert_eq!(parse("unknown"), None);
    }
}
