//! Images from outside, for real: crafted and honest archives, unpacked as root into temporary directories and kept in a
//! store. A directory beside the layer holds a canary that nothing may touch.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]
#![allow(unreachable_pub, reason = "each file is a module of this one program")]

#[path = "image/archives.rs"]
mod archives;
#[path = "image/catalogue.rs"]
mod catalogue;
#[path = "image/craft.rs"]
mod craft;
#[path = "image/dirs.rs"]
mod dirs;
#[path = "image/honest.rs"]
mod honest;
#[path = "image/hostile.rs"]
mod hostile;
#[path = "image/layer.rs"]
mod layer;
#[path = "image/save.rs"]
mod save;
#[path = "image/sharing.rs"]
mod sharing;
#[path = "image/store.rs"]
mod store;
#[path = "image/tools.rs"]
mod tools;
