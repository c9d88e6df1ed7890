//! Standard streams of a new process: the launcher's ends and the child's.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Gid, MemfdFlags, Mode, OFlags, Uid, fchown, memfd_create, openat};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::container::{Streams, Typed};
use crate::plan::Ids;
use crate::wire::{ProcessRequest, Stdio};

/// Group `tty` inside, in every distribution.
const TTY_GROUP: u32 = 5;

/// Bytes a process can be ahead of its reader.
const OUTPUT_BUFFER: usize = 256 * 1024;

/// Both ends of a process's standard streams.
#[derive(Debug)]
pub(crate) struct Pair {
    /// The launcher's.
    pub(crate) ours: Streams,
    /// The child's stdin, stdout and stderr; `None` is /dev/null.
    theirs: [Option<OwnedFd>; 3],
}

impl Pair {
    /// Makes them: a terminal of the container's `devpts`, owned by the process's user, or pipes.
    pub(crate) fn make(process: &ProcessRequest, devpts: BorrowedFd<'_>, ids: Ids) -> io::Result<Self> {
        match process.stdio {
            Stdio::Terminal { rows, cols } => {
                let (master, slave) =
                    terminal(devpts, Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 })?;
                if ids.count > TTY_GROUP {
                    let (uid, gid) = (ids.base + process.uid, ids.base + TTY_GROUP);
                    fchown(&slave, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
                }
                Ok(Self { ours: Streams::terminal(master)?, theirs: [Some(slave), None, None] })
            }
            Stdio::Pipes { stdin } => Self::pipes(stdin),
        }
    }

    /// Pipes, with standard input open or not.
    pub(crate) fn pipes(stdin: bool) -> io::Result<Self> {
        let pipe = || pipe_with(PipeFlags::CLOEXEC);
        let (stdout, stderr) = (pipe()?, pipe()?);
        for (_, end) in [&stdout, &stderr] {
            // Refused above a user's share of pipe memory: then it is only slower.
            let _ = fcntl_setpipe_size(end, OUTPUT_BUFFER);
        }
        let stdin = if stdin { Some(pipe()?) } else { None };
        let (their_stdin, stdin) = stdin.map_or((None, None), |(r, w)| (Some(r), Some(w)));
        let typed = stdin.is_some().then(Typed::make).transpose()?;
        Ok(Self {
            ours: Streams::Pipes { stdout: stdout.0, stderr: stderr.0, typed, stdin },
            theirs: [their_stdin, Some(stdout.1), Some(stderr.1)],
        })
    }

    /// The reading end of standard error once more, for what the program says that starts the process.
    pub(crate) fn complaint(&self) -> io::Result<OwnedFd> {
        match &self.ours {
            Streams::Terminal { master, .. } => master.try_clone(),
            Streams::Pipes { stderr, .. } => stderr.try_clone(),
        }
    }

    /// The child's ends.
    pub(crate) fn theirs(&self) -> [Option<BorrowedFd<'_>>; 3] {
        self.theirs.each_ref().map(|end| end.as_ref().map(AsFd::as_fd))
    }
}

impl Streams {
    /// Those of a terminal.
    pub(crate) fn terminal(master: OwnedFd) -> io::Result<Self> {
        Ok(Self::Terminal { master, transit: conduit()?, typed: Typed::make()? })
    }
}

impl Typed {
    fn make() -> io::Result<Self> {
        Ok(Self { input: conduit()?, ledger: memfd_create("porthole-ledger", MemfdFlags::CLOEXEC)? })
    }
}

/// Both ends of a pipe in one descriptor: thousands of them are kept, twice.
fn conduit() -> io::Result<OwnedFd> {
    let (end, _) = pipe_with(PipeFlags::CLOEXEC)?;
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(openat(CWD, format!("/proc/self/fd/{}", end.as_raw_fd()), flags, Mode::empty())?)
}

/// A new terminal. No path of the container is followed: the master comes from the descriptor of its devpts, the slave
/// from the master.
fn terminal(devpts: BorrowedFd<'_>, size: Winsize) -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let master = openat(devpts, "ptmx", flags, Mode::empty())?;
    unlockpt(&master)?;
    let slave = ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    tcsetwinsize(&master, size)?;
    Ok((master, slave))
}
