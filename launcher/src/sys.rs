//! Every unsafe block of this program: system calls that rustix and nix do not wrap, each behind a safe function.
//!
//! Functions that run between `clone` and `execve` neither allocate nor lock.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_long};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64};

use nix::libc;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, getpid, getppid, pidfd_open, set_parent_process_death_signal,
};

/// What [`clone`] returns, once in each process.
#[derive(Debug)]
pub(crate) enum Cloned {
    /// In the new process.
    Child,
    /// In the caller.
    Parent {
        /// The new process.
        pid: Pid,
        /// Its pidfd, see `pidfd_open(2)`.
        pidfd: OwnedFd,
    },
}

/// `clone3(2)` with a copy of the address space, as `fork(2)` has it, and with a pidfd; into the cgroup of version 2
/// behind `cgroup` when there is one. `flags` are `CLONE_NEW…` and [`SIBLING`] only.
///
/// The child dies with its parent, until it gives that up: it holds all that the launcher holds, the socket that agents
/// connect to included, which nobody would answer at any more.
///
/// Only a process with a single thread may call this: the child would wait for ever for a lock held by another one.
///
/// # Errors
/// As `clone3(2)` and `pidfd_open(2)`.
pub(crate) fn clone(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Cloned> {
    let parent = if flags & SIBLING == 0 { Some(getpid()) } else { getppid() };
    let parent = parent.map(|parent| pidfd_open(parent, PidfdFlags::empty())).transpose()?;
    let mut pidfd: RawFd = -1;
    // SAFETY: all-zero is a valid `clone_args`: every field is an integer and 0 means "not used".
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags | libc::CLONE_PIDFD as u64;
    args.pidfd = ptr::from_mut(&mut pidfd) as u64;
    // A sibling tells its parent what the caller would have told it.
    args.exit_signal = if flags & SIBLING == 0 { libc::SIGCHLD as u64 } else { 0 };
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::from(cgroup.as_raw_fd().unsigned_abs());
    }
    // SAFETY: `args` lives through the call and its size is given; without CLONE_VM the child gets its own copy of this
    // address space and stack, so both returns are ordinary ones.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, ptr::from_ref(&args), size_of::<libc::clone_args>()) };
    match check(pid)? {
        0 => {
            if die_with(parent.as_ref()).is_err() {
                exit(125);
            }
            Ok(Cloned::Child)
        }
        pid => Ok(Cloned::Parent {
            pid: i32::try_from(pid).ok().and_then(Pid::from_raw).expect("clone3 returns a positive pid"),
            // SAFETY: CLONE_PIDFD made the kernel store a new descriptor here, which nobody else owns.
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
        }),
    }
}

/// Has the kernel kill this process when its parent ends; an error when that has ended before.
fn die_with(parent: Option<&OwnedFd>) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let Some(parent) = parent else { return Ok(()) };
    match poll(&mut [PollFd::new(parent, PollFlags::IN)], Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? {
        0 => Ok(()),
        _ => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

/// `CLONE_PARENT` of `clone(2)`: the new process becomes a child of the caller's parent.
pub(crate) const SIBLING: u64 = libc::CLONE_PARENT as u64;

/// `CLONE_INTO_CGROUP` of `clone3(2)`, which does not fit the libc crate's `c_int`.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Sets attributes (`MOUNT_ATTR_…`) of the mount behind `mount`, and its id mapping to that of the user namespace
/// behind `ids`, see `mount_setattr(2)`.
///
/// # Errors
/// As `mount_setattr(2)`; `EINVAL` when the file system cannot be idmapped.
pub(crate) fn set_mount_attributes(
    mount: BorrowedFd<'_>,
    attributes: u64,
    ids: Option<BorrowedFd<'_>>,
) -> io::Result<()> {
    let attr = libc::mount_attr {
        attr_set: attributes | if ids.is_some() { libc::MOUNT_ATTR_IDMAP } else { 0 },
        attr_clr: 0,
        propagation: 0,
        userns_fd: ids.map_or(0, |ids| u64::from(ids.as_raw_fd().unsigned_abs())),
    };
    // SAFETY: the empty path is a C string, `attr` lives through the call and its size is given.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH,
            ptr::from_ref(&attr),
            size_of::<libc::mount_attr>(),
        )
    };
    check(result).map(drop)
}

/// Loads a seccomp filter for the calling thread, see `seccomp(2)`: `no_new_privs` must be set, or the
/// thread have `CAP_SYS_ADMIN` in its user namespace.
///
/// # Errors
/// As `seccomp(2)`.
pub(crate) fn load_seccomp(filter: &[libc::sock_filter]) -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(filter.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: `program` points at `len` instructions which the kernel copies and never writes.
    let result = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, ptr::from_ref(&program))
    };
    check(result).map(drop)
}

