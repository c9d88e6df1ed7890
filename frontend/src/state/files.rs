//! Where files are looked at.

use porthole_protocol::ids::ContainerId;

/// What has a file tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An image, by name or id.
    Image(String),
    /// A container.
    Container(ContainerId),
}
