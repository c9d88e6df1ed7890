//! Debian's kernel, uncompressed, and the modules that the machine needs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::step::quietly;
use crate::workspace::tools;

/// A kernel ready to boot.
pub(super) struct Kernel {
    /// The ELF image: without firmware and decompression it boots five seconds sooner.
    pub(super) image: PathBuf,
    /// Its modules, in the order to load them.
    pub(super) modules: Vec<PathBuf>,
}

/// What the machine needs beyond what is built in, each after those it depends on.
const MODULES: [&str; 19] = [
    "virtio_ring",
    "virtio",
    "virtio_pci_legacy_dev",
    "virtio_pci_modern_dev",
    "virtio_pci",
    "virtio_blk",
    "netfs",
    "fscache",
    "9pnet",
    "9p",
    "9pnet_virtio",
    "overlay",
    "crc16",
    "crc32c_generic",
    "mbcache",
    "jbd2",
    "ext4",
    "quota_tree",
    "quota_v2",
];

/// The newest kernel of this Debian's 6.1 series, which is the oldest that Porthole supports; kept for the next time.
///
/// # Errors
/// When it cannot be fetched or is not as expected.
pub(super) fn ensure() -> Result<Kernel> {
    let package = newest()?;
    let dir = tools()?.join("kernels").join(&package);
    let image = dir.join("vmlinux");
    if !image.exists() {
        fs::create_dir_all(&dir)?;
        quietly(Command::new("apt-get").args(["download", &package]).current_dir(&dir))?;
        let archive = only(&dir, "deb")?;
        quietly(Command::new("dpkg-deb").arg("-x").arg(&archive).arg(&dir))?;
        fs::remove_file(archive)?;
        // Last, because its presence says that the rest is complete.
        decompress(&only(&dir.join("boot"), "")?, &image)?;
    }
    let modules = MODULES
        .iter()
        .map(|name| find(&dir.join("lib/modules"), &format!("{name}.ko")))
        .collect::<Result<_>>()?;
    Ok(Kernel { image, modules })
}

fn newest() -> Result<String> {
    let search = |pattern| -> Result<Option<String>> {
        let output = Command::new("apt-cache").args(["search", "--names-only", pattern]).output()?;
        let text = String::from_utf8(output.stdout)?;
        let mut names: Vec<_> =
            text.lines().filter_map(|line| line.split(' ').next()).map(String::from).collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        Ok(names.pop())
    };
    const PATTERN: &str = "^linux-image-6[.]1[.]0-[0-9]+-amd64$";
    if let Some(name) = search(PATTERN)? {
        return Ok(name);
    }
    quietly(Command::new("apt-get").arg("update"))?;
    search(PATTERN)?.context("this system's archive has no Linux 6.1: `cargo xtask vm` needs Debian 12")
}

/// Takes the kernel proper, an xz stream, out of the self-extracting image.
fn decompress(compressed: &Path, image: &Path) -> Result<()> {
    const MAGIC: &[u8] = b"\xfd7zXZ\0";
    let bytes = fs::read(compressed)?;
    let start = bytes.windows(MAGIC.len()).position(|window| window == MAGIC);
    let start = start.with_context(|| format!("{} holds no xz stream", compressed.display()))?;
    let stream = image.with_extension("xz");
    fs::write(&stream, &bytes[start..])?;
    let partial = image.with_extension("partial");
    let status = Command::new("xz")
        .args(["--single-stream", "-dc"])
        .stdin(File::open(&stream)?)
        .stdout(File::create(&partial)?)
        .stderr(Stdio::inherit())
        .status()?;
    fs::remove_file(stream)?;
    if !status.success() {
        bail!("{} cannot be decompressed: {status}", compressed.display());
    }
    fs::rename(partial, image)?;
    Ok(())
}

/// The one file of the folder with this extension (or, for the image, that begins with `vmlinuz`).
fn only(dir: &Path, extension: &str) -> Result<PathBuf> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if extension.is_empty() && name.starts_with("vmlinuz")
            || !extension.is_empty() && name.ends_with(extension)
        {
            return Ok(path);
        }
    }
    bail!("{} does not hold what was expected", dir.display())
}

fn find(dir: &Path, name: &str) -> Result<PathBuf> {
    let found = walkdir::WalkDir::new(dir).into_iter().flatten().find(|entry| entry.file_name() == name);
    Ok(found.with_context(|| format!("the kernel has no module {name}"))?.into_path())
}
