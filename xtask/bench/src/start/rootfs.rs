//! The same root file system for everyone: for the peers, unpacked into a directory and owned by their root.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::read::GzDecoder;
use nix::unistd::geteuid;
use tempfile::TempDir;
use walkdir::WalkDir;

/// First of the 65,536 ids that a peer's container is mapped to.
pub(super) const FIRST_ID: u32 = 1_000_000_000;

/// A directory with the image in it; removed when dropped.
pub(super) struct RootFs {
    dir: TempDir,
}

impl RootFs {
    /// Unpacks the image.
    pub(super) fn unpack(image: &Path) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("porthole-bench-peers-").tempdir()?;
        let rootfs = Self { dir };
        let archive = File::open(image).with_context(|| format!("cannot read {}", image.display()))?;
        tar::Archive::new(GzDecoder::new(archive)).unpack(rootfs.path())?;
        if geteuid().is_root() {
            for entry in WalkDir::new(rootfs.path()) {
                lchown(entry?.path(), Some(FIRST_ID), Some(FIRST_ID))?;
            }
            // A mapped root has to get there.
            fs::set_permissions(rootfs.dir.path(), Permissions::from_mode(0o755))?;
        }
        Ok(rootfs)
    }

    /// The root.
    pub(super) fn path(&self) -> PathBuf {
        self.dir.path().join("rootfs")
    }

    /// A folder beside it, for what a runtime keeps.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}
