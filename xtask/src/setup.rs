//! Installs what a fresh machine lacks. Everything is looked for first; what is there is never touched.

mod busybox;
mod debian;
mod npm;
mod peers;
mod rust;
mod tools;

pub use busybox::{image as busybox_image, image_path as busybox_image_path};
pub use debian::{Package, ensure as ensure_packages};
pub use npm::install as install_npm;
pub use peers::ensure_peers;
pub use rust::ensure_targets;
pub use tools::{Tools, cargo_fuzz, ensure as ensure_tools};
