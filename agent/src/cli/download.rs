//! `save` and `export`: archives from the agent to a file or standard output.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tempfile::NamedTempFile;
use tokio::fs::File;
use tokio::io::{AsyncWrite, AsyncWriteExt, stdout};

use super::client::{Client, container_path, encoded};
use super::failure::{Failure, reason};
use super::meter;
use super::signals::or_interrupted;
use super::terminal::output_is_terminal;

/// Arguments of `save`.
#[derive(Clone, Debug, Args)]
pub struct SaveArgs {
    /// Write to this file; else to standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The images: names or ids.
    #[arg(required = true)]
    pub images: Vec<String>,
}

/// Arguments of `export`.
#[derive(Clone, Debug, Args)]
pub struct ExportArgs {
    /// Write to this file; else to standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The container, by id, unique start of it, or name.
    pub container: String,
}

/// Runs `save`.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it, or a file that cannot be written.
pub(super) async fn save(client: &Client, args: &SaveArgs) -> Result<(), Failure> {
    let names: Vec<String> = args.images.iter().map(|name| format!("name={}", encoded(name))).collect();
    fetch(client, &format!("images/save?{}", names.join("&")), args.output.as_deref()).await
}

/// Runs `export`.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it, or a file that cannot be written.
pub(super) async fn export(client: &Client, args: &ExportArgs) -> Result<(), Failure> {
    let path = format!("{}/export", container_path(&args.container));
    fetch(client, &path, args.output.as_deref()).await
}

/// Gets an archive, or another file. It gets its name when all of it is there, so that no part is taken for the whole.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it, or a file that cannot be written.
pub(super) async fn fetch(client: &Client, path: &str, file: Option<&Path>) -> Result<(), Failure> {
    let Some(file) = file else { return to_stdout(client, path).await };
    let refused = |error: io::Error| {
        Failure::local(format!("The file '{}' cannot be written: {}.", file.display(), reason(&error)), "")
    };
    or_interrupted("Nothing was written.", async {
        let archive = client.stream(path).await?;
        if file.exists() && !file.is_file() {
            let device = File::options().write(true).open(file).await.map_err(refused)?;
            return pour(archive, device, refused).await;
        }
        let part = beside(file).map_err(refused)?;
        let handle = part.reopen().map_err(refused)?;
        pour(archive, File::from_std(handle), refused).await?;
        part.persist(file).map_err(|error| refused(error.error)).map(drop)
    })
    .await
}

/// Gets an archive onto standard output.
///
/// # Errors
/// [`Failure::Local`] when that is a terminal, any [`Failure`] of the agent or the way to it.
pub(super) async fn to_stdout(client: &Client, path: &str) -> Result<(), Failure> {
    if output_is_terminal() {
        return Err(Failure::local(
            "This is nothing for a terminal.",
            "Send standard output to a file or through a pipe.",
        ));
    }
    pour(client.stream(path).await?, stdout(), Failure::from).await
}

/// A file in the same directory that goes when it is dropped, with the permissions of any new file.
fn beside(file: &Path) -> io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    tempfile::Builder::new()
        .prefix(".porthole-")
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(directory)
}

async fn pour(
    mut archive: Incoming,
    mut sink: impl AsyncWrite + Unpin,
    refused: impl Fn(io::Error) -> Failure,
) -> Result<(), Failure> {
    let meter = meter::of("Receiving", None);
    while let Some(frame) = archive.frame().await {
        let frame = frame.map_err(|error| Failure::Lost(error.to_string()))?;
        if let Ok(data) = frame.into_data() {
            sink.write_all(&data).await.map_err(&refused)?;
            meter.inc(data.len() as u64);
        }
    }
    sink.flush().await.map_err(refused)
}
