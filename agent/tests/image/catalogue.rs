//! Archives that try to get out, to confuse, or to fill the disk, row by row. They go through the unpacker alone, and from
//! a client through agent and launcher into the jail.

use super::craft::Craft;

#[path = "catalogue/format.rs"]
mod format;
#[path = "catalogue/names.rs"]
mod names;

/// What is unpacked of it, or why it is refused.
#[derive(Clone, Copy)]
pub enum Outcome {
    /// These paths below the layer's directory and no other, sorted.
    Holds(&'static [&'static str]),
    /// A sentence with this in it.
    Refused(&'static str),
}

/// What the archive tries, the archive, and what becomes of it.
pub type Row = (&'static str, Vec<u8>, Outcome);

/// All of them.
pub fn rows() -> Vec<Row> {
    [names::rows(), format::rows()].concat()
}

fn new() -> Craft {
    Craft::new()
}

fn long_name(name: &[u8]) -> Craft {
    new().member(b'L', "././@LongLink", "", name, |_| {})
}
