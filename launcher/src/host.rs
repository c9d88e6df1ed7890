//! What this host can do, tried rather than guessed: the launcher's half of `porthole doctor`.

pub(crate) mod attempt;
mod isolation;
mod limits;
mod network;
mod storage;

use std::fs;
use std::path::Path;

use crate::disk;
use crate::plan::Storage;
use crate::wire::{Finding, HostReport};

const WORKS: u8 = 0;
const DEGRADED: u8 = 1;
const MISSING: u8 = 2;

/// Tries everything that a container needs; `state` is where its files would be. Leaves nothing behind.
///
/// Takes some tens of milliseconds. Only a process with a single thread may call it, as it forks; it answers for the user
/// who runs it.
#[must_use]
pub fn examine(state: &Path, rootless: bool) -> HostReport {
    report(state, rootless, disk::find(storage::place(state), rootless), true)
}

/// The same where it is known how writable layers are limited; other engines are looked for, and `tried` as well if that is asked.
pub(crate) fn report(state: &Path, rootless: bool, storage: Storage, tried: bool) -> HostReport {
    let mut findings = vec![isolation::kernel(), who(rootless)];
    findings.extend([isolation::namespaces(rootless), isolation::user_namespaces(rootless)]);
    findings.extend([isolation::seccomp(), isolation::keyrings()]);
    findings.extend(storage::findings(state, rootless, storage));
    findings.extend(limits::findings());
    let (network, networks) = network::look(rootless);
    findings.push(network);
    findings.push(isolation::kvm());
    let own = ("builtin".to_owned(), true, env!("CARGO_PKG_VERSION").to_owned());
    let others = crate::oci::report(rootless, tried);
    findings.extend(others.iter().map(engine));
    let engines = [own].into_iter().chain(others).collect();
    HostReport { rootless, findings, engines, networks, disk: storage.name().to_owned() }
}

/// Another engine: containers need none.
fn engine((name, usable, found): &(String, bool, String)) -> Finding {
    let why = "Containers can be run by it as well; the engine `builtin` needs none.";
    let title = format!("engine {name}");
    if *usable {
        return works(&title, found, why);
    }
    let fix = format!("Where containers are to be run by {name}: install it, and run as root.");
    fails(&title, DEGRADED, found, why, &fix)
}

fn who(rootless: bool) -> Finding {
    let why = "As root, every container gets user ids of its own and all limits.";
    if !rootless {
        return works("privilege", "the launcher runs as root", why);
    }
    let (found, fix) = if crate::rootless::has_range() {
        (
            "no root; a range of 65,536 ids from /etc/subuid and /etc/subgid",
            "Run `porthole serve` as root where strangers are let in.",
        )
    } else {
        (
            "no root; a single user id",
            "Run as root; or `apt-get install uidmap` and `usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER`.",
        )
    };
    fails("privilege", DEGRADED, found, why, fix)
}

fn works(name: &str, found: impl Into<String>, why: &str) -> Finding {
    Finding { name: name.into(), verdict: WORKS, found: found.into(), why: why.into(), fix: String::new() }
}

fn fails(name: &str, verdict: u8, found: impl Into<String>, why: &str, fix: &str) -> Finding {
    Finding { name: name.into(), verdict, found: found.into(), why: why.into(), fix: fix.into() }
}

/// The text of a file of /proc or /sys without its newline; none when it is not there.
fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_says_why_and_every_fault_how_to_mend_it() {
        let dir = tempfile::tempdir().unwrap();
        let report = examine(dir.path(), !nix::unistd::Uid::effective().is_root());
        assert!(report.findings.len() >= 15);
        for finding in &report.findings {
            assert!(!finding.found.is_empty() && finding.why.ends_with('.'), "{finding:?}");
            assert_eq!(finding.verdict == WORKS, finding.fix.is_empty(), "{finding:?}");
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "something was left behind");
    }
}
