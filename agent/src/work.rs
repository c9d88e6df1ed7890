//! Jobs on the files of images and containers, done in a jail of the launcher's.
//!
//! A tenant can write any name, link and attribute, and change them at any moment; so whatever walks through its files
//! runs in a process that can reach nothing else. [`run`] is that process's whole program: it is given descriptors, what
//! to read and what to write. The launcher calls it by pointer and knows nothing of files.
//!
//! ```text
//! asking ─── Job ─▶ launcher ─▶ jail: run ─▶ changes, pack, tree      a stack of layers, each by itself
//!    ▲                            │          root, extract            the root as the container sees it
//!    └────────── answer ◀─ pipe ──┘
//! ```
//!
//! Answers are one JSON value after its length; a job that streams writes its bytes after it. A job that fails before it has
//! written anything has failed whole; one that fails later has given a beginning that must not be taken for all.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use porthole_launcher::wire::{Failure, FailureKind};
use porthole_protocol::files::FileEntry;
use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

pub(crate) mod asking;
mod below;
mod changes;
mod extract;
mod meta;
mod pack;
mod packer;
mod refusal;
mod root;
mod stack;
mod tarball;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

pub(crate) use tree::Listing;

use refusal::{Result, refusal, unusable};
use root::{Root, readable};
use stack::Stack;

/// What is to be done, and on which [`Place`](porthole_launcher::wire::Place).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Job {
    /// Stack: the writable layer as the archive of a layer. Answer: nothing, then the archive.
    Pack,
    /// Stack: what is in the writable layer. Answer: [`Changes`](porthole_protocol::files::Changes).
    Changes,
    /// Stack: bytes on disk of the writable layer. Answer: the number.
    DiskBytes,
    /// Stack or layers: a directory. Answer: [`Listing`].
    Tree {
        /// Absolute path.
        path: String,
        /// The topmost layer to look at.
        from: usize,
    },
    /// Stack or layers: a regular file. Answer: [`FileEntry`], then as many bytes as it says.
    ReadLayers {
        /// Absolute path.
        path: String,
        /// The topmost layer to look at.
        from: usize,
    },
    /// Root: a regular file. Answer as [`Job::ReadLayers`].
    Read {
        /// Absolute path.
        path: String,
    },
    /// Root: what is at a path; a link there is not followed. Answer: [`FileEntry`].
    Stat {
        /// Absolute path.
        path: String,
    },
    /// Root: a file, or a directory with all below it. Answer: [`FileEntry`], then a tar archive.
    Archive {
        /// Absolute path.
        path: String,
        /// The name of it in the archive; empty for only what is in the directory.
        top: String,
    },
    /// Root: write the members of the archive that is the input. Answer: nothing.
    Extract {
        /// Absolute path of an existing directory.
        path: String,
    },
    /// Root: write the input to a file, whole or not at all. Answer: nothing.
    Write {
        /// Absolute path; the directory must exist.
        path: String,
        /// Its permissions.
        mode: u32,
        /// Bytes of the input.
        bytes: u64,
    },
}

/// Does a [`Job`] on these directories. Called in a jail.
///
/// # Errors
/// Why it is not done, or not to its end.
pub fn run(job: &[u8], roots: &[OwnedFd], input: File, output: File) -> std::result::Result<(), Failure> {
    let job = serde_json::from_slice(job).ok().filter(|_| !roots.is_empty());
    let job = job.ok_or_else(|| refusal(FailureKind::BadRequest, "The job is malformed."))?;
    let (stack, root) = (Stack(roots), Root(roots[0].as_fd()));
    match job {
        Job::Pack => {
            answer(&output, &())?;
            pack::pack(stack, output)
        }
        Job::Changes => answer(&output, &changes::changes(stack)?),
        Job::DiskBytes => answer(&output, &changes::disk_bytes(stack)?),
        Job::Tree { path, from } => answer(&output, &tree::list(stack, path.as_bytes(), from)?),
        Job::ReadLayers { path, from } => {
            let (path, found) = stack.resolve(from, path.as_bytes())?;
            let opened = stack.open(found.seen.layer, &path, OFlags::RDONLY);
            send(&output, readable(&path, opened.map_err(|errno| unusable(&path, errno))?)?)
        }
        Job::Read { path } => send(&output, root.file(path.as_bytes())?),
        Job::Stat { path } => answer(&output, &root.stat(path.as_bytes())?),
        Job::Archive { path, top } => {
            let place = root.place(path.as_bytes())?;
            answer(&output, &root.stat(path.as_bytes())?)?;
            place.archive(top.as_bytes(), output)
        }
        Job::Extract { path } => extract::extract(root, path.as_bytes(), input),
        Job::Write { path, mode, bytes } => extract::write(root, path.as_bytes(), mode, bytes, input),
    }
}

/// Sends a file: what it is, and exactly as many bytes as that says.
fn send(mut output: &File, (entry, file): (FileEntry, File)) -> Result<()> {
    answer(output, &entry)?;
    let sent = io::copy(&mut file.take(entry.bytes), &mut output).map_err(|error| unsent(&error))?;
    if sent < entry.bytes {
        return Err(refusal(FailureKind::Internal, "The file became shorter while it was read."));
    }
    Ok(())
}

/// Writes an answer: its length in four bytes, the lowest first, and JSON.
fn answer(mut output: &File, answer: &impl Serialize) -> Result<()> {
    let bytes = serde_json::to_vec(answer).expect("answers have no maps with keys that JSON cannot hold");
    let length = u32::try_from(bytes.len()).expect("answers are bounded far below");
    let written = output.write_all(&length.to_le_bytes()).and_then(|()| output.write_all(&bytes));
    written.map_err(|error| unsent(&error))
}

fn unsent(error: &io::Error) -> Failure {
    refusal(FailureKind::Internal, format!("The answer cannot be sent: {error}."))
}
