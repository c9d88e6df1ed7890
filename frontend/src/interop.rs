//! The browser, fenced in: each module hides one part of it behind plain Rust.

pub mod browser;
pub mod element;
pub mod files;
pub mod focus;
pub mod keys;
pub mod player;
pub mod terminal;
pub mod window;
