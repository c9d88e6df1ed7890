//! Debian's kernel, uncompressed, and the modules that the machine needs.

use std::collections::HashMap;
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

/// What the machine needs beyond what is built in; what these depend on comes before them by itself.
const MODULES: [&str; 22] = [
    // Its disk, and this machine's file system. The check sums are asked for by name.
    "virtio_pci",
    "virtio_blk",
    "9pnet_virtio",
    "9p",
    "crc32c_generic",
    "ext4",
    "quota_v2",
    // Containers.
    "overlay",
    "loop",
    // Their networks.
    "veth",
    "bridge",
    "nf_conntrack_netlink",
    "nf_tables",
    "nft_chain_nat",
    "nft_connlimit",
    "nft_ct",
    "nft_fib_inet",
    "nft_limit",
    "nft_masq",
    "nft_meta_bridge",
    "nft_nat",
    "nft_reject_inet",
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
    let all = all_modules(&dir.join("lib/modules"));
    let mut modules = Vec::new();
    for name in MODULES {
        add(name, &all, &mut modules)?;
    }
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

/// Every module of the kernel by its name.
fn all_modules(dir: &Path) -> HashMap<String, PathBuf> {
    let files = walkdir::WalkDir::new(dir).into_iter().flatten().map(walkdir::DirEntry::into_path);
    let modules = files.filter(|path| path.extension().is_some_and(|extension| extension == "ko"));
    modules.filter_map(|path| Some((path.file_stem()?.to_str()?.replace('-', "_"), path))).collect()
}

/// Adds a module after those it depends on, once.
fn add(name: &str, all: &HashMap<String, PathBuf>, chosen: &mut Vec<PathBuf>) -> Result<()> {
    let path = all.get(name).with_context(|| format!("the kernel has no module {name}"))?;
    if chosen.contains(path) {
        return Ok(());
    }
    let file = fs::read(path)?;
    for before in dependencies(&file) {
        add(&before, all, chosen)?;
    }
    chosen.push(path.clone());
    Ok(())
}

/// What a module says that it depends on, among the strings in its section `.modinfo`.
fn dependencies(file: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = file.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let value = file[at + KEY.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(value).into_owned();
    names.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_says_what_it_depends_on() {
        let file = b"ELF\0license=GPL\0depends=jbd2,crc-16\0name=ext4\0";
        assert_eq!(dependencies(file), ["jbd2", "crc_16"]);
        assert!(dependencies(b"\0depends=\0name=loop\0").is_empty());
        assert!(dependencies(b"").is_empty());
    }

    #[test]
    fn what_a_module_depends_on_is_loaded_before_it_and_once() {
        let dir = tempfile::tempdir().unwrap();
        for (name, needs) in [("a", "b,c"), ("b", "c"), ("c", "")] {
            fs::write(dir.path().join(format!("{name}.ko")), format!("\0depends={needs}\0")).unwrap();
        }
        let (all, mut chosen) = (all_modules(dir.path()), Vec::new());
        add("a", &all, &mut chosen).unwrap();
        let names: Vec<_> = chosen.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
        assert_eq!(names, ["c", "b", "a"]);
        assert!(add("none", &all, &mut chosen).is_err());
    }
}
