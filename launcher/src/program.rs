//! What a new process becomes, prepared before it exists.

use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::CWD;
use rustix::io::Errno;

use crate::sys::{self, Strings};
use crate::wire::ProcessRequest;

/// The search path of a process without `PATH`, as Docker has it.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A program, its arguments and its environment.
#[derive(Debug)]
pub(crate) struct Program {
    image: Image,
    argv: Strings,
    env: Strings,
}

#[derive(Debug)]
enum Image {
    /// Files to try in this order.
    Paths(Vec<CString>),
    /// The container's init.
    Memory(Arc<OwnedFd>),
}

impl Program {
    /// The command of a request, which has been validated: no string holds a null byte.
    pub(crate) fn command(process: &ProcessRequest) -> Self {
        let paths = candidates(process).into_iter().map(c_string).collect();
        Self {
            image: Image::Paths(paths),
            argv: Strings::from(process.argv.iter().cloned().map(c_string).collect::<Vec<_>>()),
            env: Strings::from(process.env.iter().cloned().map(c_string).collect::<Vec<_>>()),
        }
    }

    /// The container's init from its sealed memory file.
    pub(crate) fn init(memory: Arc<OwnedFd>) -> Self {
        Self {
            image: Image::Memory(memory),
            argv: Strings::from(vec![c"porthole-init".to_owned()]),
            env: Strings::from(Vec::new()),
        }
    }

    /// Becomes the program; returns only when it cannot, with the reason. `NOENT` says that no candidate exists.
    pub(crate) fn execute(&self) -> Errno {
        let paths = match &self.image {
            Image::Memory(memory) => return self.try_one(memory.as_fd(), c""),
            Image::Paths(paths) => paths,
        };
        let mut reason = Errno::NOENT;
        for path in paths {
            match (self.try_one(CWD, path), paths.len()) {
                (Errno::NOENT | Errno::NOTDIR, _) => {}
                (errno, 1) => reason = errno,
                // As Docker's search does: what cannot be executed is not what was looked for.
                (Errno::ACCESS | Errno::PERM, _) => {}
                (errno, _) => return errno,
            }
        }
        reason
    }

    fn try_one(&self, dir: std::os::fd::BorrowedFd<'_>, path: &std::ffi::CStr) -> Errno {
        Errno::from_io_error(&sys::execute(dir, path, &self.argv, &self.env)).unwrap_or(Errno::IO)
    }
}

fn candidates(process: &ProcessRequest) -> Vec<String> {
    let command = &process.argv[0];
    if command.contains('/') {
        return vec![command.clone()];
    }
    let path = process.env.iter().find_map(|entry| entry.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH);
    path.split(':')
        .map(|dir| if dir.is_empty() { "." } else { dir })
        .map(|dir| format!("{}/{command}", dir.trim_end_matches('/')))
        .collect()
}

fn c_string(string: String) -> CString {
    CString::new(string).expect("validated: no null byte")
}
