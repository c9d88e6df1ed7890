//! What the kernel is asked for that is not a container's to have.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sys::wait::WaitStatus;

use super::{Outcome, outcome};
use crate::{see, sys, try_out};

/// Answers that say no.
const NO: [&str; 4] = ["EPERM", "ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT"];

/// Those of the probe's calls whose name `chosen` takes.
fn of_calls(chosen: impl Fn(&str) -> bool) -> Outcome {
    let calls = try_out::calls();
    let made: Vec<_> = calls.iter().filter(|(name, _)| chosen(name)).collect();
    let through: Vec<String> = made
        .iter()
        .filter(|(name, answer)| {
            if name.starts_with("i386") {
                *answer == "ok"
            } else {
                !NO.iter().any(|no| answer.starts_with(no))
            }
        })
        .map(|(name, answer)| format!("{name}: {answer}"))
        .collect();
    outcome(&through, format!("{} calls, each refused", made.len()))
}

pub(super) fn calls() -> Outcome {
    let names = ["bpf", "perf_event_open", "io_uring_setup", "userfaultfd", "init_module", "finit_module"];
    let more = ["kexec_load", "swapon", "reboot", "quotactl", "fanotify_init"];
    of_calls(|name| names.contains(&name) || more.contains(&name))
}

pub(super) fn terminal_input() -> Outcome {
    of_calls(|name| name.starts_with("ioctl"))
}

pub(super) fn other_tables() -> Outcome {
    of_calls(|name| name.starts_with("x32") || name.starts_with("i386"))
}

pub(super) fn handles() -> Outcome {
    // Without a filter these are a bad address or descriptor.
    let through: Vec<String> = [libc::SYS_open_by_handle_at, libc::SYS_name_to_handle_at]
        .into_iter()
        .filter_map(|call| sys::native(call, [-1; 6]))
        .filter(|errno| !matches!(errno, Errno::EPERM | Errno::ENOSYS))
        .map(|errno| format!("{errno:?}"))
        .collect();
    outcome(&through, "open_by_handle_at and name_to_handle_at refused")
}

/// In a child each: one that went through would have changed where it is.
fn in_child(what: &str, attempt: impl Fn() -> Result<(), Errno>) -> Option<String> {
    let ended = sys::in_child(|| i32::from(attempt().is_err()));
    matches!(ended, Some(WaitStatus::Exited(_, 0))).then(|| what.to_owned())
}

fn made(error: Option<Errno>) -> Result<(), Errno> {
    error.map_or(Ok(()), Err)
}

pub(super) fn namespaces() -> Outcome {
    let kinds = [
        ("user", libc::CLONE_NEWUSER),
        ("mount", libc::CLONE_NEWNS),
        ("pid", libc::CLONE_NEWPID),
        ("net", libc::CLONE_NEWNET),
        ("ipc", libc::CLONE_NEWIPC),
        ("uts", libc::CLONE_NEWUTS),
        ("cgroup", libc::CLONE_NEWCGROUP),
        ("time", 0x80),
    ];
    let mut through: Vec<String> = kinds
        .into_iter()
        .filter_map(|(kind, flag)| {
            in_child(&format!("unshare {kind}"), || {
                made(sys::native(libc::SYS_unshare, [flag.into(), 0, 0, 0, 0, 0]))
            })
        })
        .collect();
    for kind in ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"] {
        let Ok(file) = fs::File::open(format!("/proc/1/ns/{kind}")) else { continue };
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file).into();
        through.extend(in_child(&format!("setns {kind}"), || {
            made(sys::native(libc::SYS_setns, [fd, 0, 0, 0, 0, 0]))
        }));
    }
    if sys::native(libc::SYS_clone3, [-1; 6]) != Some(Errno::ENOSYS) {
        through.push("clone3".into());
    }
    outcome(&through, "unshare, setns and clone3 refused")
}

