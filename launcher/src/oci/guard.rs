//! What ends containers of runtimes when the launcher is killed.
//!
//! Our own containers die with the launcher by the kernel's doing (`PR_SET_PDEATHSIG`). What a runtime has started is nobody's
//! child while it starts, and gVisor's processes ask for nothing, so a child of ours waits for the launcher's end and then kills
//! all that is in the cgroups of the containers that it was told of. Their names are never given again, so that it cannot meet
//! those of the next launcher.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair};
use rustix::process::set_parent_process_death_signal;
use rustix::thread::nanosleep;
use rustix::time::Timespec;

use crate::cgroup::Cgroups;
use crate::container::Child;
use crate::sys::{self, Cloned};

/// How often it tries to kill what is left, and the pause between two times: some seconds for a busy machine.
const ROUNDS: u32 = 1000;
const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };

/// Longest name of a container, with what is to be done with it, in bytes.
const WORD: usize = 256;

/// What a word to it begins with.
const WATCH: u8 = b'+';
const LEAVE: u8 = b'-';

/// The child, and the containers it watches.
#[derive(Debug)]
pub(super) struct Guard {
    child: Child,
    socket: OwnedFd,
    containers: BTreeSet<String>,
}

impl Guard {
    /// Starts one, and waits until nothing but the launcher's end makes it act.
    pub(super) fn start(cgroups: &Cgroups) -> io::Result<Self> {
        let (socket, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        match sys::clone(0, None)? {
            Cloned::Child => {
                let watched = watch(theirs, cgroups);
                sys::exit(i32::from(watched.is_err()))
            }
            Cloned::Parent { pid, pidfd } => {
                drop(theirs);
                let guard = Self { child: Child { pid, pidfd }, socket, containers: BTreeSet::new() };
                let (told, _) = recv(&guard.socket, &mut [0; 1], RecvFlags::empty())?;
                if told == 0 { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(guard) }
            }
        }
    }

    /// Whether it has not been killed.
    pub(super) fn lives(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        matches!(poll(&mut [PollFd::new(&self.child.pidfd, PollFlags::IN)], Some(&now)), Ok(0))
    }

    /// Another one in its place.
    pub(super) fn again(&self, cgroups: &Cgroups) -> io::Result<Self> {
        let mut next = Self::start(cgroups)?;
        self.containers.iter().try_for_each(|container| next.watch(container))?;
        Ok(next)
    }

    /// Watches a container from now on.
    pub(super) fn watch(&mut self, container: &str) -> io::Result<()> {
        self.tell(WATCH, container)?;
        self.containers.insert(container.to_owned());
        Ok(())
    }

    /// Nothing is left of a container; whether it was the last one.
    pub(super) fn leave(&mut self, container: &str) -> bool {
        if self.containers.remove(container) {
            // A guard that is gone watches nothing.
            let _ = self.tell(LEAVE, container);
        }
        self.containers.is_empty()
    }

    fn tell(&self, what: u8, container: &str) -> io::Result<()> {
        let word = [&[what], container.as_bytes()].concat();
        send(&self.socket, &word, SendFlags::NOSIGNAL)?;
        Ok(())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.child.kill_and_wait();
    }
}

/// In the child: until the launcher's end of the socket is closed, which is with the launcher, as every copy of it is in a process
/// that dies with it.
fn watch(socket: OwnedFd, cgroups: &Cgroups) -> io::Result<()> {
    let kept = [socket];
    sys::close_all_but(&kept);
    set_parent_process_death_signal(None)?;
    let socket = kept[0].as_fd();
    send(socket, &[0], SendFlags::NOSIGNAL)?;
    let mut containers = BTreeSet::new();
    let mut word = [0; WORD];
    loop {
        let length = match recv(socket, &mut word, RecvFlags::empty()) {
            Ok((0, _)) => break,
            Ok((length, _)) => length,
            Err(rustix::io::Errno::INTR) => continue,
            // Reset: it was killed with a word of ours unread.
            Err(_) => break,
        };
        let name = String::from_utf8_lossy(&word[1..length]).into_owned();
        match word[0] {
            WATCH => drop(containers.insert(name)),
            _ => drop(containers.remove(&name)),
        }
    }
    for _ in 0..ROUNDS {
        containers.retain(|container| !cgroups.end(container));
        if containers.is_empty() {
            return Ok(());
        }
        // Woken early or not, the next round tells.
        let _ = nanosleep(&PAUSE);
    }
    Ok(())
}
