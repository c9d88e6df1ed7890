//! Loop devices, see `loop(4)`: a file as a disk.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{CWD, Dev, FileType, Mode, OFlags, makedev, mknodat, openat, unlink};
use rustix::io::Errno;

use crate::sys;

/// Major numbers of loop devices and of miscellaneous ones, and the minor of the loop devices' control, see the kernel's
/// `admin-guide/devices.txt`.
const LOOP: u32 = 7;
const MISCELLANEOUS: u32 = 10;
const CONTROL: u32 = 237;

/// Flags of `linux/loop.h`: the device lets go of its file when nobody has it open or mounted any more, so that nothing is
/// left even of a launcher that was killed; and the file's pages are not cached a second time.
const AUTOCLEAR: u32 = 4;
const DIRECT_IO: u32 = 16;

/// Others may take a free device as well, but not this often.
const ATTEMPTS: usize = 64;

/// Puts `file` behind a loop device. Returns its number, and the device, which must be open until it is mounted.
///
/// # Errors
/// When this host has no loop devices, or gives none to this process.
pub(super) fn attach(file: BorrowedFd<'_>, block_size: u32) -> io::Result<(u32, OwnedFd)> {
    let control = Node::new(FileType::CharacterDevice, makedev(MISCELLANEOUS, CONTROL))?.open()?;
    for _ in 0..ATTEMPTS {
        let number = sys::free_loop_device(control.as_fd())?;
        let device = node(number)?.open()?;
        match sys::configure_loop_device(device.as_fd(), file, block_size, AUTOCLEAR | DIRECT_IO) {
            Ok(()) => return Ok((number, device)),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::BUSY) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::BUSY.into())
}

/// A node of a loop device, for as long as it is needed. Not one of `/dev`, which where that is no devtmpfs lacks those made
/// since.
pub(super) fn node(number: u32) -> io::Result<Node> {
    Node::new(FileType::BlockDevice, makedev(LOOP, number))
}

/// A device node in the working directory, the staging one; gone when this is dropped.
pub(super) struct Node {
    /// Relative to the working directory.
    pub(super) name: String,
}

impl Node {
    fn new(kind: FileType, device: Dev) -> io::Result<Self> {
        // One process makes one at a time.
        let name = format!("node-{}", std::process::id());
        mknodat(CWD, &name, kind, Mode::from_raw_mode(0o600), device)?;
        Ok(Self { name })
    }

    fn open(&self) -> io::Result<OwnedFd> {
        Ok(openat(CWD, &self.name, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A name that stays would be found taken by the next node.
        let _ = unlink(&self.name);
    }
}