pub(super) fn mounts() -> Outcome {
    let place = PathBuf::from("/tmp/.probe-mounts");
    for name in ["to", "lower", "upper", "work"] {
        // What cannot be made cannot be mounted on, and is no way out.
        let _ = fs::create_dir_all(place.join(name));
    }
    let to = place.join("to");
    let overlay = format!("lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work", place.display());
    let tries: [(&str, &str, &str); 6] = [
        ("tmpfs", "tmpfs", ""),
        ("overlay", "overlay", &overlay),
        ("proc", "proc", ""),
        ("sysfs", "sysfs", ""),
        ("cgroup", "cgroup", "rdma"),
        ("devpts", "devpts", "newinstance"),
    ];
    let mut through: Vec<String> = tries
        .into_iter()
        .filter_map(|(what, kind, options)| {
            let attempt = || mount(Some("none"), &to, Some(kind), MsFlags::empty(), Some(options));
            in_child(what, || attempt().and_then(|()| nix::mount::umount(&to)))
        })
        .collect();
    through.extend(in_child("bind", || mount(Some("/"), &to, None::<&str>, MsFlags::MS_BIND, None::<&str>)));
    through.extend(in_child("remount", || {
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_BIND;
        mount(None::<&str>, "/proc", None::<&str>, flags, None::<&str>)
    }));
    // Left by a bind that went through, on a host.
    let _ = nix::mount::umount2(&to, nix::mount::MntFlags::MNT_DETACH);
    let _ = fs::remove_dir_all(&place);
    outcome(&through, "no file system can be mounted, bound or mounted anew")
}

pub(super) fn keys() -> Outcome {
    const JOIN_SESSION_KEYRING: i64 = 1;
    let join = [JOIN_SESSION_KEYRING, 0, 0, 0, 0, 0];
    let mut through: Vec<String> =
        in_child("keyctl", || made(sys::native(libc::SYS_keyctl, join))).into_iter().collect();
    if fs::read_to_string("/proc/keys").is_ok_and(|keys| !keys.is_empty()) {
        through.push("/proc/keys".into());
    }
    outcome(&through, "keyctl refused, /proc/keys empty")
}

/// Directories of files that are settings of the whole machine.
const SETTINGS: [&str; 7] =
    ["/proc/sys", "/proc/irq", "/proc/bus", "/proc/fs", "/proc/acpi", "/proc/driver", "/sys"];

/// Opens every setting for writing, and writes nothing.
pub(super) fn knobs() -> Outcome {
    let mut open: Vec<PathBuf> = SETTINGS.map(PathBuf::from).into();
    let (mut tried, mut through) = (0, Vec::new());
    let null = nix::sys::stat::makedev(1, 3);
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() {
                tried += 1;
                let opened = OpenOptions::new().write(true).open(entry.path());
                if opened.is_ok_and(|file| file.metadata().is_ok_and(|meta| meta.rdev() != null)) {
                    through.push(entry.path().display().to_string());
                }
            }
        }
    }
    for path in ["/proc/sysrq-trigger", "/proc/mtrr", "/proc/kmsg", "/proc/timer_list"] {
        tried += 1;
        let opened = OpenOptions::new().write(true).open(path);
        if opened.is_ok_and(|file| file.metadata().is_ok_and(|meta| meta.rdev() != null)) {
            through.push(path.into());
        }
    }
    outcome(&through, format!("none of {tried} settings opens for writing"))
}

/// Whoever answers a signal is seen in /proc as well; whoever is not cannot be traced or read.
pub(super) fn outside_processes() -> Outcome {
    let seen = see::pids();
    let threads: Vec<i32> = seen
        .iter()
        .flat_map(|pid| fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten())
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    let mut through = Vec::new();
    for pid in (1..65_536).filter(|pid| !seen.contains(pid) && !threads.contains(pid)) {
        let to = [pid.into(), 0, 0, 0, 0, 0];
        if sys::native(libc::SYS_kill, to).is_none() {
            through.push(format!("kill {pid}"));
        }
        if sys::native(libc::SYS_pidfd_open, to).is_none() {
            through.push(format!("pidfd_open {pid}"));
        }
        const ATTACH: i64 = 16;
        if pid < 4096 && sys::native(libc::SYS_ptrace, [ATTACH, pid.into(), 0, 0, 0, 0]).is_none() {
            through.push(format!("ptrace {pid}"));
        }
    }
    outcome(&through, format!("{} processes seen, no other answers", seen.len()))
}

/// Not an attempt, but what one would have to work with: who this process is, by what it was executed.
pub(super) fn effective() -> Outcome {
    let status = see::status();
    let field = |name: &str| status.get(name).cloned().unwrap_or_default();
    let user = nix::unistd::geteuid();
    Outcome::None(format!("euid {user} {} {} {}", field("CapEff"), field("NoNewPrivs"), field("Seccomp")))
}

