//! Makes sure that what the program embeds exists: the page's folder, and the busybox archive or an empty file in its
//! place. `cargo xtask` makes both; a plain `cargo check` must work without.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("..");
    let page = root.join("frontend/dist");
    fs::create_dir_all(&page)?;
    println!("cargo::rerun-if-changed={}", page.display());
    let archive = root.join("target/embed/busybox.tar.gz");
    let embedded = Path::new(&env::var_os("OUT_DIR").expect("cargo sets it")).join("busybox.tar.gz");
    println!("cargo::rerun-if-changed={}", archive.display());
    if archive.is_file() { fs::copy(&archive, &embedded).map(drop) } else { fs::write(&embedded, b"") }
}
