//! What the image store needs of whoever holds the unpacked layers: the launcher, behind the engine.

use std::os::fd::OwnedFd;

use futures_util::future::BoxFuture;
use porthole_launcher::wire::{Failure, Place, Unpacked};

/// The unpacked layers, each named by the 64 hexadecimal digits of its diff id.
///
/// Every method may be called from any task. Dropping a returned future does not undo what was asked for.
pub trait LayerStore: Send + Sync + 'static {
    /// Unpacks the uncompressed tar archive that can be read from `tar` (a file at its begin, or a pipe) into the new layer.
    ///
    /// # Errors
    /// `InUse` when a layer by that name exists, `BadArchive` when the archive is refused; nothing is left then.
    fn unpack(&self, layer: String, tar: OwnedFd) -> BoxFuture<'_, Result<Unpacked, Failure>>;

    /// Deletes a layer.
    ///
    /// # Errors
    /// `NoSuchLayer`, or `InUse` while a container is made of it.
    fn remove_layer(&self, layer: String) -> BoxFuture<'_, Result<(), Failure>>;

    /// Opens a regular file for reading as a container of these layers (topmost first) would see it at the absolute
    /// path, following links only inside them.
    ///
    /// # Errors
    /// `NoSuchFile` when there is none, or it is no regular file.
    fn open_file(&self, layers: Vec<String>, path: String) -> BoxFuture<'_, Result<OwnedFd, Failure>>;

    /// Does a job on the files at `place` in a jail, with the container's processes frozen meanwhile when `pause` is set and
    /// the host can. The job reads `input` and writes `output`; both ends here are closed when it has begun, so that the
    /// others' readers and writers see its end. Resolves when it has ended.
    ///
    /// # Errors
    /// The job's own; `NoSuchContainer`, `NoSuchLayer`; `TooMany` when many are under way; `InUse` when the container is
    /// frozen already; `Internal` when the job died.
    fn work(
        &self,
        place: Place,
        pause: bool,
        job: Vec<u8>,
        input: OwnedFd,
        output: OwnedFd,
    ) -> BoxFuture<'_, Result<(), Failure>>;
}
