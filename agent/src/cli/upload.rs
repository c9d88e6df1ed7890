//! `import` and `load`: bring images in from archives.

use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::ProgressBarIter;
use porthole_protocol::image::ImageSummary;
use tokio::fs::File;
use tokio::io::{AsyncRead, stdin};

use super::client::{Client, encoded};
use super::failure::{Failure, reason};
use super::meter;
use super::output::print;
use super::terminal::input_is_terminal;

/// Endings that a root file system's archive may have; they are no part of its name.
const ARCHIVE_ENDINGS: [&str; 7] = [".tar.gz", ".tar.zst", ".tar", ".tgz", ".tzst", ".gz", ".zst"];

/// Arguments of `import`.
#[derive(Clone, Debug, Args)]
pub struct ImportArgs {
    /// The archive of a root file system (tar, also with gzip or zstd); - reads standard input.
    pub file: PathBuf,
    /// Name of the image, `REPOSITORY[:TAG]`; else the file's name.
    pub name: Option<String>,
}

/// Arguments of `load`.
#[derive(Clone, Debug, Args)]
pub struct LoadArgs {
    /// The archive, of 'docker save' or an OCI layout; else standard input.
    #[arg(short, long, value_name = "FILE")]
    pub input: Option<PathBuf>,
}

type Archive = ProgressBarIter<Box<dyn AsyncRead + Send + Sync + Unpin>>;

/// Runs `import`: prints the new image's id.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it, or a file that cannot be read.
pub(super) async fn import(client: &Client, args: &ImportArgs) -> Result<(), Failure> {
    let from_stdin = args.file == Path::new("-");
    let name = match &args.name {
        Some(name) => name.clone(),
        None if from_stdin => {
            return Err(Failure::local(
                "An image from standard input needs a name.",
                "Add REPOSITORY[:TAG] after '-'.",
            ));
        }
        None => name_of(&args.file).ok_or_else(|| {
            Failure::local("The file's name makes no image name.", "Add REPOSITORY[:TAG] after the file.")
        })?,
    };
    let archive = open((!from_stdin).then_some(args.file.as_path())).await?;
    let image: ImageSummary =
        client.upload(&format!("images/import?name={}", encoded(&name)), archive).await?;
    print(format_args!("{}\n", image.id))
}

/// Runs `load`: prints the names of the images that came in.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it, or a file that cannot be read.
pub(super) async fn load(client: &Client, args: &LoadArgs) -> Result<(), Failure> {
    let archive = open(args.input.as_deref()).await?;
    let images: Vec<ImageSummary> = client.upload("images/load", archive).await?;
    let mut text = String::new();
    for image in &images {
        let names = if image.names.is_empty() { std::slice::from_ref(&image.id) } else { &image.names[..] };
        text.extend(names.iter().map(|name| format!("Loaded image: {name}\n")));
    }
    print(text)
}

async fn open(file: Option<&Path>) -> Result<Archive, Failure> {
    let Some(file) = file else {
        if input_is_terminal() {
            return Err(Failure::local(
                "Standard input is a terminal, not an archive.",
                "Name a file, or send the archive through a pipe.",
            ));
        }
        return Ok(meter::of("Sending", None).wrap_async_read(Box::new(stdin())));
    };
    let unreadable =
        |why: &str| Failure::local(format!("The file '{}' cannot be read: {why}.", file.display()), "");
    let opened = File::open(file).await.map_err(|error| unreadable(&reason(&error)))?;
    let about = opened.metadata().await.map_err(|error| unreadable(&reason(&error)))?;
    if about.is_dir() {
        return Err(unreadable("it is a directory"));
    }
    let total = about.is_file().then_some(about.len());
    Ok(meter::of("Sending", total).wrap_async_read(Box::new(opened)))
}

/// The image name that a file's name makes: without its endings, in lower case.
fn name_of(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?.to_ascii_lowercase();
    let stem = ARCHIVE_ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    (!stem.is_empty()).then(|| stem.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_after_its_file() {
        let named = |file: &str| name_of(Path::new(file));
        assert_eq!(named("/tmp/Alpine-3.22.tar.gz").as_deref(), Some("alpine-3.22"));
        assert_eq!(named("rootfs.tar").as_deref(), Some("rootfs"));
        assert_eq!(named("plain").as_deref(), Some("plain"));
        assert_eq!(named(".tar"), None);
        assert_eq!(named("/"), None);
    }
}
