//! Descriptors made ready for the runtime.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use tokio::io::unix::AsyncFd;

/// Makes a descriptor non-blocking and registers it with the runtime.
///
/// # Errors
/// Those of `ioctl(2)` and `epoll_ctl(2)`.
pub(crate) fn register<T: AsFd + AsRawFd>(fd: T) -> io::Result<AsyncFd<T>> {
    rustix::io::ioctl_fionbio(fd.as_fd(), true)?;
    #[expect(
        deprecated,
        reason = "its replacement is unsafe because AsRawFd promises no ownership; AsFd does, and this crate has no unsafe"
    )]
    AsyncFd::new(fd)
}
