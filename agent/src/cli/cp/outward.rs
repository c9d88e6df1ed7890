//! From a container to here.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use tar::{Archive, EntryType};

use super::Keeping;
use super::extract::{Destination, ExtractError};
use super::place::{Spot, split};
use super::remote::{Incoming, Remote};
use crate::cli::failure::{Failure, reason, warn};

/// Copies.
///
/// # Errors
/// Any [`Failure`] of the agent, of the way to it, or of a file that cannot be written.
pub(super) async fn copy(
    remote: &Remote<'_>,
    from: &Spot,
    to: &Spot,
    keeping: Keeping,
) -> Result<(), Failure> {
    let path = match keeping.follow || from.is_directory() {
        true => remote.follow(&from.clean()).await?.0,
        false => from.clean(),
    };
    // Its own name, even when it was a link that was followed.
    let name = split(&from.clean()).map(|(_, name)| OsString::from(name)).filter(|_| !from.is_contents());
    let source = Source { name, directory_only: from.is_directory(), has_member: path != "/" };
    let to = to.clone();
    remote.read(&path, move |archive| write(archive, &source, &to, keeping)).await
}

/// What is copied.
struct Source {
    /// The name that it has in an existing directory; none for only what is in it.
    name: Option<OsString>,
    /// Whether it must be a directory.
    directory_only: bool,
    /// Whether the archive's first component is the thing itself.
    has_member: bool,
}

fn write(
    archive: &mut Archive<Incoming>,
    source: &Source,
    to: &Spot,
    keeping: Keeping,
) -> Result<(), Failure> {
    let mut entries = archive.entries().map_err(lost)?.peekable();
    let directory = match entries.peek() {
        _ if !source.has_member => true,
        Some(Ok(first)) => first.header().entry_type() == EntryType::Directory,
        Some(Err(error)) => return Err(Failure::Lost(error.to_string())),
        None => return Err(Failure::Lost("the archive is empty".into())),
    };
    if source.directory_only && !directory {
        return Err(Failure::local("The source is no directory.", ""));
    }
    let (into, name) = place(to, directory, source.name.as_deref())?;
    let unusable = |error: io::Error| {
        Failure::local(format!("'{}' cannot be written to: {}.", into.display(), reason(&error)), "")
    };
    let mut destination = Destination::open(&into, keeping.owner).map_err(unusable)?;
    if let (Some(name), false) = (&name, source.has_member) {
        destination.make_directory(name).map_err(|error| told(&error))?;
    }
    for entry in entries {
        let entry = entry.map_err(lost)?;
        destination.add(entry, source.has_member, name.as_deref()).map_err(|error| told(&error))?;
    }
    let left_out = destination.finish().map_err(|error| told(&error))?;
    if left_out > 0 {
        warn(&format!("{left_out} devices and pipes are left out."), "");
    }
    Ok(())
}

/// The directory to write into, and the name to write by; none to write only what is in the source.
fn place(to: &Spot, directory: bool, own: Option<&OsStr>) -> Result<(PathBuf, Option<OsString>), Failure> {
    let path = Path::new(to.text());
    let refused = |why: &str| Err(Failure::local(format!("'{}' {why}.", path.display()), ""));
    match path.metadata() {
        Ok(about) if about.is_dir() => Ok((path.to_owned(), own.map(OsStr::to_owned))),
        Ok(_) if directory => refused("is no directory"),
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            refused(&format!("cannot be used: {}", reason(&error)))
        }
        _ if to.is_directory() && !directory => refused("is no directory"),
        _ => {
            let Some(name) = path.file_name() else { return refused("has no name") };
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            Ok((parent.unwrap_or(Path::new(".")).to_owned(), Some(name.to_owned())))
        }
    }
}

fn lost(error: io::Error) -> Failure {
    Failure::Lost(error.to_string())
}

fn told(error: &ExtractError) -> Failure {
    Failure::local(error.to_string(), "What was copied until then stays.")
}
