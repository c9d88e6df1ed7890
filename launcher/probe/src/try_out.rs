//! What is tried, and how the kernel answered: `ok`, or the name of the error.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;

use nix::libc;
use nix::sys::wait::WaitStatus;

use crate::sys;

/// Files that tell of the host; reading a byte of one must fail or find nothing.
pub const SECRETS: [&str; 8] = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/timer_list",
    "/proc/interrupts",
    "/proc/kmsg",
    "/proc/config.gz",
    "/dev/mem",
    "/dev/kmsg",
];

/// Files that change the host for everybody; opening one for writing must fail.
pub const KNOBS: [&str; 8] = [
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/vm/drop_caches",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/kernel/hostname",
    "/proc/sysrq-trigger",
    "/proc/irq/default_smp_affinity",
    "/sys/kernel/mm/transparent_hugepage/enabled",
];

const BAD: i64 = -1;

/// Every namespace flag of `clone(2)`, and `CLONE_FS`, which excludes `CLONE_NEWNS`: without a filter, `EINVAL`.
const NEW_NAMESPACES: i64 = 0x7e02_0000 | 0x0200;

/// Reads a byte of each of [`SECRETS`].
#[must_use]
pub fn reads() -> BTreeMap<String, String> {
    let outcome = |path| match File::open(path).and_then(|mut file| file.read(&mut [0])) {
        Ok(0) => "empty".to_owned(),
        Ok(_) => "ok".to_owned(),
        Err(error) => name(&error),
    };
    SECRETS.into_iter().map(|path| (path.to_owned(), outcome(path))).collect()
}

/// Opens each of [`KNOBS`] for writing, and writes nothing. One that is masked by the null device is `null`.
#[must_use]
pub fn writes() -> BTreeMap<String, String> {
    let outcome = |path| match OpenOptions::new().write(true).open(path).and_then(|file| file.metadata()) {
        Ok(meta) if meta.rdev() == nix::sys::stat::makedev(1, 3) => "null".to_owned(),
        Ok(_) => "ok".to_owned(),
        Err(error) => name(&error),
    };
    KNOBS.into_iter().map(|path| (path.to_owned(), outcome(path))).collect()
}

/// Tries system calls that a container has no business with, none with arguments that could succeed in doing harm.
#[must_use]
pub fn calls() -> BTreeMap<String, String> {
    let mut outcomes = BTreeMap::new();
    let mut note = |what: &str, outcome: String| outcomes.insert(what.to_owned(), outcome);
    for (what, number) in REFUSED {
        note(what, errno(sys::native(number, [BAD; 6])));
    }
    let calls: [(&str, i64, [i64; 6]); 9] = [
        ("clone(CLONE_NEW*)", libc::SYS_clone, [NEW_NAMESPACES, 0, 0, 0, 0, 0]),
        ("socket(AF_ALG)", libc::SYS_socket, [38, 5, 0, 0, 0, 0]),
        ("socket(AF_PACKET)", libc::SYS_socket, [17, 3, 0, 0, 0, 0]),
        ("socket(AF_VSOCK)", libc::SYS_socket, [40, 1, 0, 0, 0, 0]),
        ("socket(NETLINK_NETFILTER)", libc::SYS_socket, [16, 3, 12, 0, 0, 0]),
        ("ioctl(TIOCSTI)", libc::SYS_ioctl, [0, 0x5412, 0, 0, 0, 0]),
        ("ioctl(TIOCSTI, high bits)", libc::SYS_ioctl, [0, 0x1_0000_5412, 0, 0, 0, 0]),
        ("ioctl(TIOCLINUX)", libc::SYS_ioctl, [0, 0x541c, 0, 0, 0, 0]),
        ("x32 getpid", 0x4000_0000 | libc::SYS_getpid, [0; 6]),
    ];
    for (what, number, args) in calls {
        note(what, errno(sys::native(number, args)));
    }
    let device = nix::sys::stat::mknod(
        "/tmp/.probe-device",
        nix::sys::stat::SFlag::S_IFBLK,
        nix::sys::stat::Mode::S_IRUSR,
        nix::sys::stat::makedev(8, 0),
    );
    if device.is_ok() {
        // A leftover of an unisolated run is not worth a failure.
        let _ = std::fs::remove_file("/tmp/.probe-device");
    }
    note("mknod b 8 0", device.map_or_else(|e| e.to_string(), |()| "ok".to_owned()));
    note("i386 getpid", i386());
    outcomes
}

/// Numbers tried with six arguments of -1: a kernel that knows the call answers `EINVAL`, `EFAULT`, `EBADF` or the like.
const REFUSED: [(&str, i64); 26] = [
    ("mount", libc::SYS_mount),
    ("umount2", libc::SYS_umount2),
    ("pivot_root", libc::SYS_pivot_root),
    ("fsopen", libc::SYS_fsopen),
    ("open_tree", libc::SYS_open_tree),
    ("move_mount", libc::SYS_move_mount),
    ("mount_setattr", libc::SYS_mount_setattr),
    ("setns", libc::SYS_setns),
    ("unshare", libc::SYS_unshare),
    ("clone3", libc::SYS_clone3),
    ("bpf", libc::SYS_bpf),
    ("perf_event_open", libc::SYS_perf_event_open),
    ("keyctl", libc::SYS_keyctl),
    ("add_key", libc::SYS_add_key),
    ("request_key", libc::SYS_request_key),
    ("io_uring_setup", libc::SYS_io_uring_setup),
    ("userfaultfd", libc::SYS_userfaultfd),
    ("open_by_handle_at", libc::SYS_open_by_handle_at),
    ("init_module", libc::SYS_init_module),
    ("finit_module", libc::SYS_finit_module),
    ("swapon", libc::SYS_swapon),
    ("kexec_load", libc::SYS_kexec_load),
    ("reboot", libc::SYS_reboot),
    ("settimeofday", libc::SYS_settimeofday),
    ("quotactl", libc::SYS_quotactl),
    ("fanotify_init", libc::SYS_fanotify_init),
];

fn errno(error: Option<nix::errno::Errno>) -> String {
    error.map_or_else(|| "ok".to_owned(), |errno| format!("{errno:?}"))
}

fn name(error: &std::io::Error) -> String {
    error
        .raw_os_error()
        .map_or_else(|| error.to_string(), |raw| format!("{:?}", nix::errno::Errno::from_raw(raw)))
}

#[cfg(target_arch = "x86_64")]
fn i386() -> String {
    const GETPID: i32 = 20;
    match sys::in_child(|| i32::from(sys::i386(GETPID) < 0)) {
        Some(WaitStatus::Exited(_, 0)) => "ok".to_owned(),
        Some(WaitStatus::Exited(_, _)) => "refused".to_owned(),
        Some(WaitStatus::Signaled(_, signal, _)) => signal.to_string(),
        _ => "unknown".to_owned(),
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn i386() -> String {
    "refused".to_owned()
}

/// A byte through a TCP connection over loopback.
#[must_use]
pub fn loopback() -> String {
    let through = || -> std::io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut client = TcpStream::connect(listener.local_addr()?)?;
        client.write_all(b"x")?;
        listener.accept()?.0.read_exact(&mut [0])
    };
    through().map_or_else(|error| name(&error), |()| "ok".to_owned())
}

/// A further pseudo-terminal.
#[must_use]
pub fn ptmx() -> String {
    OpenOptions::new().read(true).write(true).open("/dev/ptmx").map_or_else(|e| name(&e), |_| "ok".to_owned())
}
