//! Unpacks a layer where nothing but the layer can be reached: hostile bytes are read by a process that is root of ids
//! nobody runs as, in a file system that is the new layer alone, without network, for a bounded time.
//!
//! A layer is unpacked below `.partial-NAME` and renamed when it is complete and on disk, so that a name means a whole
//! layer, whatever dies in between.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::libc::sock_filter;
use nix::sys::resource::{Resource, setrlimit};
use rustix::fs::{
    CWD, Gid, Mode, OFlags, RenameFlags, Uid, chownat, mkdirat, openat, renameat, renameat_with,
};
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

use crate::ranges::write_maps;
use crate::sys::{self, Cloned};
use crate::wire::{Failure, FailureKind, Unpacked};

/// Reads the archive and makes what it describes below the directory; an error is a sentence. It runs as root of the jail.
pub type UnpackFn = fn(File, BorrowedFd<'_>) -> Result<Unpacked, String>;

/// What the worker may do to files; its ids are nobody's outside.
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
    (Resource::RLIMIT_NOFILE, 256),
    (Resource::RLIMIT_CORE, 0),
];

/// Longest result that is read from a worker, in bytes: it may have been taken over by what it read.
const LONGEST_RESULT: u64 = 4096;

/// Ids of the jail: `count` from 0 on are `store` and following on disk.
#[derive(Clone, Copy, Debug)]
pub struct Jail<'a> {
    /// Id on disk of what belongs to root in the layer.
    pub store: u32,
    /// How many ids there are.
    pub count: u32,
    /// The containers' system-call filter, which leaves the worker all it needs.
    pub filter: &'a [sock_filter],
}

/// A worker at work.
#[derive(Debug)]
pub struct Running {
    layer: String,
    /// Readable when it has ended, see `pidfd_open(2)`.
    pub pidfd: OwnedFd,
    result: File,
}

/// Starts to unpack `tar` into the new layer `layer` below `layers`. Does not wait.
///
/// # Errors
/// `InUse` when the layer exists or is being unpacked; `Internal` when the kernel refuses a step of the jail.
pub fn start(
    layers: BorrowedFd<'_>,
    layer: &str,
    tar: OwnedFd,
    jail: Jail<'_>,
    unpack: UnpackFn,
) -> Result<Running, Failure> {
    let refused = |error: io::Error| match error.raw_os_error() {
        Some(raw) if raw == Errno::EXIST.raw_os_error() => {
            Failure { kind: FailureKind::InUse, message: "The layer exists or is being unpacked.".into() }
        }
        _ => Failure {
            kind: FailureKind::Internal,
            message: format!("The unpacking cannot be isolated: {error}."),
        },
    };
    match rustix::fs::accessat(layers, layer, rustix::fs::Access::EXISTS, rustix::fs::AtFlags::empty()) {
        Ok(()) => return Err(refused(Errno::EXIST.into())),
        Err(Errno::NOENT) => {}
        Err(errno) => return Err(refused(errno.into())),
    }
    let directory =
        make_directory(layers, &partial(layer), jail.store).map_err(|errno| refused(errno.into()))?;
    spawn(&directory, tar, jail, unpack)
        .map(|(pidfd, result)| Running { layer: layer.to_owned(), pidfd, result })
        .map_err(|error| {
            // Nothing is in it yet.
            let _ = rustix::fs::unlinkat(layers, partial(layer), rustix::fs::AtFlags::REMOVEDIR);
            refused(error)
        })
}

impl Running {
    /// Takes the result of a worker whose pidfd is readable: the layer is complete, or moved to `trash`.
    ///
    /// # Errors
    /// `BadArchive` with the worker's sentence, or when it died; `Internal` when the finished layer cannot be renamed.
    pub fn finish(self, layers: BorrowedFd<'_>, trash: BorrowedFd<'_>) -> Result<Unpacked, Failure> {
        let outcome = self.outcome().and_then(|unpacked| {
            renameat_with(layers, partial(&self.layer), layers, &self.layer, RenameFlags::NOREPLACE)
                .map(|()| unpacked)
                .map_err(|errno| Failure {
                    kind: FailureKind::Internal,
                    message: format!("The layer cannot be put in its place: {}.", io::Error::from(errno)),
                })
        });
        if outcome.is_err() {
            discard(layers, &partial(&self.layer), trash);
        }
        outcome
    }

