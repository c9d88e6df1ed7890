//! A child that is shut in: namespaces of its own, ids that are nobody's, one directory for a root, limits, and the
//! containers' own system-call filter.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::libc::sock_filter;
use nix::sys::resource::{Resource, setrlimit};
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount_change, move_mount, open_tree,
    unmount,
};
use rustix::process::{
    DumpableBehavior, Pid, Signal, WaitId, WaitIdOptions, set_dumpable_behavior,
    set_parent_process_death_signal, waitid,
};
use rustix::thread::{
    CapabilitySet, CapabilitySets, UnshareFlags, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ranges::write_maps;
use crate::sys::{self, Cloned};

/// What a prisoner may do to files; its ids are nobody's outside.
const CAPABILITIES: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::SETFCAP);

/// Its limits: CPU time in seconds, address space and a file's size in bytes, open files.
const LIMITS: [(Resource, u64); 5] = [
    (Resource::RLIMIT_CPU, 1800),
    (Resource::RLIMIT_AS, 2 << 30),
    (Resource::RLIMIT_FSIZE, 16 << 30),
    (Resource::RLIMIT_NOFILE, 1024),
    (Resource::RLIMIT_CORE, 0),
];

/// Longest result that is read from a prisoner, in bytes: it may have been taken over by what it read.
const LONGEST_RESULT: u64 = 4096;

/// What one is shut in with.
#[derive(Debug)]
pub(crate) struct Jail<'a> {
    /// Ids from 0 to `count` inside are those from here on outside.
    pub(crate) ids: u32,
    /// How many ids there are.
    pub(crate) count: u32,
    /// The containers' system-call filter, which leaves a worker all it needs.
    pub(crate) filter: &'a [sock_filter],
    /// The directory that becomes the root.
    pub(crate) root: BorrowedFd<'a>,
    /// Its standard input.
    pub(crate) input: BorrowedFd<'a>,
    /// Its standard output; none for one without.
    pub(crate) output: Option<BorrowedFd<'a>>,
    /// Descriptors that stay open.
    pub(crate) kept: &'a [OwnedFd],
}

/// A child at work in a jail.
#[derive(Debug)]
pub(super) struct Prisoner {
    /// Readable when it has ended, see `pidfd_open(2)`.
    pub(super) pidfd: OwnedFd,
    result: File,
}

/// Why there is no result.
#[derive(Debug)]
pub(super) struct Died;

impl Jail<'_> {
    /// Starts a child that calls `task` in the jail and tells its result. Does not wait.
    pub(super) fn start<T: Serialize>(&self, task: impl FnOnce() -> T) -> io::Result<Prisoner> {
        let flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        let root = open_tree(self.root, "", flags)?;
        let (result, result_writer) = io::pipe()?;
        let (go, go_writer) = io::pipe()?;
        let namespaces = UnshareFlags::NEWUSER
            | UnshareFlags::NEWNS
            | UnshareFlags::NEWPID
            | UnshareFlags::NEWNET
            | UnshareFlags::NEWIPC
            | UnshareFlags::NEWUTS
            | UnshareFlags::NEWCGROUP;
        match sys::clone(namespaces.bits().into(), None)? {
            Cloned::Child => {
                drop(go_writer);
                // Whatever happens in here, the launcher's own code below the call must not run a second time.
                let done = catch_unwind(AssertUnwindSafe(|| {
                    self.inside(&root, go, result_writer)?;
                    let message = postcard::to_stdvec(&task()).map_err(io::Error::other)?;
                    File::from(rustix::stdio::stderr().try_clone_to_owned()?).write_all(&message)
                }));
                sys::exit(i32::from(!matches!(done, Ok(Ok(())))));
            }
            Cloned::Parent { pid, pidfd } => {
                drop((go, result_writer));
                if let Err(error) = self.let_go(pid, go_writer) {
                    rustix::process::pidfd_send_signal(&pidfd, Signal::KILL)?;
                    waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED)?;
                    return Err(error);
                }
                Ok(Prisoner { pidfd, result: File::from(OwnedFd::from(result)) })
            }
        }
    }

    fn let_go(&self, pid: Pid, mut go: io::PipeWriter) -> io::Result<()> {
        write_maps(pid, 0, self.ids, self.count)?;
        go.write_all(&[1])
    }

    /// Shuts this process in. Its standard error becomes where the result goes.
    fn inside(&self, root: &OwnedFd, mut go: io::PipeReader, result: io::PipeWriter) -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // Without a map every id is nobody's. Until then it may not hide: a launcher without root could not write the map.
        go.read_exact(&mut [0])?;
        drop(go);
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
        become_root_inside()?;
        enter_root(root)?;
        rustix::stdio::dup2_stdin(self.input)?;
        // A path is no file to write to.
        rustix::stdio::dup2_stdout(self.output.unwrap_or(root.as_fd()))?;
        rustix::stdio::dup2_stderr(&result)?;
        drop(result);
        // What this function borrows is closed behind its owners' back, who never run again.
        sys::close_all_but(self.kept);
        for (resource, limit) in LIMITS {
            setrlimit(resource, limit, limit)?;
        }
        rustix::process::nice(10)?;
        drop_capabilities()?;
        set_no_new_privs(true)?;
        sys::load_seccomp(self.filter)
    }
}

impl Prisoner {
    /// What it has told, once its pidfd is readable.
    pub(super) fn outcome<T: DeserializeOwned>(&self) -> Result<T, Died> {
        let status = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED).ok().flatten();
        if status.and_then(|status| status.exit_status()) != Some(0) {
            return Err(Died);
        }
        let mut bytes = Vec::new();
        // Its last writer is gone, so this does not wait.
        (&self.result).take(LONGEST_RESULT).read_to_end(&mut bytes).map_err(|_| Died)?;
        postcard::from_bytes(&bytes).map_err(|_| Died)
    }
}

fn become_root_inside() -> io::Result<()> {
    use nix::unistd::{Gid, Uid, setgroups, setresgid, setresuid};
    let (user, group) = (Uid::from_raw(0), Gid::from_raw(0));
    // Refused where a single id is mapped, and then there are none that matter.
    let _ = setgroups(&[]);
    setresgid(group, group, group)?;
    setresuid(user, user, user)?;
    // A change of ids clears what was asked for before.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Makes the directory the root, and lets go of everything else.
fn enter_root(root: &OwnedFd) -> io::Result<()> {
    mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)?;
    move_mount(root, "", CWD, "/proc", MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    rustix::process::fchdir(root)?;
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")?;
    Ok(())
}

fn drop_capabilities() -> io::Result<()> {
    for number in 0..64 {
        let Some(one) = CapabilitySet::from_bits(1 << number) else { continue };
        if !CAPABILITIES.contains(one) {
            match remove_capability_from_bounding_set(one) {
                // A capability that this kernel does not have.
                Ok(()) | Err(Errno::INVAL) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
    let sets = CapabilitySets {
        effective: CAPABILITIES,
        permitted: CAPABILITIES,
        inheritable: CapabilitySet::empty(),
    };
    Ok(set_capabilities(None, sets)?)
}
