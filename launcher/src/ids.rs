//! Which ranges of user ids this launcher may hand out, on a host where other launchers may run as well.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Ranges in one block: more than a launcher has containers, so that a range rests for a while before it is used again.
pub const BLOCK: u32 = 2048;

/// Blocks there are: below the ids that systemd gives to containers of its own (`UIDS-GIDS` of its documentation).
const BLOCKS: u32 = 8;

/// Where the locks are; a directory of root's that is empty after a boot, as are the ids.
const LOCKS: &str = "/run/porthole";

/// A block of ranges that no other launcher of this host has, until this is dropped or the process ends.
#[derive(Debug)]
pub struct Block {
    /// Number of its first range, counted from the store's range.
    pub first: u32,
    _lock: File,
}

impl Block {
    /// Takes the first free block.
    ///
    /// # Errors
    /// When the lock directory cannot be used, or `QuotaExceeded` when all blocks are taken.
    pub fn take() -> io::Result<Self> {
        Self::take_below(Path::new(LOCKS))
    }

    fn take_below(locks: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(locks)?;
        for number in 0..BLOCKS {
            let path = locks.join(format!("ids.{number}"));
            let file = File::options().create(true).truncate(false).write(true).open(path)?;
            match file.try_lock() {
                Ok(()) => return Ok(Self { first: number * BLOCK, _lock: file }),
                Err(std::fs::TryLockError::WouldBlock) => {}
                Err(std::fs::TryLockError::Error(error)) => return Err(error),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::QuotaExceeded,
            format!("all {BLOCKS} blocks of user ids are in use by other launchers of this host"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn launchers_never_share_a_block_and_a_dropped_one_is_free_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut blocks: Vec<_> = (0..BLOCKS).map(|_| Block::take_below(dir.path()).unwrap()).collect();
        let firsts: Vec<_> = blocks.iter().map(|block| block.first).collect();
        assert_eq!(firsts, (0..BLOCKS).map(|number| number * BLOCK).collect::<Vec<_>>());
        assert_eq!(Block::take_below(dir.path()).unwrap_err().kind(), io::ErrorKind::QuotaExceeded);
        blocks.remove(3);
        assert_eq!(Block::take_below(dir.path()).unwrap().first, 3 * BLOCK);
    }
}
