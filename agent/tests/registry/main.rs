//! Images from and to registries: Debian's `docker-registry` on loopback, one behind a line that breaks, and one that lies.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![allow(unreachable_pub, reason = "each file is a module of this one program")]
#![allow(dead_code, reason = "helpers are shared with other programs")]

#[path = "../image/archives.rs"]
mod archives;
#[path = "../image/craft.rs"]
mod craft;
#[path = "../image/dirs.rs"]
mod dirs;
#[path = "../support/mod.rs"]
mod support;

mod broken_line;
mod honest;
mod hostile;
mod liar;
mod real;
mod store;
mod whole;
