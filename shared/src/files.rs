//! Files of images and containers: what a layer changed, and which layer a file comes from.

use serde::{Deserialize, Serialize};

/// What happened to a path, as `porthole diff` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It was not there before.
    Added,
    /// Its content or attributes differ, or something below a directory does.
    Changed,
    /// It is there no longer.
    Deleted,
    /// A kind of a newer agent.
    #[serde(other)]
    Unknown,
}

impl ChangeKind {
    /// The letter that `docker diff` gives it.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::Added => 'A',
            Self::Changed => 'C',
            Self::Deleted => 'D',
            Self::Unknown => '?',
        }
    }
}

/// One line of `porthole diff`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// Absolute path inside; bytes that are not UTF-8 are replaced.
    pub path: String,
}

/// Everything a container's writable layer holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Changes {
    /// In the order of their paths.
    pub changes: Vec<Change>,
    /// Bytes on disk of the writable layer.
    pub bytes: u64,
    /// Whether there are more than [`MAX_CHANGES`](crate::limits::MAX_CHANGES), which are left out.
    pub truncated: bool,
}

/// What a directory's entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A FIFO, socket or device.
    #[serde(other)]
    Special,
}

/// An entry of a directory, in the stack of layers that was asked about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileEntry {
    /// Its name; bytes that are not UTF-8 are replaced, and such an entry cannot be asked for.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
    /// Size of a regular file, in bytes; 0 for anything else.
    pub bytes: u64,
    /// Permissions, set-id and sticky bits as in `stat(2)`.
    pub mode: u32,
    /// Owner as the container sees it.
    pub uid: u32,
    /// Group as the container sees it.
    pub gid: u32,
    /// Time of its last change, in milliseconds since 1970-01-01 UTC.
    pub modified_ms: i64,
    /// Where a symbolic link leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Position in [`FileTree::layers`] of the layer it comes from: the topmost one that has it. For one that was deleted, the
    /// layer that it came from before.
    pub layer: usize,
    /// What the topmost layer asked about did to it; none when it comes unchanged from below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<ChangeKind>,
}

/// One layer of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StackLayer {
    /// Its diff id; none for the writable layer of a container.
    pub diff_id: Option<String>,
    /// The instruction that made it, when the image says so.
    pub created_by: String,
    /// Unpacked bytes.
    pub bytes: u64,
}

/// A directory of an image or a container, seen through a stack of layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileTree {
    /// Its absolute path.
    pub path: String,
    /// The whole stack, topmost first. The writable layer of a container is the first one.
    pub layers: Vec<StackLayer>,
    /// Position in `layers` of the topmost layer that was looked through.
    pub from: usize,
    /// Its entries, directories first, then by name.
    pub entries: Vec<FileEntry>,
    /// Whether there are more than [`MAX_TREE_ENTRIES`](crate::limits::MAX_TREE_ENTRIES), which are left out.
    pub truncated: bool,
}
