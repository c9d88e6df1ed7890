//! What the kernel says about containers, parsed from its texts.

pub(crate) mod capabilities;
