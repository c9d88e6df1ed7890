//! Rules of nf_tables, loaded by the program that reads their language.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// Where distributions put it: the launcher has no search path.
const PLACES: [&str; 4] = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft", "/usr/local/sbin/nft"];

/// Longest wait for it, far above the ten milliseconds that it takes where the machine is not overwhelmed.
const PATIENCE: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

/// What to install where it is missing.
pub(crate) const MISSING: &str = "the program nft is missing: `apt-get install nftables`";

/// The rules of the router.
pub(super) const ROUTER: &str = include_str!("router.nft");

/// The rules of the host around the link `link` to the router, whose address is `router`. `alone` drops everything else
/// that would be forwarded: where nothing was before, nothing is to be now.
pub(super) fn host(table: &str, link: &str, router: std::net::Ipv4Addr, alone: bool) -> String {
    include_str!("host.nft")
        .replace("TABLE", table)
        .replace("PRIVATE", private())
        .replace("LINK", link)
        .replace("ROUTER", &router.to_string())
        .replace("OTHERS", if alone { "drop" } else { "" })
}

/// The destinations that the router refuses, which are refused once more on the host's side.
fn private() -> &'static str {
    let elements = ROUTER.split_once("elements = {").and_then(|(_, rest)| rest.split_once('}'));
    elements.expect("the router's rules have such a set").0
}

/// Whether the program is there.
pub(crate) fn is_there() -> bool {
    program().is_some()
}

fn program() -> Option<&'static str> {
    PLACES.into_iter().find(|place| Path::new(place).exists())
}

/// Carries out `script`, in the caller's network namespace, all of it or nothing.
///
/// # Errors
/// `NotFound` without the program; else what it says.
pub(super) fn load(script: &str) -> io::Result<()> {
    let program = program().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, MISSING))?;
    let mut child = Command::new(program)
        .args(["-f", "-"])
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    // Shorter than a pipe holds, so that this does not wait.
    let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(script.as_bytes()));
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id is positive");
    let ended = pidfd_open(pid, PidfdFlags::empty())
        .and_then(|process| poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&PATIENCE)));
    if !matches!(ended, Ok(1)) {
        child.kill()?;
        child.wait()?;
        return Err(io::Error::other(format!("nft did not load the rules in {} s", PATIENCE.tv_sec)));
    }
    let status = child.wait()?;
    if status.success() {
        return written;
    }
    let mut said = String::new();
    if let Some(stderr) = child.stderr.take() {
        stderr.take(4096).read_to_string(&mut said)?;
    }
    let first = said.lines().next().unwrap_or("it ended without a word").to_owned();
    Err(io::Error::other(format!("nft refuses the rules: {first}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_rules_name_nothing_but_our_own_table_link_and_addresses() {
        let rules = host("porthole_1", "ph1", "169.254.1.2".parse().unwrap(), true);
        for placeholder in ["TABLE", "LINK", "ROUTER", "PRIVATE", "OTHERS"] {
            let left: Vec<&str> = rules.lines().filter(|line| !line.starts_with('#')).collect();
            assert!(!left.join("\n").contains(placeholder), "{placeholder}");
        }
        assert_eq!(rules.matches("table inet porthole_1").count(), 1);
        assert!(rules.len() < 4096 && ROUTER.len() < 65_536, "fits into a pipe");
    }
}
