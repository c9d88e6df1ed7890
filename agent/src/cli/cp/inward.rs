//! From here into a container.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::Keeping;
use super::pack::{PackError, pack};
use super::pipe::pipe;
use super::place::{Spot, split};
use super::remote::{Found, Remote};
use crate::cli::failure::{Failure, reason};
use crate::cli::meter;

/// Copies.
///
/// # Errors
/// Any [`Failure`] of the agent, of the way to it, or of a file that cannot be read.
pub(super) async fn copy(
    from: &Spot,
    remote: &Remote<'_>,
    to: &Spot,
    keeping: Keeping,
) -> Result<(), Failure> {
    let source = Path::new(from.text());
    let followed = keeping.follow || from.is_directory();
    let about = if followed { fs::metadata(source) } else { fs::symlink_metadata(source) };
    let about = about.map_err(|error| {
        Failure::local(format!("'{}' cannot be read: {}.", source.display(), reason(&error)), "")
    })?;
    if from.is_directory() && !about.is_dir() {
        return Err(Failure::local(format!("'{}' is no directory.", source.display()), ""));
    }
    let (path, found) = remote.follow(&to.clean()).await?;
    let named = split(&path).map(|(parent, name)| (parent.to_owned(), Some(OsString::from(name))));
    let (directory, name) = match (found, named) {
        (Found::Directory, _) | (_, None) => (path, own_name(from)),
        (Found::Nothing, Some(named)) if about.is_dir() || !to.is_directory() => named,
        (Found::Other | Found::Link(_), Some(named)) if !about.is_dir() && !to.is_directory() => named,
        _ => return Err(Failure::local(format!("There is no directory '{path}' in the container."), "")),
    };
    let (mut writer, archive) = pipe();
    let source = source.to_owned();
    let packing = tokio::task::spawn_blocking(move || {
        let meter = meter::of("Sending", None);
        let packed =
            pack(&source, name.as_deref(), followed, keeping.owner, &mut meter.wrap_write(&mut writer));
        if packed.is_err() {
            writer.break_off();
        }
        packed
    });
    let (sent, packed) = tokio::join!(remote.put(&directory, archive), packing);
    match packed.expect("packing does not panic") {
        Err(PackError::Unread(why)) => Err(Failure::local(why, "")),
        // Who stopped listening has said why.
        Err(PackError::Unsent) | Ok(()) => sent,
    }
}

/// The name that the source has by itself; none when only what is in it is meant, or it is the root.
fn own_name(from: &Spot) -> Option<OsString> {
    if from.is_contents() {
        return None;
    }
    let source = Path::new(from.text());
    match source.file_name() {
        Some(name) => Some(name.to_owned()),
        None => source.canonicalize().ok()?.file_name().map(OsString::from),
    }
}
