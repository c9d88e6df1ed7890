//! The system-call filter of every container: an allow-list for the native architecture, compiled once.
//!
//! It is a binary search over ranges of numbers, not the usual chain: the kernel runs a filter over every number when it
//! is loaded, to note which calls need no further look (`kernel/seccomp.c`, action cache), and a chain makes that one of the
//! most expensive steps of a start.

mod allowed;
mod assemble;
mod named;

use nix::libc::{self, sock_filter};

pub(crate) use named::{Argument, Rule, rules};

use allowed::Call;
use assemble::{Condition, Leaf, Tree, jump_if, load, refuse};

/// How `seccomp_data` of the kernel is laid out, see `seccomp(2)`: offsets of its fields in bytes.
mod data {
    pub(super) const NUMBER: u32 = 0;
    pub(super) const ARCH: u32 = 4;
    /// Low 32 bits of an argument, on little-endian machines: what the kernel itself reads of an `int`.
    pub(super) const fn argument(index: u32) -> u32 {
        16 + 8 * index
    }
}

#[cfg(target_arch = "x86_64")]
const NATIVE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const NATIVE: u32 = 0xc000_00b7;

/// Numbers from here on belong to the x32 table of x86-64, which the native architecture's check lets through.
const X32: u32 = 0x4000_0000;

/// The newest call that was considered for the list. A newer one is answered `ENOSYS`, so that libraries fall back to an
/// older one; those considered and left out are answered `EPERM`.
const NEWEST_CONSIDERED: u32 = 467;

/// The filter.
///
/// - Another architecture's calls, and x32's: `ENOSYS`.
/// - `clone3`: `ENOSYS`, because its flags are in memory, where a filter cannot see them; libraries fall back to `clone`.
/// - Calls on the list: allowed, some by their arguments; comparisons are of the low 32 bits, as the kernel reads them.
/// - `sync`: does nothing and succeeds. It would write out every file system of the machine, and nothing of a container has
///   to last: its root is mounted `volatile`.
/// - Sockets of other families and protocols: `EAFNOSUPPORT`, as where the kernel was built without them. Programs know that
///   and go on: `groupadd` and `sudo` try to reach the audit system, and take any other answer for a fault.
/// - All others: `EPERM`.
pub(crate) fn filter() -> Vec<sock_filter> {
    let clone3 = number(libc::SYS_clone3);
    let mut program = vec![
        load(data::ARCH),
        jump_if(libc::BPF_JEQ, NATIVE, 1, 0),
        refuse(libc::ENOSYS),
        load(data::NUMBER),
        // x32 numbers are above the newest as well.
        jump_if(libc::BPF_JGT, NEWEST_CONSIDERED, 1, 0),
        jump_if(libc::BPF_JEQ, clone3, 0, 1),
        refuse(libc::ENOSYS),
    ];
    const { assert!(X32 > NEWEST_CONSIDERED) };
    let mut leaves: Vec<(u32, Leaf)> =
        allowed::ALWAYS.iter().map(|(_, call)| (number(*call), Leaf::Allow)).collect();
    leaves.extend(conditional().into_iter().map(|((_, call), leaf)| (number(call), leaf)));
    program.extend(Tree::new(leaves, NEWEST_CONSIDERED).assemble());
    program
}

/// Calls that are allowed with some arguments only, or answered without being made.
fn conditional() -> Vec<(Call, Leaf)> {
    use Condition::{AnyOf, NoneOf, NoneOfBits};
    /// All `CLONE_NEW…` flags.
    const NEW_NAMESPACES: u32 = 0x7e02_0000;
    let family = data::argument(0);
    let protocol = data::argument(2);
    let when = |rows| Leaf::When { rows, otherwise: libc::EPERM };
    let sockets = |rows| Leaf::When { rows, otherwise: libc::EAFNOSUPPORT };
    vec![
        (("SYS_sync", libc::SYS_sync), Leaf::Pretend),
        (("SYS_clone", libc::SYS_clone), when(vec![vec![(data::argument(0), NoneOfBits(NEW_NAMESPACES))]])),
        (
            ("SYS_ioctl", libc::SYS_ioctl),
            // Input into somebody's terminal, and line disciplines that are loaded on demand.
            when(vec![vec![(data::argument(1), NoneOf(&[TIOCSTI, TIOCLINUX, TIOCSETD]))]]),
        ),
        (
            ("SYS_socket", libc::SYS_socket),
            sockets(vec![
                vec![(family, AnyOf(&[AF_UNIX]))],
                // The protocols whose code is in every kernel: another number would load a module.
                vec![(family, AnyOf(&[AF_INET, AF_INET6])), (protocol, AnyOf(&IP_PROTOCOLS))],
                vec![(family, AnyOf(&[AF_NETLINK])), (protocol, AnyOf(&[NETLINK_ROUTE]))],
            ]),
        ),
        (("SYS_socketpair", libc::SYS_socketpair), sockets(vec![vec![(family, AnyOf(&[AF_UNIX]))]])),
        (
            ("SYS_personality", libc::SYS_personality),
            // Linux, Linux with 32-bit uname, both without address randomisation off; and the question "which one?".
            when(vec![vec![(data::argument(0), AnyOf(&[0, 0x8, 0x2_0000, 0x2_0008, u32::MAX]))]]),
        ),
    ]
}

const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;
const TIOCSETD: u32 = 0x5423;
const AF_UNIX: u32 = 1;
const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const AF_NETLINK: u32 = 16;
const NETLINK_ROUTE: u32 = 0;
/// Any, ICMP, TCP, UDP, ICMPv6, UDP-Lite, raw, MPTCP; see `protocols(5)`.
const IP_PROTOCOLS: [u32; 8] = [0, 1, 6, 17, 58, 136, 255, 262];

fn number(call: libc::c_long) -> u32 {
    u32::try_from(call).expect("system calls have small positive numbers")
}

#[cfg(test)]
mod tests;
