//! Every type that crosses the wire between a browser, the command line and the agent.
//!
//! The crate does no I/O, reads no clock and holds no randomness, so the page (wasm32) and the agent (native)
//! compile the very same definitions and cannot disagree. `docs/protocol.md` describes the same surface in words;
//! `tests/wire_snapshot.rs` freezes it.
#![forbid(unsafe_code)]

pub mod control;
pub mod doctor;
pub mod error;
pub mod files;
pub mod frame;
pub mod http;
pub mod ids;
pub mod image;
pub mod kernel;
pub mod limits;
pub mod recording;
pub mod resume;
pub mod session;
pub mod spec;
mod tagged;
pub mod version;
