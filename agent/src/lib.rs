//! Porthole's agent: the process that speaks HTTP and WebSocket, without any privilege.

pub(crate) mod async_fd;
pub mod cli;
pub(crate) mod container;
pub(crate) mod doctor;
pub mod engine;
pub mod image;
pub(crate) mod inspect;
pub(crate) mod random;
pub(crate) mod terminal;
