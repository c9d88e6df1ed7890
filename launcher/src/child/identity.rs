//! Steps that change who a process is and what it may do.

use std::os::fd::{BorrowedFd, OwnedFd};

use nix::sched::CloneFlags;
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, write};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, Gid, Uid, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities as capset, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};

use super::{errno, from_nix};
use crate::sys;
use crate::validate::MAX_GROUPS;

pub(super) fn join_cgroups(entrances: &[OwnedFd]) -> Result<(), Errno> {
    entrances.iter().try_for_each(|entrance| write(entrance, b"0").map(drop))
}

pub(super) fn raise_oom_score(score: &str) -> Result<(), Errno> {
    let file = openat(CWD, "/proc/self/oom_score_adj", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    write(&file, score.as_bytes()).map(drop)
}

pub(super) fn become_user(uid: u32, gid: u32, groups: &[u32], set_groups: bool) -> Result<(), Errno> {
    if set_groups {
        let mut all = [Gid::ROOT; MAX_GROUPS];
        for (to, from) in all.iter_mut().zip(groups) {
            *to = Gid::from_raw(*from);
        }
        set_thread_groups(&all[..groups.len().min(MAX_GROUPS)])?;
    }
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)
}

pub(super) fn new_keyring() -> Result<(), Errno> {
    match sys::new_session_keyring().map_err(errno) {
        // A kernel without keys has none to share.
        Err(Errno::NOSYS) => Ok(()),
        other => other,
    }
}

pub(super) fn limit_resources(limits: &[(String, u64, u64)]) -> Result<(), Errno> {
    for (name, soft, hard) in limits {
        let resource = match name.as_str() {
            "core" => Resource::Core,
            "nofile" => Resource::Nofile,
            "memlock" => Resource::Memlock,
            "nice" => Resource::Nice,
            "rtprio" => Resource::Rtprio,
            _ => return Err(Errno::INVAL),
        };
        setrlimit(resource, Rlimit { current: Some(*soft), maximum: Some(*hard) })?;
    }
    Ok(())
}

/// `init` is a pidfd: one call joins all of them, the user namespace first, which gives the privilege for the others.
pub(super) fn join_namespaces(init: BorrowedFd<'_>) -> Result<(), Errno> {
    let namespaces = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWCGROUP;
    nix::sched::setns(init, namespaces).map_err(from_nix)
}

/// Drops every capability but those of `keep` from the bounding set, also ones this program does not know.
pub(super) fn bound_capabilities(keep: u64) -> Result<(), Errno> {
    for bit in (0..64).map(|n| 1u64 << n).filter(|bit| keep & bit == 0) {
        match remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(bit)) {
            Ok(()) => {}
            // Beyond the last capability of this kernel.
            Err(Errno::INVAL) => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

pub(super) fn set_capabilities(set: u64) -> Result<(), Errno> {
    let set = CapabilitySet::from_bits_retain(set);
    clear_ambient_capability_set()?;
    capset(None, CapabilitySets { effective: set, permitted: set, inheritable: CapabilitySet::empty() })
}
