//! Who the agent becomes: an ordinary user without a capability.

use std::fs;
use std::io;

use nix::unistd::{Gid, Uid, User, setgroups, setresgid, setresuid};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{
    CapabilitiesSecureBits, CapabilitySet, CapabilitySets, set_capabilities, set_capabilities_secure_bits,
    set_no_new_privs, set_thread_res_uid,
};

/// User and group id of the agent where the system has no user `porthole`: below the first id of any container, and
/// nobody else's.
pub const AGENT_ID: u32 = 524_287;

/// The user that the agent runs as when it is started by root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentUser {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

impl AgentUser {
    /// The system's user `porthole`, else [`AGENT_ID`]; for an ordinary user, itself.
    #[must_use]
    pub fn find() -> Self {
        if !Uid::effective().is_root() {
            return Self { uid: Uid::effective().as_raw(), gid: Gid::effective().as_raw() };
        }
        match User::from_name("porthole") {
            Ok(Some(user)) if !user.uid.is_root() => Self { uid: user.uid.as_raw(), gid: user.gid.as_raw() },
            _ => Self { uid: AGENT_ID, gid: AGENT_ID },
        }
    }
}

/// Becomes `user` for good: no supplementary group, no capability, `no_new_privs`, not dumpable; and makes sure of it.
///
/// Call it before any other thread exists: ids and capabilities are a thread's own (`credentials(7)`).
///
/// # Errors
/// When the kernel refuses, or when a privilege is left all the same: do not go on then.
pub fn drop_to(user: AgentUser) -> io::Result<()> {
    if Uid::effective().is_root() {
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        setgroups(&[])?;
        setresgid(gid, gid, gid)?;
        setresuid(uid, uid, uid)?;
    }
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    set_no_new_privs(true)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    verify(&fs::read_to_string("/proc/self/status")?)
}

const ROOT: rustix::process::Uid = rustix::process::Uid::ROOT;

/// As long as this lives, what the launcher makes belongs to another user, its capabilities staying what they are.
///
/// For the clone that makes a user namespace. The kernel counts what is used in it, such as inotify instances, for the user
/// who has made it as well (`user_namespaces(7)`, `kernel/ucount.c`): were that root, one container could take all that
/// the host's root may have, and every other container's share.
#[derive(Debug)]
pub(crate) struct Effective(());

impl Effective {
    /// Changes the effective user id of this thread to `uid`.
    ///
    /// # Errors
    /// As `prctl(2)` and `setresuid(2)`: without `CAP_SETPCAP` or `CAP_SETUID`.
    pub(crate) fn become_user(uid: u32) -> io::Result<Self> {
        // Else the kernel would take the effective capabilities with the root id.
        set_capabilities_secure_bits(CapabilitiesSecureBits::NO_SETUID_FIXUP)?;
        let effective = Self(());
        set_thread_res_uid(ROOT, rustix::process::Uid::from_raw(uid), ROOT)?;
        // The child writes to its own files in /proc, which would be root's; nobody else runs as this user.
        set_dumpable_behavior(DumpableBehavior::Dumpable)?;
        Ok(effective)
    }
}

impl Drop for Effective {
    fn drop(&mut self) {
        // What was permitted a moment ago; the worst that a refusal could leave is a launcher with less privilege, which
        // then fails. Changing the user hides this process's memory again, whatever `suid_dumpable` says, in the third call.
        let _ = set_thread_res_uid(ROOT, ROOT, ROOT);
        let _ = set_capabilities_secure_bits(CapabilitiesSecureBits::empty());
        let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    }
}

/// Whether the text of `/proc/self/status` shows a process without privilege.
fn verify(status: &str) -> io::Result<()> {
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map_or("", str::trim);
    let empty = |name| u64::from_str_radix(field(name), 16) == Ok(0);
    let ids = |name| field(name).split_whitespace().all(|id| id != "0");
    let dropped = ["CapInh:", "CapPrm:", "CapEff:", "CapAmb:"].into_iter().all(empty)
        && ids("Uid:")
        && ids("Gid:")
        && field("NoNewPrivs:") == "1";
    if dropped { Ok(()) } else { Err(io::Error::other("privileges could not be dropped")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DROPPED: &str = "Name:\tporthole\nUid:\t524287\t524287\t524287\t524287\nGid:\t524287\t524287\t524287\t524287\n\
        CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n\
        CapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n";

    #[test]
    fn a_process_without_privilege_is_recognised() {
        assert!(verify(DROPPED).is_ok());
    }

    #[test]
    fn any_privilege_that_is_left_is_an_error() {
        for (from, to) in [
            ("CapEff:\t0000000000000000", "CapEff:\t0000000000000001"),
            ("CapAmb:\t0000000000000000", "CapAmb:\t0000000000000400"),
            ("Uid:\t524287\t524287\t524287", "Uid:\t524287\t0\t524287"),
            ("NoNewPrivs:\t1", "NoNewPrivs:\t0"),
            ("CapInh:", "CapXyz:"),
        ] {
            assert!(verify(&DROPPED.replace(from, to)).is_err(), "{to}");
        }
    }
}