/// Leaves the session keyring of the caller for a new anonymous one, see `keyctl_join_session_keyring(3)`.
///
/// # Errors
/// As there; `EDQUOT` when the user has too many keys, `ENOSYS` in a kernel without keys.
pub(crate) fn new_session_keyring() -> io::Result<()> {
    // SAFETY: a null name asks for an anonymous keyring; nothing is read or written through it.
    let result =
        unsafe { libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING, ptr::null::<c_char>()) };
    check(result).map(drop)
}

/// A null-terminated vector of strings as `execve(2)` wants it, prepared before the process that uses it exists.
#[derive(Debug)]
pub(crate) struct Strings {
    pointers: Vec<*const c_char>,
    _owned: Vec<CString>,
}

impl From<Vec<CString>> for Strings {
    fn from(owned: Vec<CString>) -> Self {
        let pointers = owned.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
        Self { pointers, _owned: owned }
    }
}

/// `execveat(2)`: replaces this program by `path` below `dir`, or by the file behind `dir` itself when `path` is empty.
/// Returns only when it cannot.
pub(crate) fn execute(dir: BorrowedFd<'_>, path: &CStr, argv: &Strings, env: &Strings) -> io::Error {
    let flags = if path.is_empty() { libc::AT_EMPTY_PATH } else { 0 };
    // SAFETY: `path` is a C string; both vectors end with a null pointer and their strings, on the heap, are owned by
    // the same values, which are never changed.
    unsafe {
        libc::syscall(
            libc::SYS_execveat,
            dir.as_raw_fd(),
            path.as_ptr(),
            argv.pointers.as_ptr(),
            env.pointers.as_ptr(),
            flags,
        )
    };
    io::Error::last_os_error()
}

/// `_exit(2)`: ends this process without running anything else, for a child that could not become another program.
pub(crate) fn exit(code: i32) -> ! {
    // SAFETY: `_exit` has no precondition and does not return.
    unsafe { libc::_exit(code) }
}

/// Marks every descriptor from `first` on as closed on exec, see `close_range(2)`.
///
/// # Errors
/// As `close_range(2)`.
pub(crate) fn close_on_exec_from(first: RawFd) -> io::Result<()> {
    // SAFETY: only a flag of descriptors changes, none of them is closed now.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    check(result).map(drop)
}

/// Closes every descriptor from `first` on, see `close_range(2)`. For a forked process that has nothing to do with what
/// its parent had open, and ends by [`exit`].
pub(crate) fn close_from(first: RawFd) {
    // SAFETY: the values that own these descriptors are the parent's copies; this process never uses or drops them, as it
    // ends without returning to the code that holds them.
    unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
}

/// Closes every descriptor from 3 on but `kept`. For a forked process as [`close_from`], which then goes on with the three
/// standard streams and these.
pub(crate) fn close_all_but(kept: &[OwnedFd]) {
    let mut numbers: Vec<RawFd> = kept.iter().map(AsRawFd::as_raw_fd).collect();
    numbers.sort_unstable();
    let mut first = 3;
    for number in numbers {
        if first < number {
            // SAFETY: as in `close_from`: the owners of these descriptors are never used or dropped in this process, but
            // for those of `kept`, which are not in the range.
            unsafe { libc::syscall(libc::SYS_close_range, first, number - 1, 0) };
        }
        first = number + 1;
    }
    close_from(first);
}

/// Gives every signal its default action back and blocks none, as a program expects at its start. A signal that is ignored
/// stays so through `execve(2)`: Rust's runtime ignores `SIGPIPE`, and a shell that starts Porthole in the background
/// `SIGINT` and `SIGQUIT`, so that nothing in a container could be interrupted.
///
/// # Errors
/// As `sigprocmask(2)`.
pub(crate) fn default_signals() -> io::Result<()> {
    /// What the kernel takes for an action: handler, flags, restorer and mask, all zero for `SIG_DFL`. The C library's own
    /// function would spare the two signals that it keeps for itself.
    const DEFAULT: [u64; 4] = [0; 4];
    for signal in 1..=64 {
        // SAFETY: the action lives through the call and is as large as the kernel reads; SIG_DFL is no handler, so no code
        // of this program can run in signal context. SIGKILL and SIGSTOP are refused and keep their default.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                DEFAULT.as_ptr(),
                ptr::null::<u64>(),
                size_of::<u64>(),
            )
        };
    }
    Ok(nix::sys::signal::SigSet::empty().thread_set_mask()?)
}

