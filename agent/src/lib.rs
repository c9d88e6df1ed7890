//! Porthole's agent: the process that speaks HTTP and WebSocket, without any privilege.

pub(crate) mod async_fd;
pub mod engine;
pub mod image;
pub(crate) mod terminal;
