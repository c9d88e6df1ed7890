//! What the layers below a writable one have in a directory of it.

use std::os::fd::AsFd;

use rustix::fs::OFlags;

use super::meta::{Meta, is_opaque};
use super::refusal::Result;
use super::stack::{Found, Stack};
use super::walk::Entry;

/// Files that every container is given from outside the layers; what a container makes of them is of no image.
const GIVEN: [&[u8]; 3] = [b"etc/hosts", b"etc/hostname", b"etc/resolv.conf"];

/// The directory's parts below, and whether the writable layer's own part hides them.
pub(super) struct Below {
    pub(super) parts: Vec<usize>,
    pub(super) hidden: bool,
}

impl Below {
    /// Below the root of the stack's topmost layer.
    pub(super) fn root(stack: Stack<'_>) -> Self {
        Self { parts: stack.parts(1), hidden: false }
    }

    /// What was at the path of an entry before the writable layer.
    pub(super) fn find(&self, stack: Stack<'_>, path: &[u8]) -> Result<Option<Found>> {
        if self.parts.is_empty() { Ok(None) } else { stack.find(&self.parts, path) }
    }

    /// Below an entry that is a directory, where `before` was; none for anything else.
    pub(super) fn of(&self, entry: &Entry<'_>, before: Option<Found>) -> Result<Option<Self>> {
        if !entry.meta.is_directory() {
            return Ok(None);
        }
        let Some(directory) = entry.open(OFlags::RDONLY | OFlags::DIRECTORY)? else { return Ok(None) };
        let hidden = self.hidden || is_opaque(directory.as_fd());
        Ok(Some(Self { parts: before.map(|found| found.seen.parts).unwrap_or_default(), hidden }))
    }
}

/// Whether an entry is one of the files that every container is given.
pub(super) fn is_given(path: &[u8], meta: &Meta) -> bool {
    !meta.is_directory() && GIVEN.contains(&path)
}
