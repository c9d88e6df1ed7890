//! Sockets in containers' network namespaces, for the agent: no packet to a container crosses a network of the host.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::sched::{CloneFlags, setns};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, socketpair};

use super::answers::no_container;
use super::{Engine, failure, refused};
use crate::container::Child;
use crate::net::visit;
use crate::socket::Socket;
use crate::sys::{self, Cloned};
use crate::wire::{EngineKind, Failure, FailureKind};

/// The launcher's own network namespace; none when it may not return to it from another one, as without root.
pub(super) fn home() -> io::Result<Option<OwnedFd>> {
    let home = visit::here()?;
    Ok(setns(&home, CloneFlags::CLONE_NEWNET).is_ok().then_some(home))
}

impl Engine {
    /// A TCP socket in a running container's network namespace, neither bound nor connected, non-blocking. Whatever it is
    /// used for is checked against the rights of its user, the agent: it has none there.
    ///
    /// # Errors
    /// `NoSuchContainer`, `NotRunning`; `Unsupported` when the kernel has no such addresses.
    pub(crate) fn socket(&self, id: &str, ipv6: bool) -> Result<OwnedFd, Failure> {
        let container = self.containers.get(id).ok_or_else(|| no_container(id))?;
        if container.engine == EngineKind::Runsc {
            let message = "Ports of a gVisor container are inside its own kernel: they are reached through its networks alone.";
            return Err(failure(FailureKind::Unsupported, message));
        }
        // By its pidfd: a number could be another process's by now.
        let init = container.running()?.init.pidfd.as_fd();
        let family = if ipv6 { AddressFamily::INET6 } else { AddressFamily::INET };
        let made = match &self.network {
            // In a tenth of the time that a child takes; see `docs/adr/0017-ports.md`.
            Some(home) => visit::within(init, home, || tcp(family)),
            None => make_by_child(init, family),
        };
        made.map_err(|error| match Errno::from_io_error(&error).unwrap_or(Errno::IO) {
            Errno::SRCH => failure(FailureKind::NotRunning, format!("The container {id} has ended.")),
            Errno::AFNOSUPPORT => failure(FailureKind::Unsupported, "This kernel has no such addresses."),
            _ => refused(format_args!("The container {id} cannot be reached"), &error),
        })
    }
}

/// A launcher in a user namespace could not return. So a child goes there, and passes the socket back.
fn make_by_child(init: BorrowedFd<'_>, family: AddressFamily) -> io::Result<OwnedFd> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    match sys::clone(0, None)? {
        Cloned::Child => {
            let made =
                setns(init, CloneFlags::CLONE_NEWNET).map_err(io::Error::from).and_then(|()| tcp(family));
            let told = made.as_ref().err().map_or(0, |error| error.raw_os_error().unwrap_or(EIO));
            let fds: Vec<_> = made.iter().map(AsFd::as_fd).collect();
            sys::exit(i32::from(Socket::from(theirs).send(&told, &fds).is_err()))
        }
        Cloned::Parent { pid, pidfd } => {
            drop(theirs);
            let told = Socket::from(ours).receive::<i32>();
            Child { pid, pidfd }.kill_and_wait();
            match told.map_err(io::Error::other)? {
                Some((0, mut fds)) => fds.pop().ok_or_else(|| io::Error::from_raw_os_error(EIO)),
                Some((errno, _)) => Err(io::Error::from_raw_os_error(errno)),
                None => Err(io::Error::from_raw_os_error(EIO)),
            }
        }
    }
}

const EIO: i32 = Errno::IO.raw_os_error();

fn tcp(family: AddressFamily) -> io::Result<OwnedFd> {
    Ok(socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?)
}
