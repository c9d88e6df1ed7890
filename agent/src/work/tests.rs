//! What the tests of several jobs share, and those of no single one.

pub(super) mod layers;
mod races;
