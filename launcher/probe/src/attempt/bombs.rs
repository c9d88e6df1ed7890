//! Taking all there is of something.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::Outcome;
use crate::sys;

/// How long what was taken is held, for the test to look at the host meanwhile.
const HELD: Duration = Duration::from_secs(3);

/// Says that it has taken what there is, and holds it.
fn hold(taken: usize, of_what: &str) -> Outcome {
    println!("taken {taken}");
    // A reader that is gone is no reason to hold it shorter.
    let _ = std::io::stdout().flush();
    sleep(HELD);
    Outcome::Contained(format!("{taken} {of_what}"))
}

fn sleep(time: Duration) {
    // Woken early, it has waited long enough.
    let _ = nix::poll::poll(
        &mut [],
        nix::poll::PollTimeout::try_from(time).unwrap_or(nix::poll::PollTimeout::MAX),
    );
}

/// As many open files as may be.
fn raise_files() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Fewer files then.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}

/// Every process makes as many as it can, for ever.
pub(super) fn forks() -> Outcome {
    println!("taken none yet");
    loop {
        if !sys::fork() {
            sleep(Duration::from_millis(1));
        }
    }
}

pub(super) fn ptys() -> Outcome {
    raise_files();
    let open = || OpenOptions::new().read(true).write(true).open("/dev/ptmx").ok();
    let taken: Vec<File> = std::iter::from_fn(open).take(5000).collect();
    hold(taken.len(), "terminals, and no more")
}

pub(super) fn inotify() -> Outcome {
    raise_files();
    let taken = (0..10_000).take_while(|_| sys::native(libc::SYS_inotify_init1, [0; 6]).is_none()).count();
    hold(taken, "inotify instances, and no more")
}

pub(super) fn files() -> Outcome {
    raise_files();
    let mut taken = 0;
    // Of each kind until one kind ends: all count as open files, and their memory as the container's.
    let kinds = [libc::SYS_epoll_create1, libc::SYS_eventfd2];
    while kinds.iter().all(|kind| sys::native(*kind, [0; 6]).is_none())
        && sys::native(libc::SYS_timerfd_create, [0; 6]).is_none()
        && sys::native(libc::SYS_socket, [2, 2, 0, 0, 0, 0]).is_none()
    {
        taken += 4;
    }
    hold(taken, "epoll, event, timer and socket descriptors, and no more")
}

pub(super) fn memfd() -> Outcome {
    let mebibyte = vec![1; 1 << 20];
    let mut taken = 0;
    while taken < 4096 {
        let Ok(fd) = memfd_create(c"bomb", MFdFlags::empty()) else { break };
        let mut file = File::from(fd);
        // Until the kernel ends this process.
        for _ in 0..64 {
            if file.write_all(&mebibyte).is_err() {
                return hold(taken, "MiB of memory files");
            }
            taken += 1;
        }
        std::mem::forget(file);
    }
    Outcome::Escaped(format!("{taken} MiB of memory files"))
}

/// Segments that nobody is attached to any more; they last longer than this process.
pub(super) fn segments() -> Outcome {
    const MOST: usize = 192;
    let taken = (0..MOST).take_while(|_| sys::leave_segment(1 << 20)).count();
    hold(taken, "MiB of segments that no process has")
}

pub(super) fn pipes() -> Outcome {
    raise_files();
    let kibibytes = vec![1; 64 << 10];
    let (mut taken, mut open): (usize, Vec<(OwnedFd, OwnedFd)>) = (0, Vec::new());
    while let Ok((reader, writer)) = nix::unistd::pipe2(nix::fcntl::OFlag::O_NONBLOCK) {
        taken += nix::unistd::write(&writer, &kibibytes).unwrap_or(0);
        open.push((reader, writer));
        if taken > 4 << 30 {
            return Outcome::Escaped("4 GiB in pipes".into());
        }
    }
    hold(taken >> 10, "KiB in pipes")
}

/// The kernel remembers names that are not there.
pub(super) fn names() -> Outcome {
    let begun = Instant::now();
    let mut asked = 0u64;
    while begun.elapsed() < Duration::from_secs(8) {
        for _ in 0..1000 {
            asked += 1;
            let _ =
                std::fs::metadata(format!("/tmp/no-such-name-that-is-long-enough-to-cost-something-{asked}"));
        }
    }
    Outcome::Contained(format!("{asked} names asked for"))
}
