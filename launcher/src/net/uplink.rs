//! What the host's own network namespace gets, and gives back: one interface, one table of rules, and forwarding if it was off.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::net::if_::if_nametoindex;

use super::netlink::Netlink;
use super::{links, nft, sysctl};

/// Pairs of addresses tried for the way between host and router.
const TRIES: u16 = 64;

/// What this launcher's things are called: two launchers on one host have different ones.
#[derive(Debug)]
pub(super) struct Names {
    /// The interface.
    pub(super) link: String,
    /// The table.
    table: String,
    /// Made of the state directory.
    seed: u32,
    /// What is to be taken back, as long as there is something.
    record: PathBuf,
}

/// The addresses between host and router. Link-local ones: they are nobody's route, so that nothing that the host can reach
/// is hidden by them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transit {
    pub(super) host: Ipv4Addr,
    pub(super) router: Ipv4Addr,
}

impl Names {
    pub(super) fn of(state: &Path) -> Self {
        // FNV-1a: the same in every build, so that a newer one finds what an older one has left.
        let bytes = state.as_os_str().as_bytes().iter();
        let seed =
            bytes.fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
        Self {
            link: format!("ph{seed:08x}"),
            table: format!("porthole_{seed:08x}"),
            seed,
            record: state.join("network"),
        }
    }
}

/// Loads the rules and lets packets be forwarded; called before the interface exists.
///
/// # Errors
/// What nft or the kernel refuse; nothing is left then.
pub(super) fn prepare(names: &Names) -> io::Result<Transit> {
    let transit = free_transit(names.seed)?;
    let before = Forwarding::now()?;
    fs::write(&names.record, before.to_text())?;
    let done = (|| {
        nft::load(&nft::host(&names.table, &names.link, transit.router, !before.on))?;
        if before.on { Ok(()) } else { sysctl::write("ipv4/ip_forward", "1") }
    })();
    if done.is_err() {
        take_back(names);
    }
    done.map(|()| transit)
}

/// Gives the interface its address, and sets it up.
///
/// # Errors
/// The kernel's.
pub(super) fn raise(names: &Names, transit: Transit) -> io::Result<()> {
    sysctl::write_if_there(&format!("ipv6/conf/{}/disable_ipv6", names.link), "1")?;
    let index = if_nametoindex(names.link.as_str())?;
    Netlink::route()?.ask(&[links::address(index, transit.host, 30), links::up(index)])
}

/// Takes everything back. What refuses is not there any more.
pub(super) fn take_back(names: &Names) {
    let Ok(record) = fs::read_to_string(&names.record) else { return };
    if let Ok(route) = Netlink::route() {
        let _ = route.ask(&[links::delete(&names.link)]);
    }
    let table = &names.table;
    if let Err(error) = nft::load(&format!("table inet {table}\ndelete table inet {table}\n")) {
        eprintln!("porthole launcher: the table {table} is left on this host: {error}");
        return;
    }
    Forwarding::from_text(&record).restore();
    let _ = fs::remove_file(&names.record);
}

/// What a killed launcher of the same state directory has left.
pub(super) fn sweep(names: &Names) {
    take_back(names);
}

/// Whether the host forwards packets, and what the kernel changes along with that (`ip_forward` in its `ip-sysctl.rst`).
#[derive(Debug, PartialEq, Eq)]
struct Forwarding {
    on: bool,
    accept_redirects: bool,
    /// Interfaces that forward while the host does not, and `default`.
    exceptions: Vec<String>,
}

impl Forwarding {
    fn now() -> io::Result<Self> {
        let on = sysctl::read("ipv4/ip_forward")? == "1";
        let mut exceptions = Vec::new();
        if !on {
            for entry in fs::read_dir("/proc/sys/net/ipv4/conf")? {
                let name = entry?.file_name().to_string_lossy().into_owned();
                if sysctl::read(&format!("ipv4/conf/{name}/forwarding")).is_ok_and(|value| value == "1") {
                    exceptions.push(name);
                }
            }
        }
        let accept_redirects = sysctl::read("ipv4/conf/all/accept_redirects")? == "1";
        Ok(Self { on, accept_redirects, exceptions })
    }

    fn to_text(&self) -> String {
        let first = format!("{} {}\n", u8::from(self.on), u8::from(self.accept_redirects));
        self.exceptions.iter().fold(first, |text, name| text + name + "\n")
    }

    fn from_text(text: &str) -> Self {
        let mut lines = text.lines();
        let first = lines.next().unwrap_or("1 1");
        Self {
            on: first.starts_with('1'),
            accept_redirects: first.ends_with('1'),
            exceptions: lines.map(str::to_owned).collect(),
        }
    }

    fn restore(&self) {
        if self.on {
            return;
        }
        let values = [("ipv4/ip_forward", false), ("ipv4/conf/all/accept_redirects", self.accept_redirects)];
        for (name, on) in values {
            if let Err(error) = sysctl::write(name, if on { "1" } else { "0" }) {
                eprintln!("porthole launcher: the setting {name} of this host is not what it was: {error}");
            }
        }
        for name in &self.exceptions {
            // An interface may be gone by now.
            let _ = sysctl::write(&format!("ipv4/conf/{name}/forwarding"), "1");
        }
    }
}

/// A pair of addresses that the host does not have.
fn free_transit(seed: u32) -> io::Result<Transit> {
    let own = fs::read_to_string("/proc/net/fib_trie")?;
    let seed = u16::try_from(seed & 0xffff).unwrap_or_default();
    // All of 169.254/16 but its first and last /24, which are reserved (RFC 3927), and the metadata services' one.
    let candidates = (0..TRIES).map(|n| seed.wrapping_mul(4).wrapping_add(n.wrapping_mul(1028)) & !3);
    let outside = candidates.filter(|low| !matches!(low >> 8, 0 | 169 | 255));
    let address = |low: u16| Ipv4Addr::from_bits(0xa9fe_0000 | u32::from(low));
    let free = |low: &u16| (0..4).all(|n| !own.contains(&format!("-- {}\n", address(low + n))));
    let low = outside.clone().find(free);
    let low = low.ok_or_else(|| io::Error::other("no link-local addresses are free on this host"))?;
    Ok(Transit { host: address(low + 1), router: address(low + 2) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_restored_is_read_as_it_was_written() {
        let before = Forwarding {
            on: false,
            accept_redirects: true,
            exceptions: vec!["eth0".into(), "default".into()],
        };
        assert_eq!(Forwarding::from_text(&before.to_text()), before);
    }

    #[test]
    fn two_state_directories_have_different_names_that_fit_an_interface() {
        let (a, b) = (Names::of(Path::new("/a")), Names::of(Path::new("/b")));
        assert!(a.link != b.link && a.table != b.table && a.link.len() < 16);
    }
}
