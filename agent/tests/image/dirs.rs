//! A layer store of plain directories, for tests of the image store: unpacks with the real unpacker, in this process.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use porthole::image::{LayerStore, unpack};
use porthole_launcher::wire::{Failure, FailureKind, Place, Unpacked};
use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};

/// Called with a name before and after each thing that is done.
pub type Watcher = Arc<dyn Fn(&str) -> BoxFuture<'static, ()> + Send + Sync>;

/// Layers below a directory.
#[derive(Clone)]
pub struct Dirs {
    dir: PathBuf,
    watcher: Watcher,
}

impl Dirs {
    pub fn new(dir: &Path) -> Arc<Self> {
        Self::watched(dir, Arc::new(|_| async {}.boxed()))
    }

    pub fn watched(dir: &Path, watcher: Watcher) -> Arc<Self> {
        fs::create_dir_all(dir).unwrap();
        Arc::new(Self { dir: dir.to_owned(), watcher })
    }
}

fn failure(kind: FailureKind, message: &str) -> Failure {
    Failure { kind, message: message.to_owned() }
}

impl LayerStore for Dirs {
    fn unpack(&self, layer: String, tar: OwnedFd) -> BoxFuture<'_, Result<Unpacked, Failure>> {
        let dir = self.dir.join(layer);
        let work = move || {
            fs::create_dir(&dir).map_err(|error| failure(FailureKind::InUse, &error.to_string()))?;
            let unpacked = unpack::apply(File::from(tar), File::open(&dir).unwrap().as_fd());
            unpacked.map_err(|why| {
                fs::remove_dir_all(&dir).unwrap();
                failure(FailureKind::BadArchive, &why)
            })
        };
        async move {
            (self.watcher)("before unpack").await;
            let done = tokio::task::spawn_blocking(work).await.unwrap();
            (self.watcher)("after unpack").await;
            done
        }
        .boxed()
    }

    fn remove_layer(&self, layer: String) -> BoxFuture<'_, Result<(), Failure>> {
        async move {
            (self.watcher)("before remove").await;
            let removed = fs::remove_dir_all(self.dir.join(layer));
            (self.watcher)("after remove").await;
            removed.map_err(|error| failure(FailureKind::NoSuchLayer, &error.to_string()))
        }
        .boxed()
    }

    fn open_file(&self, layers: Vec<String>, path: String) -> BoxFuture<'_, Result<OwnedFd, Failure>> {
        async move {
            (self.watcher)("open file").await;
            let missing = || failure(FailureKind::NoSuchFile, "There is no such file.");
            for layer in layers {
                let root = File::open(self.dir.join(layer)).map_err(|_| missing())?;
                let opened =
                    openat2(&root, path.as_str(), OFlags::RDONLY, Mode::empty(), ResolveFlags::IN_ROOT);
                if let Ok(file) = opened {
                    return Ok(file);
                }
            }
            Err(missing())
        }
        .boxed()
    }

    fn work(
        &self,
        _place: Place,
        _pause: bool,
        _job: Vec<u8>,
        _input: OwnedFd,
        _output: OwnedFd,
    ) -> BoxFuture<'_, Result<(), Failure>> {
        async { Err(failure(FailureKind::Unsupported, "Plain directories have no jail.")) }.boxed()
    }
}
