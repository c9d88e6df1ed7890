//! Making an image takes milliseconds of waiting for the kernel: a child does it, and hands the launcher what it has made.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{
    Signal, WaitId, WaitIdOptions, set_parent_process_death_signal, setpriority_process, waitid,
};
use serde::{Deserialize, Serialize};

use super::{Backing, Disk, Size, image};
use crate::socket::Socket;
use crate::sys::{self, Cloned};

/// The priority of what nobody waits for, see `nice(1)`.
const NICE: i32 = 10;

/// A child that makes one image.
#[derive(Debug)]
pub(super) struct Maker {
    pub(super) size: Size,
    socket: Socket,
    pidfd: OwnedFd,
}

/// What one has made.
pub(super) struct Made {
    pub(super) disk: Disk,
    /// The template, for the next ones.
    pub(super) template: File,
}

/// What it tells; descriptors of the mount and the template come with it.
#[derive(Serialize, Deserialize)]
enum Told {
    Made { device: u32, empty: Size },
    Failed { why: String },
}

impl Maker {
    /// Starts one. `template` is used when there is one, and made otherwise.
    pub(super) fn start(
        scratch: BorrowedFd<'_>,
        template: Option<&File>,
        size: Size,
        owner: u32,
        urgent: bool,
    ) -> io::Result<Self> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        match sys::clone(0, None)? {
            Cloned::Child => {
                let told = work(&theirs, scratch, template, size, owner, urgent);
                sys::exit(i32::from(told.is_err()))
            }
            Cloned::Parent { pidfd, .. } => Ok(Self { size, socket: Socket::from(ours), pidfd }),
        }
    }

    /// Readable when it has ended.
    pub(super) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// What it has told, once it has ended.
    ///
    /// # Errors
    /// One sentence's end: why there is no image.
    pub(super) fn finish(self) -> Result<Made, String> {
        // It is our child and has ended: nothing but its status can come of this.
        let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
        let told = self.socket.receive::<Told>();
        let Ok(Some((told, fds))) = told else { return Err("its maker has died".to_owned()) };
        let (device, empty) = match told {
            Told::Made { device, empty } => (device, empty),
            Told::Failed { why } => return Err(why),
        };
        let [root, template] =
            <[OwnedFd; 2]>::try_from(fds).map_err(|_| "this process may open no more files".to_owned())?;
        let backing = Backing::Image { device, size: self.size, empty };
        Ok(Made { disk: Disk { root, backing }, template: template.into() })
    }
}

fn work(
    socket: &OwnedFd,
    scratch: BorrowedFd<'_>,
    template: Option<&File>,
    size: Size,
    owner: u32,
    urgent: bool,
) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let kept = [
        Some(socket.try_clone()?),
        Some(scratch.try_clone_to_owned()?),
        template.map(|template| template.try_clone().map(OwnedFd::from)).transpose()?,
    ];
    let kept: Vec<OwnedFd> = kept.into_iter().flatten().collect();
    sys::close_all_but(&kept);
    if !urgent {
        setpriority_process(None, NICE)?;
    }
    let made = (|| {
        let template = match kept.get(2) {
            Some(template) => File::from(template.try_clone()?),
            None => image::template(kept[1].as_fd(), size)?,
        };
        Ok::<_, io::Error>((image::make(kept[1].as_fd(), &template, size, owner)?, template))
    })();
    let socket = Socket::from(kept[0].try_clone()?);
    let sent = match &made {
        Ok((Disk { root, backing: Backing::Image { device, empty, .. } }, template)) => {
            socket.send(&Told::Made { device: *device, empty: *empty }, &[root.as_fd(), template.as_fd()])
        }
        Ok(_) => unreachable!("an image was made"),
        Err(error) => socket.send(&Told::Failed { why: error.to_string() }, &[]),
    };
    sent.map_err(io::Error::other)
}
