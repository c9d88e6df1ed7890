//! Deleting what removed containers and layers have left: by a child of low priority, one at a time, while the launcher goes
//! on.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Dir, Mode, OFlags, openat, renameat, unlinkat};
use rustix::io::Errno;
use rustix::process::{WaitId, WaitIdOptions, setpriority_process, waitid};
use rustix::stdio::{dup2_stdin, stdin};

use crate::container::Child;
use crate::sys::{self, Cloned};

/// The lowest priority, see `nice(1)`.
const NICEST: i32 = 19;

/// Who deletes, and whether there is more since it has begun.
#[derive(Debug, Default)]
pub(crate) struct Trash {
    deleter: Option<Child>,
    more: bool,
}

impl Trash {
    /// Something has been put into `directory`: has it deleted. Returns a pidfd to wait for.
    /// What is in `doomed` is closed by the same child, because that takes long as well.
    pub(crate) fn filled(
        &mut self,
        directory: BorrowedFd<'_>,
        doomed: &mut Vec<OwnedFd>,
    ) -> io::Result<Option<BorrowedFd<'_>>> {
        if self.deleter.is_some() {
            self.more = true;
            return Ok(None);
        }
        self.more = false;
        // The child's are the last only when the launcher's are closed.
        let (mut closed, open) = io::pipe()?;
        match sys::clone(0, None)? {
            Cloned::Child => {
                drop(open);
                let code = delete(directory, &mut closed, doomed);
                sys::exit(i32::from(code.is_err()))
            }
            Cloned::Parent { pid, pidfd } => {
                doomed.clear();
                Ok(Some(self.deleter.insert(Child { pid, pidfd }).pidfd.as_fd()))
            }
        }
    }

    /// Whether nothing is being deleted.
    pub(crate) fn is_empty(&self) -> bool {
        self.deleter.is_none()
    }

    /// The deleter has ended. Returns whether another one is needed.
    pub(crate) fn emptied(&mut self) -> bool {
        if let Some(deleter) = self.deleter.take() {
            // It is our child and has ended: nothing but its status can come of this.
            let _ = waitid(WaitId::PidFd(deleter.pidfd.as_fd()), WaitIdOptions::EXITED);
        }
        std::mem::take(&mut self.more)
    }
}

/// In the child.
fn delete(directory: BorrowedFd<'_>, closed: &mut impl Read, doomed: &mut Vec<OwnedFd>) -> io::Result<()> {
    dup2_stdin(directory)?;
    setpriority_process(None, NICEST)?;
    // Ends when the other end is closed, and with it those of `doomed`.
    closed.read_to_end(&mut Vec::new())?;
    doomed.clear();
    // Nobody may wait for the end of a stream because this process holds it.
    sys::close_from(1);
    Ok(empty(stdin())?)
}

/// Deletes everything in a directory. A container may have made trees of any depth, so this neither recurses nor builds
/// paths: what is in a subdirectory moves up before the subdirectory is removed.
fn empty(directory: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut moved = 0u64;
    loop {
        let names = self::names(directory)?;
        if names.is_empty() {
            return Ok(());
        }
        for name in names {
            if is_directory(unlinkat(directory, &name, AtFlags::empty()))? {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let inner = openat(directory, &name, flags, Mode::empty())?;
                for name in self::names(inner.as_fd())? {
                    if is_directory(unlinkat(&inner, &name, AtFlags::empty()))? {
                        moved += 1;
                        // No name of a container or layer has this shape.
                        renameat(&inner, &name, directory, format!("deep-{}-{moved}", std::process::id()))?;
                    }
                }
                unlinkat(directory, &name, AtFlags::REMOVEDIR)?;
            }
        }
    }
}

/// What an attempt to unlink says; a name that is gone is no directory either.
fn is_directory(unlinked: Result<(), Errno>) -> Result<bool, Errno> {
    match unlinked {
        Ok(()) | Err(Errno::NOENT) => Ok(false),
        Err(Errno::ISDIR) => Ok(true),
        Err(errno) => Err(errno),
    }
}

fn names(directory: BorrowedFd<'_>) -> Result<Vec<std::ffi::CString>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_deeper_than_any_path_is_deleted() {
        let top = tempfile::tempdir().unwrap();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(rustix::fs::CWD, top.path(), flags, Mode::empty()).unwrap();
        let mut at = root.try_clone().unwrap();
        for _ in 0..600 {
            rustix::fs::mkdirat(&at, "directory", Mode::from_raw_mode(0o700)).unwrap();
            rustix::fs::symlinkat("/etc", &at, "link").unwrap();
            at = openat(&at, "directory", flags, Mode::empty()).unwrap();
        }
        empty(root.as_fd()).unwrap();
        assert_eq!(std::fs::read_dir(top.path()).unwrap().count(), 0);
        assert!(std::path::Path::new("/etc").exists());
    }
}