    fn outcome(&self) -> Result<Unpacked, Failure> {
        let bad = |message: String| Failure { kind: FailureKind::BadArchive, message };
        let status = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED).ok().flatten();
        let mut bytes = Vec::new();
        // Its last writer is gone, so this does not wait.
        let read = (&self.result).take(LONGEST_RESULT).read_to_end(&mut bytes);
        match (status.and_then(|status| status.exit_status()), read) {
            (Some(0), Ok(_)) => match postcard::from_bytes::<Result<Unpacked, String>>(&bytes) {
                Ok(result) => result.map_err(bad),
                Err(_) => Err(bad("The unpacking gave no result.".into())),
            },
            _ => Err(bad("The archive could not be unpacked within its limits of time and memory.".into())),
        }
    }
}

/// Moves what unfinished workers of an earlier launcher left to `trash`.
///
/// # Errors
/// When the directory cannot be read.
pub fn sweep(layers: BorrowedFd<'_>, trash: BorrowedFd<'_>) -> io::Result<()> {
    for entry in rustix::fs::Dir::read_from(layers)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(PARTIAL) {
            discard(layers, &name, trash);
        }
    }
    Ok(())
}

/// What the name of an unfinished layer begins with.
const PARTIAL: &str = ".partial-";

fn partial(layer: &str) -> String {
    format!("{PARTIAL}{layer}")
}

fn discard(layers: BorrowedFd<'_>, name: &str, trash: BorrowedFd<'_>) {
    // A name of its own, should the same layer fail again before the trash is emptied. If even a rename fails, the sweep
    // of the next start tries again.
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let _ = renameat(layers, name, trash, format!("{name}-{}-{}", now.tv_sec, now.tv_nsec));
}

fn make_directory(layers: BorrowedFd<'_>, name: &str, owner: u32) -> Result<OwnedFd, Errno> {
    mkdirat(layers, name, Mode::from_raw_mode(0o755))?;
    rustix::fs::chmodat(layers, name, Mode::from_raw_mode(0o755), rustix::fs::AtFlags::empty())?;
    chownat(
        layers,
        name,
        Some(Uid::from_raw(owner)),
        Some(Gid::from_raw(owner)),
        rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
    )?;
    openat(layers, name, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

fn spawn(directory: &OwnedFd, tar: OwnedFd, jail: Jail<'_>, unpack: UnpackFn) -> io::Result<(OwnedFd, File)> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let root = open_tree(directory, "", flags)?;
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
                child(&root, go, &tar, OwnedFd::from(result_writer), jail.filter, unpack)
            }));
            sys::exit(i32::from(!matches!(done, Ok(Ok(())))));
        }
        Cloned::Parent { pid, pidfd } => {
            drop((go, result_writer));
            if let Err(error) = let_go(pid, jail, go_writer) {
                rustix::process::pidfd_send_signal(&pidfd, Signal::KILL)?;
                waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED)?;
                return Err(error);
            }
            Ok((pidfd, File::from(OwnedFd::from(result))))
        }
    }
}

fn let_go(pid: Pid, jail: Jail<'_>, mut go: io::PipeWriter) -> io::Result<()> {
    write_maps(pid, 0, jail.store, jail.count)?;
    go.write_all(&[1])
}

/// The worker's life: shuts itself in, unpacks, tells the result.
fn child(
    root: &OwnedFd,
    mut go: io::PipeReader,
    tar: &OwnedFd,
    result: OwnedFd,
    filter: &[sock_filter],
    unpack: UnpackFn,
) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Without a map every id is nobody's. Until then it may not hide: a launcher without root could not write the map.
    go.read_exact(&mut [0])?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    become_root_inside()?;
    enter_root(root)?;
    // The three that stay, at the numbers that `close_from` spares.
    let null = openat(root, ".", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdin(tar)?;
    rustix::stdio::dup2_stdout(&result)?;
    rustix::stdio::dup2_stderr(&null)?;
    // What this function owns it closes itself; what it borrows is closed behind its owners' back, who never run again.
    drop((go, result, null));
    sys::close_from(3);
    for (resource, limit) in LIMITS {
        setrlimit(resource, limit, limit)?;
    }
    rustix::process::nice(10)?;
    drop_capabilities()?;
    set_no_new_privs(true)?;
    sys::load_seccomp(filter)?;

    let tar = File::from(rustix::stdio::stdin().try_clone_to_owned()?);
    let layer = openat(CWD, "/", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut outcome = unpack(tar, layer.as_fd());
    if outcome.is_ok() {
        // Before the rename that says it is complete.
        outcome = rustix::fs::syncfs(&layer).map_err(|e| io::Error::from(e).to_string()).and(outcome);
    }
    let message = postcard::to_stdvec(&outcome).map_err(io::Error::other)?;
    File::from(rustix::stdio::stdout().try_clone_to_owned()?).write_all(&message)
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

/// Makes the layer's directory the root, and lets go of everything else.
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
