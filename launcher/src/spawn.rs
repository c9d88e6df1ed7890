//! Starting a process in a container: the same for its first process and for every further one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::libc::sock_filter;
use nix::sched::{CloneFlags, setns};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid};

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
    /// See [`Materials::init_open`].
    pub(crate) init_open: Option<BorrowedFd<'a>>,
    /// The launcher's own process id namespace, where it may return to it.
    pub(crate) home: Option<BorrowedFd<'a>>,
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
        let child = match self.home {
            Some(home) => self.clone_from_inside(home),
            None => self.clone_by_sibling(),
        }?;
        drop(held_by_child);
        Ok((child, done))
    }

    /// The launcher itself visits the container's process id namespace for one clone.
    fn clone_from_inside(&self, home: BorrowedFd<'_>) -> io::Result<Child> {
        setns(self.init, CloneFlags::CLONE_NEWPID)?;
        let cloned = self.clone_child(0);
        // Back at once: every other child of the launcher belongs outside.
        setns(home, CloneFlags::CLONE_NEWPID)?;
        cloned
    }

    /// A launcher in a user namespace could not return. So a child goes there, and clones the process as its sibling.
    fn clone_by_sibling(&self) -> io::Result<Child> {
        match sys::clone(0, None)? {
            Cloned::Child => {
                let cloned = setns(self.init, CloneFlags::CLONE_NEWPID)
                    .map_err(io::Error::from)
                    .and_then(|()| self.clone_child(sys::SIBLING));
                if let Ok(child) = &cloned {
                    self.page.tell_pid(child.pid);
                }
                sys::exit(i32::from(cloned.is_err()))
            }
            Cloned::Parent { pid, pidfd } => {
                let helper = Child { pid, pidfd };
                helper.wait();
                let refused = || io::Error::other("the container's process id namespace cannot be entered");
                let pid = self.page.told_pid().ok_or_else(refused)?;
                // Our child, and not waited for yet: its number cannot be another process's.
                Ok(Child { pid, pidfd: pidfd_open(pid, PidfdFlags::empty())? })
            }
        }
    }

    fn clone_child(&self, flags: u64) -> io::Result<Child> {
        match sys::clone(flags, self.cgroup)? {
            Cloned::Parent { pid, pidfd } => Ok(Child { pid, pidfd }),
            Cloned::Child => {
                let materials = Materials {
                    entrances: self.entrances,
                    layers: &[],
                    devpts: None,
                    stdio: self.stdio,
                    init: Some(self.init),
                    network: None,
                    users: None,
                    init_open: self.init_open,
                    filter: self.filter,
                    program: self.program,
                };
                child::run(Actor::Process, self.steps, self.page, &materials)
            }
        }
    }
}

impl Child {
    /// Its pid as the host numbers it.
    pub(crate) fn number(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Kills it and everything it is the init of.
    pub(crate) fn kill(&self) {
        // Fails only when it is dead already.
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
    }

    /// Kills it and everything it is the init of, and waits for that.
    pub(crate) fn kill_and_wait(&self) {
        self.kill();
        self.wait();
    }

    /// Waits for its end.
    fn wait(&self) {
        // It is our child: nothing but its status can come of this.
        let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
    }
}
