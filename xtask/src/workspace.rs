//! Where things are.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the repository.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("xtask is a folder of the repository").to_path_buf()
}

/// Cargo's target directory, as the cargo that started us uses it.
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// Where things lie that are slow to make and serve every clone of the repository.
pub fn cache() -> Result<PathBuf> {
    let cache = match env::var_os("XDG_CACHE_HOME") {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(cache.join("porthole"))
}

/// Where tools that Porthole's build needs are installed, each in a folder that carries its version.
pub fn tools() -> Result<PathBuf> {
    Ok(cache()?.join("tools"))
}

/// Looks a program up in PATH.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|candidate| candidate.is_file())
}

/// Whether a folder of this name holds what was made or fetched, not what somebody wrote.
pub fn is_generated(folder: &str) -> bool {
    matches!(folder, "target" | "node_modules" | "dist" | "gen" | "out" | ".git")
}