pub(super) fn clock() -> Outcome {
    // Sets nothing, and needs the right to set all the same.
    let settime = sys::native(libc::SYS_settimeofday, [0; 6]);
    let clock = sys::native(libc::SYS_clock_settime, [-1; 6]);
    let refused = |answer: Option<Errno>| matches!(answer, Some(Errno::EPERM | Errno::ENOSYS));
    let through: Vec<String> = [("settimeofday", settime), ("clock_settime", clock)]
        .into_iter()
        .filter(|(_, answer)| !refused(*answer))
        .map(|(call, answer)| format!("{call}: {answer:?}"))
        .collect();
    outcome(&through, "settimeofday and clock_settime refused")
}

/// Families and protocols whose first socket would load a module.
pub(super) fn families() -> Outcome {
    const ORDINARY: [i64; 4] = [1, 2, 10, 16];
    let mut through = Vec::new();
    let (stream, datagram, raw, ordered) = (1, 2, 3, 5);
    for family in (0..64).filter(|family| !ORDINARY.contains(family)) {
        for kind in [stream, datagram, raw, ordered] {
            if sys::native(libc::SYS_socket, [family, kind, 0, 0, 0, 0]).is_none() {
                through.push(format!("socket({family}, {kind}, 0)"));
            }
        }
    }
    // SCTP and DCCP; netlink to netfilter, audit and crypto.
    let protocols = [(2, stream, 132), (2, 6, 33), (16, raw, 12), (16, raw, 9), (16, raw, 21)];
    for (family, kind, protocol) in protocols {
        if sys::native(libc::SYS_socket, [family, kind, protocol, 0, 0, 0]).is_none() {
            through.push(format!("socket({family}, {kind}, {protocol})"));
        }
    }
    outcome(&through, "60 families and 5 protocols refused")
}

/// The name that the test binds on the host.
const ABSTRACT: &str = "porthole-canary";

pub(super) fn abstract_socket() -> Outcome {
    let seen = see::text("/proc/net/unix").lines().filter(|line| line.contains('@')).count();
    let connected = SocketAddr::from_abstract_name(ABSTRACT).and_then(|name| UnixStream::connect_addr(&name));
    let mut through = Vec::new();
    if seen > 0 {
        through.push(format!("{seen} seen in /proc/net/unix"));
    }
    if connected.is_ok() {
        through.push("connected".into());
    }
    outcome(&through, "none seen, none connected to")
}

/// Whatever the kernel writes to its log or console is written to; and a hundred programs crash.
pub(super) fn log() -> Outcome {
    let mut through = Vec::new();
    for path in ["/dev/kmsg", "/proc/kmsg", "/dev/console", "/dev/tty0", "/dev/ttyS0", "/proc/sysrq-trigger"]
    {
        let Ok(mut file) = OpenOptions::new().write(true).open(path) else { continue };
        let Ok(meta) = file.metadata() else { continue };
        let of_memory = meta.rdev() == nix::sys::stat::makedev(1, 3);
        let is_a_terminal = nix::libc::major(meta.rdev()) == 136;
        let written = !of_memory && !is_a_terminal && file.write_all(b"porthole-planted\n").is_ok();
        through.extend(written.then(|| path.to_owned()));
    }
    for _ in 0..100 {
        // Its status is that of a crash, whatever else.
        let _ = sys::in_child(sys::crash);
    }
    outcome(&through, "no device or file of the log opens")
}

pub(super) fn kernel_log() -> Outcome {
    const SIZE: i64 = 10;
    let mut through = Vec::new();
    if sys::native(libc::SYS_syslog, [SIZE, 0, 0, 0, 0, 0]).is_none() {
        through.push("syslog".to_owned());
    }
    through.extend(
        ["/dev/kmsg", "/proc/kmsg", "/dev/mem", "/dev/port", "/proc/kcore"].into_iter().filter_map(|path| {
            let meta = OpenOptions::new().read(true).open(path).ok()?.metadata().ok()?;
            (meta.rdev() != nix::sys::stat::makedev(1, 3)).then(|| path.to_owned())
        }),
    );
    outcome(&through, "syslog refused; no kmsg, mem, port or kcore")
}
