//! The WebSocket and its owner.

pub mod client;
pub mod socket;