/// Sends the signal of this number, real-time signals included, see `pidfd_send_signal(2)`; rustix knows those with a name
/// only.
///
/// # Errors
/// As `pidfd_send_signal(2)`; `EINVAL` when there is no such signal.
pub(crate) fn send_signal(process: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let information = ptr::null::<libc::siginfo_t>();
    // SAFETY: without information the kernel fills it in itself, as kill(2) does; no memory of this process is read.
    let result =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal, information, 0) };
    check(result).map(drop)
}

/// Number of a loop device that is free, made if need be, see `loop(4)`. Another process may take it before the caller does.
///
/// # Errors
/// As the `LOOP_CTL_GET_FREE` of `loop(4)`.
pub(crate) fn free_loop_device(control: BorrowedFd<'_>) -> io::Result<u32> {
    // SAFETY: LOOP_CTL_GET_FREE takes no argument.
    let number = unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) };
    u32::try_from(check(c_long::from(number))?).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Puts `file` behind a free loop device, with blocks of `block_size` bytes and `flags` (`LO_FLAGS_…`).
///
/// # Errors
/// As the `LOOP_CONFIGURE` of `loop(4)`; `EBUSY` when it is not free any more.
pub(crate) fn configure_loop_device(
    device: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    block_size: u32,
    flags: u32,
) -> io::Result<()> {
    let mut info = [0; LOOP_INFO_WORDS];
    info[LOOP_INFO_FLAGS] = flags;
    let config = LoopConfig { file: file.as_raw_fd().cast_unsigned(), block_size, info, reserved: [0; 8] };
    // SAFETY: LOOP_CONFIGURE reads one `loop_config`, which lives through the call; the file's reference is the kernel's own.
    let result = unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, ptr::from_ref(&config)) };
    check(c_long::from(result)).map(drop)
}

/// `loop_config` of `linux/loop.h`; its `loop_info64` as words, as only the flags in it are set.
#[repr(C, align(8))]
struct LoopConfig {
    file: u32,
    block_size: u32,
    info: [u32; LOOP_INFO_WORDS],
    reserved: [u64; 8],
}

const LOOP_INFO_WORDS: usize = 232 / 4;
/// Place of `lo_flags`: after five words of 64 bits and three of 32.
const LOOP_INFO_FLAGS: usize = (5 * 8 + 3 * 4) / 4;
const LOOP_CONFIGURE: libc::Ioctl = 0x4c0a;
const LOOP_CTL_GET_FREE: libc::Ioctl = 0x4c82;
const _: () = assert!(size_of::<LoopConfig>() == 304, "as `struct loop_config`");

/// Puts a directory, and what is made in it from now on, under the project `project` of its file system's quotas; 0 is
/// nobody's. See `FS_IOC_FSSETXATTR` of `ioctl_xfs_fsgetxattr(2)`.
///
/// # Errors
/// As there; `ENOTTY` or `EOPNOTSUPP` of a file system without projects.
pub(crate) fn set_project(directory: BorrowedFd<'_>, project: u32) -> io::Result<()> {
    // `struct fsxattr` of `linux/fs.h`, as words; the first are flags, the fourth is the project.
    let mut attributes = [0u32; 7];
    // SAFETY: FS_IOC_FSGETXATTR writes one `fsxattr`, which is as large as these words.
    let got = unsafe { libc::ioctl(directory.as_raw_fd(), FS_IOC_FSGETXATTR, attributes.as_mut_ptr()) };
    check(c_long::from(got))?;
    attributes[0] |= FS_XFLAG_PROJINHERIT;
    attributes[3] = project;
    // SAFETY: FS_IOC_FSSETXATTR reads one `fsxattr`, which lives through the call.
    let set = unsafe { libc::ioctl(directory.as_raw_fd(), FS_IOC_FSSETXATTR, attributes.as_ptr()) };
    check(c_long::from(set)).map(drop)
}

// The numbers have 32 bits; musl's ioctl takes an int, where the bits are the same.
#[allow(clippy::cast_possible_wrap, reason = "see above")]
const FS_IOC_FSGETXATTR: libc::Ioctl = 0x801c_581f_u32 as libc::Ioctl;
const FS_IOC_FSSETXATTR: libc::Ioctl = 0x401c_5820;
const FS_XFLAG_PROJINHERIT: u32 = 0x200;

/// `struct if_dqblk` of `linux/quota.h`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct Quota {
    /// Limits of space in units of 1024 bytes.
    pub(crate) block_limit: u64,
    pub(crate) block_soft_limit: u64,
    /// Use in bytes.
    pub(crate) space: u64,
    pub(crate) inode_limit: u64,
    pub(crate) inode_soft_limit: u64,
    pub(crate) inodes: u64,
    pub(crate) times: [u64; 2],
    pub(crate) valid: u32,
}

