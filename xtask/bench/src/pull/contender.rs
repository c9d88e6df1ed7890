//! Who pulls.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use porthole_peers::{Docker, Podman, missing};
use tempfile::TempDir;

use crate::ours::{Ours, succeed};

/// One of them.
pub(super) struct Contender {
    pub(super) name: &'static str,
    pub(super) engine: Box<dyn Engine>,
}

/// What pulls images.
pub(super) trait Engine {
    /// Pulls an image: unpacked and ready to run afterwards.
    fn pull(&mut self, image: &str) -> Result<()>;
    /// Removes images, all that was pulled with them.
    fn remove(&mut self, images: &[&str]) -> Result<()>;
}

/// Ours first, then those that are installed.
pub(super) fn all(porthole: &Path) -> Result<Vec<Contender>> {
    let ours: Box<dyn Engine> = Box::new(Ours::start(porthole)?);
    let mut all = vec![Contender { name: "porthole", engine: ours }];
    let mut add = |name, programs: &[&str], start: &dyn Fn() -> Result<Box<dyn Engine>>| -> Result<()> {
        let missing = missing(programs);
        if missing.is_empty() {
            all.push(Contender { name, engine: start()? });
        } else {
            println!("left out: {name}, not installed: {}", missing.join(", "));
        }
        Ok(())
    };
    add("docker", &Docker::PROGRAMS, &|| Ok(Box::new(Docker::start()?)))?;
    add("podman", &Podman::PROGRAMS, &|| Ok(Box::new(Podman::new()?)))?;
    add("skopeo + umoci", &["skopeo", "umoci"], &|| Ok(Box::new(Tools(tempfile::tempdir()?))))?;
    Ok(all)
}

impl Engine for Ours {
    fn pull(&mut self, image: &str) -> Result<()> {
        self.ok(&["pull", "-q", image])
    }

    fn remove(&mut self, images: &[&str]) -> Result<()> {
        self.ok(&[&["rmi"], images].concat())
    }
}

impl Engine for Docker {
    fn pull(&mut self, image: &str) -> Result<()> {
        succeed(&mut self.engine.command(&["pull", "-q", image]))
    }

    fn remove(&mut self, images: &[&str]) -> Result<()> {
        succeed(&mut self.engine.command(&[&["rmi"], images].concat()))
    }
}

impl Engine for Podman {
    fn pull(&mut self, image: &str) -> Result<()> {
        succeed(&mut self.engine.command(&["pull", "-q", "--tls-verify=false", image]))
    }

    fn remove(&mut self, images: &[&str]) -> Result<()> {
        succeed(&mut self.engine.command(&[&["rmi"], images].concat()))
    }
}

/// skopeo fetches into an OCI layout, umoci unpacks it into a bundle for a runtime.
struct Tools(TempDir);

impl Engine for Tools {
    fn pull(&mut self, image: &str) -> Result<()> {
        let tag = image.rsplit(':').next().unwrap_or_default();
        let layout = self.0.path().join("layout").display().to_string();
        let (from, to) = (format!("docker://{image}"), format!("oci:{layout}:{tag}"));
        let words = ["--insecure-policy", "copy", "--quiet", "--src-tls-verify=false", &from, &to];
        succeed(Command::new("skopeo").args(words))?;
        let bundle = self.0.path().join(tag);
        if bundle.exists() {
            return Ok(());
        }
        succeed(Command::new("umoci").args(["unpack", "--image", &format!("{layout}:{tag}")]).arg(bundle))
    }

    fn remove(&mut self, _: &[&str]) -> Result<()> {
        for entry in fs::read_dir(self.0.path())? {
            fs::remove_dir_all(entry?.path())?;
        }
        Ok(())
    }
}
