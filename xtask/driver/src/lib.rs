//! An agent of one's own and a client of one thread, without a runtime: for whoever measures Porthole or wears it out.

mod agent;
mod client;
mod http;
mod numbers;
mod resuming;

pub use agent::Agent;
pub use client::{Attached, Client, Gone, Incoming, Refused};
pub use http::{containers, http};
pub use numbers::Numbers;
pub use resuming::{Event, Opening, Resuming};
