//! Work on files that strangers have written: archives, layers, what a container wrote.
//!
//! The launcher knows neither tar nor paths of tenants. It starts a child, shuts it in ([`jail`]), and calls a function of
//! the agent's in there, which is given descriptors and nothing else. A child that was taken over by what it reads has an
//! empty world: no network, no process but itself, no file but those of its task, and ids that are nobody's outside.

use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};

use crate::wire::{Failure, Unpacked};

mod jail;
mod job;
mod layer;

pub(crate) use jail::Jail;
pub(crate) use job::Job;
pub(crate) use layer::{Layer, sweep};

/// Reads the archive and makes what it describes below the directory; an error is a sentence. It runs as root of the jail.
pub type UnpackFn = fn(File, BorrowedFd<'_>) -> Result<Unpacked, String>;

/// Does the job that the bytes describe on the directories, see [`Place`](crate::wire::Place): reads from the first file,
/// writes to the second. It runs as root of the jail.
pub type WorkFn = fn(&[u8], &[OwnedFd], File, File) -> Result<(), Failure>;

/// What is called in jails.
#[derive(Clone, Copy, Debug)]
pub struct Programs {
    /// Unpacks a layer.
    pub unpack: UnpackFn,
    /// Anything else.
    pub work: WorkFn,
}
