//! A registry on a loopback address.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::json;
use tempfile::TempDir;

use crate::process::Daemon;

/// The registry; ended when dropped, its images with it.
pub struct Registry {
    /// Dropped before its directory.
    _daemon: Daemon,
    _dir: TempDir,
    address: SocketAddr,
}

impl Registry {
    /// What has to be installed.
    pub const PROGRAMS: [&str; 2] = ["docker-registry", "skopeo"];

    /// Starts an empty one and waits until it listens.
    ///
    /// # Errors
    /// When it does not start; the error is its log.
    pub fn start() -> Result<Self> {
        Self::start_with(None)
    }

    /// The same for one that lets in only those in `passwords`, as `htpasswd -B` writes them.
    ///
    /// # Errors
    /// As [`Registry::start`].
    pub fn start_closed(passwords: &str) -> Result<Self> {
        Self::start_with(Some(passwords))
    }

    fn start_with(passwords: Option<&str>) -> Result<Self> {
        let dir = TempDir::with_prefix("porthole-registry-")?;
        // It does not say which port it was given: one that was free a moment ago is.
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let mut config = json!({
            "version": "0.1",
            "log": { "level": "error", "accesslog": { "disabled": true } },
            "storage": { "filesystem": { "rootdirectory": dir.path().join("data") } },
            "http": { "addr": address.to_string() },
        });
        if let Some(passwords) = passwords {
            let file = dir.path().join("passwords");
            fs::write(&file, passwords)?;
            config["auth"] = json!({ "htpasswd": { "realm": "porthole", "path": file } });
        }
        // JSON is YAML as well.
        let file = dir.path().join("config.yml");
        fs::write(&file, config.to_string())?;
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&file);
        let daemon = Daemon::start(command, dir.path(), || TcpStream::connect(address).is_ok())?;
        Ok(Self { _daemon: daemon, _dir: dir, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The whole name of an image in it.
    #[must_use]
    pub fn name(&self, image: &str) -> String {
        format!("{}/{image}", self.address)
    }

    /// Copies an image into it with skopeo, from a place as skopeo names it, such as `oci-archive:FILE`.
    ///
    /// # Errors
    /// When skopeo does not succeed.
    pub fn fill(&self, from: &str, image: &str) -> Result<()> {
        let to = format!("docker://{}", self.name(image));
        skopeo(&["copy", "--quiet", "--dest-tls-verify=false", from, &to], Path::new("/"))
    }
}

/// Runs skopeo in a directory.
fn skopeo(words: &[&str], dir: &Path) -> Result<()> {
    let output = Command::new("skopeo")
        .arg("--insecure-policy")
        .args(words)
        .current_dir(dir)
        .output()
        .context("cannot start skopeo")?;
    if !output.status.success() {
        bail!("skopeo {}: {}", words.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
