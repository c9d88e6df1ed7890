//! Downloads on disk: a layer's bytes as they come from a registry, kept under its digest so that they can be gone on with.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::digest::Digest;
use super::store::Store;
use super::{ImageError, Images, Shared};

/// How long a download that nobody goes on with is kept.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

const PARTIAL: &str = "partial";

impl Images {
    /// Bytes of all downloads that can be gone on with.
    ///
    /// # Errors
    /// [`ImageError::Store`].
    pub async fn download_bytes(&self) -> Result<u64, ImageError> {
        let all = self.shared.blocking(Store::list_downloads).await?;
        Ok(all.iter().map(|(_, bytes, _)| bytes).sum())
    }
}

impl Shared {
    /// Removes downloads that nobody is at: all, or those that nobody has gone on with for long. Answers each with its bytes.
    pub(super) async fn remove_downloads(&self, only_old: bool) -> Result<Vec<(Digest, u64)>, ImageError> {
        let mut removed = Vec::new();
        for (digest, bytes, is_old) in self.blocking(Store::list_downloads).await? {
            if (only_old && !is_old) || self.pins.has(&digest) {
                continue;
            }
            let Some(_claim) = self.downloads.try_claim(&digest) else { continue };
            let name = digest.clone();
            self.blocking(move |store| store.remove_download(&name)).await?;
            removed.push((digest, bytes));
        }
        Ok(removed)
    }

    /// The downloads that nobody is at, with their bytes.
    pub(super) async fn idle_downloads(&self) -> Result<Vec<(Digest, u64)>, ImageError> {
        let all = self.blocking(Store::list_downloads).await?.into_iter();
        let idle = all.filter(|(digest, ..)| !self.pins.has(digest));
        Ok(idle.map(|(digest, bytes, _)| (digest, bytes)).collect())
    }
}

impl Store {
    /// A download to go on with: its file, written at its end, and the bytes that it has already. Of a blob that is here it
    /// has all.
    pub(super) fn open_download(&self, digest: &Digest, size: u64) -> Result<(File, u64), ImageError> {
        let open = || {
            let partial = self.partial_download(digest);
            if !partial.exists() && fs::rename(self.whole_download(digest), &partial).is_err() {
                let blob = self.blob_path(digest);
                // Of the right size, so that it is never written to. Without hard links it is fetched.
                if fs::metadata(&blob).is_ok_and(|blob| blob.len() == size) {
                    let _ = fs::hard_link(blob, &partial);
                }
            }
            let file = OpenOptions::new().create(true).read(true).append(true).open(&partial)?;
            let have = file.metadata()?.len();
            if have <= size {
                return Ok((file, have));
            }
            file.set_len(0)?;
            Ok((file, 0))
        };
        open().map_err(ImageError::store("opening a download"))
    }

    /// Calls a download whole: its digest is right.
    pub(super) fn finish_download(&self, digest: &Digest) -> Result<(), ImageError> {
        fs::rename(self.partial_download(digest), self.whole_download(digest))
            .map_err(ImageError::store("finishing a download"))
    }

    /// Throws a download away that turned out to be something else.
    pub(super) fn discard_download(&self, digest: &Digest) -> Result<(), ImageError> {
        match fs::remove_file(self.partial_download(digest)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(ImageError::store("discarding a download")(error))
            }
            _ => Ok(()),
        }
    }

    /// The file of a whole download.
    pub(super) fn whole_download(&self, digest: &Digest) -> PathBuf {
        self.downloads().join(digest.hex())
    }

    fn partial_download(&self, digest: &Digest) -> PathBuf {
        self.downloads().join(digest.hex()).with_extension(PARTIAL)
    }

    /// Every download: its digest, its bytes, and whether nobody has gone on with it for long.
    pub(super) fn list_downloads(&self) -> Result<Vec<(Digest, u64, bool)>, ImageError> {
        let list = || {
            let mut found = Vec::new();
            for entry in fs::read_dir(self.downloads())? {
                let entry = entry?;
                let name = entry.path().file_stem().map(|stem| stem.to_string_lossy().into_owned());
                let digest = name.and_then(|hex| format!("sha256:{hex}").parse().ok());
                let facts = entry.metadata()?;
                let age = SystemTime::now().duration_since(facts.modified()?).unwrap_or_default();
                if let Some(digest) = digest {
                    found.push((digest, facts.len(), age > KEPT));
                }
            }
            Ok(found)
        };
        list().map_err(ImageError::store("reading the downloads"))
    }

    /// Removes a download, whole or not.
    pub(super) fn remove_download(&self, digest: &Digest) -> Result<(), ImageError> {
        let _ = fs::remove_file(self.whole_download(digest));
        self.discard_download(digest)
    }
}
