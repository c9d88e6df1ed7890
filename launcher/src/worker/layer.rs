//! Unpacking an archive into a new layer, which has its name only when it is complete. Complete is not yet durable: whoever
//! asked remembers which layers are on disk, see `docs/adr/0010-pull.md`.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, CWD, Gid, Mode, OFlags, RenameFlags, Uid, chownat, mkdirat, openat, renameat, renameat_with,
};
use rustix::io::Errno;
use rustix::process::{Signal, pidfd_send_signal};

use super::UnpackFn;
use super::jail::{Died, Jail, Prisoner};
use crate::engine::failure;
use crate::wire::{Failure, FailureKind, Unpacked};

/// What the name of an unfinished layer begins with.
const PARTIAL: &str = ".partial-";

/// A layer that is being unpacked.
#[derive(Debug)]
pub(crate) struct Layer {
    name: String,
    /// Its name until it is complete.
    partial: String,
    worker: Prisoner,
}

impl Layer {
    /// Starts to unpack what `jail` makes of its input into the new layer `name` below `layers`, whose root belongs to the
    /// first of the jail's ids. Does not wait.
    ///
    /// # Errors
    /// `InUse` when the layer exists; `Internal` when the kernel refuses a step of the jail.
    pub(crate) fn start(
        layers: BorrowedFd<'_>,
        name: &str,
        jail: Jail<'_>,
        unpack: UnpackFn,
    ) -> Result<Self, Failure> {
        let refused = |error: io::Error| match error.raw_os_error() {
            Some(raw) if raw == Errno::EXIST.raw_os_error() => {
                failure(FailureKind::InUse, "The layer exists.")
            }
            _ => crate::engine::refused("The unpacking cannot be isolated", &error),
        };
        match rustix::fs::accessat(layers, name, rustix::fs::Access::EXISTS, AtFlags::empty()) {
            Ok(()) => return Err(refused(Errno::EXIST.into())),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(refused(errno.into())),
        }
        let partial = partial(name);
        let directory = make_directory(layers, &partial, jail.ids).map_err(|errno| refused(errno.into()))?;
        let worker = Jail { root: directory.as_fd(), ..jail }.start(|| task(unpack));
        let worker = worker.map_err(|error| {
            // Nothing is in it yet.
            let _ = rustix::fs::unlinkat(layers, &partial, AtFlags::REMOVEDIR);
            refused(error)
        })?;
        Ok(Self { name: name.to_owned(), partial, worker })
    }

    /// Readable when the worker has ended.
    pub(crate) fn pidfd(&self) -> &OwnedFd {
        &self.worker.pidfd
    }

    /// Ends the worker.
    pub(crate) fn kill(&self) {
        let _ = pidfd_send_signal(self.pidfd(), Signal::KILL);
    }

    /// Moves what a worker that has ended has made to `trash`, complete or not: nobody knows of it.
    pub(crate) fn discard(self, layers: BorrowedFd<'_>, trash: BorrowedFd<'_>) {
        let _ = self.worker.outcome::<Result<Unpacked, String>>();
        discard(layers, &self.partial, trash);
    }

    /// Takes the result of a worker that has ended: the layer is complete, or moved to `trash`.
    ///
    /// # Errors
    /// `BadArchive` with the worker's sentence, or when it died; `Internal` when the finished layer cannot be renamed.
    pub(crate) fn finish(self, layers: BorrowedFd<'_>, trash: BorrowedFd<'_>) -> Result<Unpacked, Failure> {
        let told = self.worker.outcome::<Result<Unpacked, String>>().unwrap_or_else(|Died| {
            Err("The archive could not be unpacked within its limits of time and memory.".into())
        });
        let outcome = told.map_err(|why| failure(FailureKind::BadArchive, why)).and_then(|unpacked| {
            renameat_with(layers, &self.partial, layers, &self.name, RenameFlags::NOREPLACE)
                .map(|()| unpacked)
                .map_err(|errno| {
                    let why = format!("The layer cannot be put in its place: {}.", io::Error::from(errno));
                    failure(FailureKind::Internal, why)
                })
        });
        if outcome.is_err() {
            discard(layers, &self.partial, trash);
        }
        outcome
    }
}

/// In the jail: the root is the layer's directory.
fn task(unpack: UnpackFn) -> Result<Unpacked, String> {
    let told = |error: io::Error| error.to_string();
    let tar = File::from(rustix::stdio::stdin().try_clone_to_owned().map_err(told)?);
    let layer = openat(CWD, "/", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let layer = layer.map_err(|errno| told(errno.into()))?;
    unpack(tar, layer.as_fd())
}

/// Moves what unfinished workers of an earlier launcher left to `trash`.
///
/// # Errors
/// When the directory cannot be read.
pub(crate) fn sweep(layers: BorrowedFd<'_>, trash: BorrowedFd<'_>) -> io::Result<()> {
    for entry in rustix::fs::Dir::read_from(layers)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(PARTIAL) {
            discard(layers, &name, trash);
        }
    }
    Ok(())
}

/// Never the same twice: a directory of another name is made in another part of the disk, see `Store::spread`.
fn partial(layer: &str) -> String {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    format!("{PARTIAL}{layer}-{}-{}", now.tv_sec, now.tv_nsec)
}

fn discard(layers: BorrowedFd<'_>, name: &str, trash: BorrowedFd<'_>) {
    // If even a rename fails, the sweep of the next start tries again.
    let _ = renameat(layers, name, trash, name);
}

fn make_directory(layers: BorrowedFd<'_>, name: &str, owner: u32) -> Result<OwnedFd, Errno> {
    mkdirat(layers, name, Mode::from_raw_mode(0o755))?;
    rustix::fs::chmodat(layers, name, Mode::from_raw_mode(0o755), AtFlags::empty())?;
    chownat(layers, name, Some(Uid::from_raw(owner)), Some(Gid::from_raw(owner)), AtFlags::SYMLINK_NOFOLLOW)?;
    openat(layers, name, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}
