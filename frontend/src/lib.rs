//! Porthole's page.
//!
//! - [`state`]: pure reducers and formatting. No browser types, so `cargo test` runs them natively.
//! - [`net`]: the one WebSocket and the [`net::client::Client`] that owns it. Terminal bytes go from here to the screen
//!   and never through component state.
//! - [`interop`]: everything else that touches the browser; the only `extern` blocks.
//! - [`hooks`]: contexts and effects with an owner.
//! - [`components`]: properties in, callbacks out. [`pages`] read contexts and put components together.

pub mod app;
pub mod components;
pub mod hooks;
pub mod interop;
pub mod net;
pub mod pages;
pub mod route;
pub mod state;
