//! Steps that give a process its terminal or pipes, and its working directory.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2};
use rustix::io::Errno;
use rustix::process::{ioctl_tiocsctty, setsid};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

pub(super) fn control_terminal(terminal: BorrowedFd<'_>) -> Result<(), Errno> {
    setsid()?;
    ioctl_tiocsctty(terminal)?;
    dup2_stdin(terminal)?;
    dup2_stdout(terminal)?;
    dup2_stderr(terminal)
}

pub(super) fn connect(stdio: &[Option<BorrowedFd<'_>>; 3]) -> Result<(), Errno> {
    setsid()?;
    let null = openat(CWD, "/dev/null", OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOCTTY, Mode::empty())?;
    let [stdin, stdout, stderr] = stdio.map(|stream| stream.unwrap_or(null.as_fd()));
    dup2_stdin(stdin)?;
    dup2_stdout(stdout)?;
    dup2_stderr(stderr)
}

/// Changes into `path`, creating what is missing. No magic link is followed: the launcher's descriptors are still open.
pub(super) fn enter_directory(path: &str) -> Result<(), Errno> {
    let directory = match open_inside(path) {
        Err(Errno::NOENT) => {
            create_directories(path, open_inside)?;
            open_inside(path)?
        }
        other => other?,
    };
    rustix::process::fchdir(directory)
}

/// Creates what is missing of the absolute `path`, of which `open` opens each beginning.
pub(super) fn create_directories(
    path: &str,
    open: impl Fn(&str) -> Result<OwnedFd, Errno>,
) -> Result<(), Errno> {
    let path = path.trim_end_matches('/');
    let mut parent = open("/")?;
    let ends = path.char_indices().skip(1).filter(|(_, c)| *c == '/').map(|(end, _)| end);
    for end in ends.chain([path.len()]) {
        let (prefix, name) = (&path[..end], path[..end].rsplit('/').next().unwrap_or_default());
        parent = match open(prefix) {
            Err(Errno::NOENT) => {
                mkdirat(&parent, name, Mode::from_raw_mode(0o755))?;
                open(prefix)?
            }
            other => other?,
        };
    }
    Ok(())
}

fn open_inside(path: &str) -> Result<OwnedFd, Errno> {
    openat2(
        CWD,
        path,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::NO_MAGICLINKS,
    )
}
