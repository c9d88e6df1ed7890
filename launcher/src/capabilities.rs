//! Which parts of root's power a container may have, see `capabilities(7)`.
//!
//! All of them count inside the container's own user namespace only. Withheld are those that reach the kernel's larger
//! attack surface (mounts, BPF, tracing, network administration), that weaken a defence built above (`SYS_ADMIN` and
//! `SYS_PTRACE` against masked paths and other processes, `AUDIT_*`), or that have no effect in there at all
//! (`SYS_TIME`, `SYS_MODULE`, `MKNOD`): giving them would promise what does not work.

/// Podman's default, and raw sockets: what ordinary images expect of root. Those reach only the container's own network, where
/// addresses and link-layer frames cannot be forged (packet sockets are refused by the filter, forged sources by the router).
pub const DEFAULT: u64 = mask(&[
    CHOWN,
    DAC_OVERRIDE,
    FOWNER,
    FSETID,
    KILL,
    SETGID,
    SETUID,
    SETPCAP,
    NET_BIND_SERVICE,
    NET_RAW,
    SYS_CHROOT,
    SETFCAP,
]);

/// What may be asked for beyond the default: leases, priorities and
/// locked memory are bounded by limits of the host.
pub const ALLOWED: u64 = DEFAULT | mask(&[NET_BROADCAST, IPC_LOCK, IPC_OWNER, SYS_NICE, LEASE]);

const CHOWN: u32 = 0;
const DAC_OVERRIDE: u32 = 1;
const FOWNER: u32 = 3;
const FSETID: u32 = 4;
const KILL: u32 = 5;
const SETGID: u32 = 6;
const SETUID: u32 = 7;
const SETPCAP: u32 = 8;
const NET_BIND_SERVICE: u32 = 10;
const NET_BROADCAST: u32 = 11;
const NET_RAW: u32 = 13;
const IPC_LOCK: u32 = 14;
const IPC_OWNER: u32 = 15;
const SYS_CHROOT: u32 = 18;
const SYS_NICE: u32 = 23;
const LEASE: u32 = 28;
const SETFCAP: u32 = 31;

/// Refuses a set with a bit outside [`ALLOWED`], naming its number.
pub(crate) fn allowed(set: u64) -> Result<(), String> {
    match (set & !ALLOWED).trailing_zeros() {
        64 => Ok(()),
        refused => Err(format!("number {refused}")),
    }
}

const fn mask(bits: &[u32]) -> u64 {
    let mut set = 0;
    let mut n = 0;
    while n < bits.len() {
        set |= 1 << bits[n];
        n += 1;
    }
    set
}
