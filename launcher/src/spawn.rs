//! Starting a process in a container: the same for its first process and for every further one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::libc::sock_filter;
use nix::sched::{CloneFlags, setns};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::child::{self, Materials};
use crate::container::Child;
use crate::page::Page;
use crate::plan::{Actor, Step};
use crate::program::Program;
use crate::sys::{self, Cloned};

/// What a new process is made from.
pub(crate) struct Spawn<'a> {
    /// Pidfd of the container's process 1.
    pub(crate) init: BorrowedFd<'a>,
    /// The launcher's own process id namespace, to return to.
    pub(crate) home: BorrowedFd<'a>,
    /// Files to move into the container's cgroups of version 1 by.
    pub(crate) entrances: &'a [OwnedFd],
    /// The container's cgroup of version 2.
    pub(crate) cgroup: Option<BorrowedFd<'a>>,
    pub(crate) stdio: [Option<BorrowedFd<'a>>; 3],
    pub(crate) filter: &'a [sock_filter],
    pub(crate) program: &'a Program,
    pub(crate) steps: &'a [Step],
    pub(crate) page: &'a Page,
}

impl Spawn<'_> {
    /// Clones it. Returns the process and the descriptor that reads as closed once it has become its command or died.
    pub(crate) fn spawn(&self) -> io::Result<(Child, OwnedFd)> {
        let (done, held_by_child) = pipe_with(PipeFlags::CLOEXEC)?;
        setns(self.init, CloneFlags::CLONE_NEWPID)?;
        let cloned = sys::clone(0, self.cgroup);
        if let Ok(Cloned::Child) = cloned {
            let materials = Materials {
                entrances: self.entrances,
                layers: &[],
                devpts: None,
                stdio: self.stdio,
                init: Some(self.init),
                filter: self.filter,
                program: self.program,
            };
            child::run(Actor::Process, self.steps, self.page, &materials)
        }
        // Back at once: every other child of the launcher belongs outside.
        setns(self.home, CloneFlags::CLONE_NEWPID)?;
        drop(held_by_child);
        match cloned? {
            Cloned::Parent { pid, pidfd } => Ok((Child { pid, pidfd }, done)),
            Cloned::Child => unreachable!("the child has not returned"),
        }
    }
}

impl Child {
    /// Its pid as the host numbers it.
    pub(crate) fn number(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Kills it and everything it is the init of, and waits for that.
    pub(crate) fn kill_and_wait(&self) {
        // Fails only when it is dead already.
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, rustix::process::Signal::KILL);
        let _ = rustix::process::waitid(
            rustix::process::WaitId::PidFd(self.pidfd.as_fd()),
            rustix::process::WaitIdOptions::EXITED,
        );
    }
}
