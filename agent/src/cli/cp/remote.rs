//! Files of a container, through the agent.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use http_body_util::BodyExt;
use porthole_protocol::error::ErrorCode;
use porthole_protocol::files::{FileEntry, FileKind};
use tar::Archive;
use tokio::io::AsyncRead;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::place::{clean, split};
use crate::cli::client::{Client, container_path, encoded};
use crate::cli::failure::Failure;
use crate::cli::meter;

/// Links that may lead from one to the next, as the kernel has it (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// A container.
pub(super) struct Remote<'a> {
    client: &'a Client,
    container: &'a str,
}

/// What is at a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Directory,
    /// A symbolic link, and where it leads.
    Link(String),
    /// A file of another kind.
    Other,
}

impl<'a> Remote<'a> {
    pub(super) fn new(client: &'a Client, container: &'a str) -> Self {
        Self { client, container }
    }

    /// Where the API has the archive of this path.
    pub(super) fn archive_path(&self, path: &str) -> String {
        format!("{}/archive?path={}", container_path(self.container), encoded(path))
    }

    /// Writes the members of an archive into a directory.
    pub(super) async fn put<S>(&self, directory: &str, archive: S) -> Result<(), Failure>
    where
        S: Stream<Item = io::Result<Bytes>> + Send + Sync + 'static,
    {
        self.client.put(&self.archive_path(directory), archive).await
    }

    /// Reads the archive of a path, in a thread of its own; the first member is what is at the path.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        path: &str,
        read: impl FnOnce(&mut Archive<Incoming>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let body = self.client.stream(&self.archive_path(path)).await?;
        let bytes = StreamReader::new(body.into_data_stream().map_err(io::Error::other));
        let bytes: Box<dyn AsyncRead + Send + Unpin> =
            Box::new(meter::of("Receiving", None).wrap_async_read(bytes));
        let mut archive = Archive::new(SyncIoBridge::new(bytes));
        let reading = tokio::task::spawn_blocking(move || read(&mut archive));
        reading.await.expect("reading an archive does not panic")
    }

    /// What is at a path; a link there is not followed.
    pub(super) async fn find(&self, path: &str) -> Result<Found, Failure> {
        if path == "/" {
            return Ok(Found::Directory);
        }
        let path = format!("{}/stat?path={}", container_path(self.container), encoded(path));
        match self.client.get::<FileEntry>(&path).await {
            Ok(FileEntry { kind: FileKind::Directory, .. }) => Ok(Found::Directory),
            Ok(FileEntry { kind: FileKind::Symlink, target, .. }) => {
                Ok(Found::Link(target.unwrap_or_default()))
            }
            Ok(_) => Ok(Found::Other),
            Err(failure) if failure.is(ErrorCode::NoSuchFile) => Ok(Found::Nothing),
            Err(failure) => Err(failure),
        }
    }

    /// Follows links from a path to what they lead to.
    ///
    /// # Errors
    /// [`Failure::Local`] when they lead to each other.
    pub(super) async fn follow(&self, path: &str) -> Result<(String, Found), Failure> {
        let mut path = path.to_owned();
        for _ in 0..MAX_LINKS {
            match self.find(&path).await? {
                Found::Link(target) if target.starts_with('/') => path = clean(&target),
                Found::Link(target) => {
                    let parent = split(&path).map_or("/", |(parent, _)| parent);
                    path = clean(&format!("{parent}/{target}"));
                }
                found => return Ok((path, found)),
            }
        }
        Err(Failure::local(format!("The links at '{path}' lead to each other."), ""))
    }
}

/// An archive on its way from the agent.
pub(super) type Incoming = SyncIoBridge<Box<dyn AsyncRead + Send + Unpin>>;
