//! The directory that all logs of one container are in, and its end.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

/// A directory that is made by the first file in it. Once it is deleted nothing is made in it any more, however late the
/// output of a process comes. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Folder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    /// Whether it was deleted. Shared by those who make files, while they do.
    gone: RwLock<bool>,
}

impl Folder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(Arc::new(Shared { path, gone: RwLock::default() }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Whether it was deleted.
    pub(super) fn is_gone(&self) -> bool {
        *self.0.gone.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes it, for the agent's eyes alone, and lets `make` make files in it. It is not deleted meanwhile.
    ///
    /// # Errors
    /// `NotFound` when it was deleted; those of making a directory, and of `make`.
    pub(super) fn make<T>(&self, make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let gone = self.0.gone.read().unwrap_or_else(PoisonError::into_inner);
        if *gone {
            return Err(io::ErrorKind::NotFound.into());
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.0.path)?;
        make()
    }

    /// Deletes it, with all that is in there.
    ///
    /// # Errors
    /// Those of deleting a directory. There is none to delete where nothing was made.
    pub(super) fn delete(&self) -> io::Result<()> {
        *self.0.gone.write().unwrap_or_else(PoisonError::into_inner) = true;
        match fs::remove_dir_all(&self.0.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            deleted => deleted,
        }
    }
}
