//! Debian's `docker-registry`, on a port and a directory of its own.

use std::path::Path;

use porthole_peers::{Registry, missing};

/// A registry that runs until it is dropped.
pub struct Real {
    _registry: Registry,
    scratch: tempfile::TempDir,
    /// Where it listens.
    pub host: String,
}

impl Real {
    /// Starts one; none when it is not installed or the test is not run as root, which is said loudly.
    pub fn start(test: &str) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED {test}: needs root");
            return None;
        }
        if !missing(&["docker-registry"]).is_empty() {
            eprintln!("SKIPPED {test}: docker-registry is not installed");
            return None;
        }
        let registry = Registry::start().unwrap();
        let host = registry.address().to_string();
        Some(Self { _registry: registry, scratch: tempfile::tempdir().unwrap(), host })
    }

    /// A directory for the test's own files.
    pub fn scratch(&self) -> &Path {
        self.scratch.path()
    }
}
