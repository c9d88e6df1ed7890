//! How much of the state directory's disk is kept for the host. One rule: launches wait for it in the agent, nothing is recorded and
//! nothing starts below it, and `porthole doctor` tells when it is reached.

use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{StatVfs, fstatvfs, statvfs};

/// Bytes that stay free, for all else that the host does with its disk. Writable layers together may be promised more than there
/// is, as most use little.
const RESERVE: u64 = 1 << 30;

/// At most one part in so many of the disk.
const RESERVE_SHARE: u64 = 20;

/// A disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What an ordinary user may still write.
    pub free: u64,
    /// What is kept of it.
    pub reserve: u64,
}

impl Space {
    /// The disk that this path is on; none where the file system does not tell.
    #[must_use]
    pub fn at(path: &Path) -> Option<Self> {
        statvfs(path).ok().map(|stat| Self::of(&stat))
    }

    pub(crate) fn on(place: impl AsFd) -> Option<Self> {
        fstatvfs(place).ok().map(|stat| Self::of(&stat))
    }

    pub(crate) fn of(stat: &StatVfs) -> Self {
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Self { free: bytes(stat.f_bavail), reserve: reserve(bytes(stat.f_blocks)) }
    }
}

fn reserve(disk: u64) -> u64 {
    RESERVE.min(disk / RESERVE_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_disk_keeps_a_gibibyte_and_a_small_one_its_share() {
        assert_eq!(reserve(100 << 30), 1 << 30);
        assert_eq!(reserve(10 << 30), 512 << 20);
    }
}