/// The quota of a project on the file system that `file` is on, see `Q_GETQUOTA` of `quotactl(2)`.
///
/// # Errors
/// As there; `ESRCH` where no project quota is on.
pub(crate) fn project_quota(file: BorrowedFd<'_>, project: u32) -> io::Result<Quota> {
    let mut quota = Quota::default();
    quotactl(file, Q_GETQUOTA, project, &mut quota)?;
    Ok(quota)
}

/// Sets its limits, see `Q_SETQUOTA` there.
///
/// # Errors
/// As [`project_quota`].
pub(crate) fn set_project_quota(file: BorrowedFd<'_>, project: u32, mut quota: Quota) -> io::Result<()> {
    quota.valid = QIF_LIMITS;
    quotactl(file, Q_SETQUOTA, project, &mut quota)
}

fn quotactl(file: BorrowedFd<'_>, command: u32, project: u32, quota: &mut Quota) -> io::Result<()> {
    /// Of projects, see `QCMD` of `quotactl(2)`.
    const PROJECTS: u32 = 2;
    let command = command << 8 | PROJECTS;
    // SAFETY: both commands read or write one `if_dqblk`, which `Quota` is laid out as and which lives through the call.
    let result = unsafe {
        libc::syscall(libc::SYS_quotactl_fd, file.as_raw_fd(), command, project, ptr::from_mut(quota))
    };
    check(result).map(drop)
}

const Q_GETQUOTA: u32 = 0x80_0007;
const Q_SETQUOTA: u32 = 0x80_0008;
const QIF_LIMITS: u32 = 1 | 4;

/// Sets the interface `lo` of the caller's network namespace up, see `netdevice(7)`.
///
/// # Errors
/// As `socket(2)` and the `SIOCSIFFLAGS` of `netdevice(7)`.
pub(crate) fn raise_loopback() -> io::Result<()> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: all-zero is a valid `ifreq`: a name and a union of integers and addresses.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = IFF_UP | IFF_RUNNING;
    // musl's ioctl takes an int; the number of this one fits either type.
    #[allow(clippy::cast_possible_truncation)]
    let set_flags = libc::SIOCSIFFLAGS as libc::Ioctl;
    // SAFETY: SIOCSIFFLAGS reads one `ifreq`, which lives through the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), set_flags, ptr::from_ref(&request)) };
    check(c_long::from(result)).map(drop)
}

/// Flags of an interface, see `netdevice(7)`, in the type of the field that takes them.
const IFF_UP: i16 = 0x1;
const IFF_RUNNING: i16 = 0x40;

/// Steps that [`Page`] has room for.
pub(crate) const PAGE_STEPS: usize = 128;

/// Memory that a process and the children it clones share: atomics only, so any content is valid and no lock is needed.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Page {
    /// Begin and end of each step, in nanoseconds of `CLOCK_MONOTONIC`; 0 is "not yet".
    pub(crate) times: [[AtomicU64; 2]; PAGE_STEPS],
    /// What failed: 0 nothing, else the index of the step plus one in the upper half and the error number below.
    pub(crate) failure: AtomicU64,
    /// Futex words, each set once from 0 to 1; see their users.
    pub(crate) flags: [AtomicU32; 4],
    /// Host pid of a process that was cloned by a sibling, for their parent.
    pub(crate) pid: AtomicU32,
    /// Number of a descriptor that a child keeps for another one.
    pub(crate) offered: AtomicU32,
}

/// Owner of a mapped [`Page`].
#[derive(Debug)]
pub(crate) struct SharedPage(ptr::NonNull<Page>);

impl SharedPage {
    /// Maps a new one, all zero, that children cloned later share.
    ///
    /// # Errors
    /// As `mmap(2)`.
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no existing memory.
        let address = unsafe {
            libc::mmap(
                ptr::null_mut(),
                size_of::<Page>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(ptr::NonNull::new(address.cast()).expect("mmap returns no null page")))
    }
}

impl std::ops::Deref for SharedPage {
    type Target = Page;
    fn deref(&self) -> &Page {
        // SAFETY: the mapping is page-aligned, as large as a `Page`, lives as long as `self`, and zeroed memory as well as
        // whatever another process stores in it is a valid `Page` of atomics.
        unsafe { self.0.as_ref() }
    }
}

impl Drop for SharedPage {
    fn drop(&mut self) {
        // SAFETY: `new` mapped exactly this range and no reference to it outlives `self`.
        unsafe { libc::munmap(self.0.as_ptr().cast(), size_of::<Page>()) };
    }
}

fn check(result: c_long) -> io::Result<c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
