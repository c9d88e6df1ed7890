//! The WebSocket and its owner.

pub mod api;
pub mod client;
pub mod download;
pub mod http;
pub mod json;
pub mod socket;
mod tree;
pub mod upload;
