//! A directory to unpack into, with a canary beside it.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use porthole::image::unpack::apply;
use porthole_launcher::wire::Unpacked;

/// Owners, device nodes and capabilities can only be written by root. A test that cannot be run says so and ends.
pub fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED {test}: needs root");
    }
    root
}

/// A layer's directory; beside it a canary: a file, and a directory with a file, both private.
pub struct Layer {
    outer: tempfile::TempDir,
}

impl Layer {
    pub fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        let at = outer.path();
        fs::create_dir_all(at.join("layer")).unwrap();
        fs::create_dir(at.join("out")).unwrap();
        for canary in ["canary", "out/canary"] {
            fs::write(at.join(canary), "untouched").unwrap();
            fs::set_permissions(at.join(canary), fs::Permissions::from_mode(0o600)).unwrap();
        }
        fs::set_permissions(at.join("out"), fs::Permissions::from_mode(0o700)).unwrap();
        Self { outer }
    }

    pub fn root(&self) -> PathBuf {
        self.outer.path().join("layer")
    }

    /// Unpacks an archive, then looks at the canary.
    pub fn apply(&self, archive: &[u8]) -> Result<Unpacked, String> {
        let mut tar = tempfile::tempfile().unwrap();
        tar.write_all(archive).unwrap();
        tar.rewind().unwrap();
        self.apply_file(tar)
    }

    pub fn apply_file(&self, tar: File) -> Result<Unpacked, String> {
        let before = listing(self.outer.path(), &["layer"]);
        let root = File::open(self.root()).unwrap();
        let unpacked = apply(tar, root.as_fd());
        assert_eq!(listing(self.outer.path(), &["layer"]), before, "the canary was touched");
        assert_eq!(fs::read_to_string(self.outer.path().join("out/canary")).unwrap(), "untouched");
        unpacked
    }

    /// One line for everything below the layer's directory.
    pub fn listing(&self) -> Vec<String> {
        listing(&self.root(), &[])
    }

    /// The paths of everything below it, sorted.
    pub fn names(&self) -> Vec<String> {
        names(&self.root())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }
}

/// The paths of everything below `dir`, sorted.
pub fn names(dir: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let entry = entry.unwrap();
            names.push(entry.path().strip_prefix(dir).unwrap().to_str().unwrap().to_owned());
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            }
        }
    }
    names.sort();
    names
}

/// One line for each file below `dir` but those named: path, mode, owner, time, links, size and content or target, and
/// the attribute `user.note`.
pub fn listing(dir: &Path, without: &[&str]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(dir).unwrap().to_owned();
            if without.iter().any(|skipped| name == Path::new(skipped)) {
                continue;
            }
            let meta = fs::symlink_metadata(&path).unwrap();
            let kind = meta.file_type();
            let what = match () {
                () if kind.is_symlink() => format!("-> {}", fs::read_link(&path).unwrap().display()),
                () if kind.is_file() => format!("{} bytes, {}", meta.len(), sum(&fs::read(&path).unwrap())),
                () if kind.is_char_device() => format!("device {}", meta.rdev()),
                () if kind.is_fifo() => "fifo".into(),
                () => "directory".into(),
            };
            let links = if kind.is_dir() { 0 } else { meta.nlink() };
            let (mode, uid, gid, mtime) = (meta.mode() & 0o7777, meta.uid(), meta.gid(), meta.mtime());
            let note = xattr(&path, "user.note").map_or(String::new(), |note| format!(", {note:?}"));
            lines.push(format!(
                "{} {mode:04o} {uid}:{gid} {mtime}.{} {links} {what}{note}",
                name.display(),
                meta.mtime_nsec()
            ));
            if kind.is_dir() {
                open.push(path);
            }
        }
    }
    lines.sort();
    lines
}

/// An extended attribute, not of what a link leads to.
pub fn xattr(path: &Path, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0; 256];
    let length = rustix::fs::lgetxattr(path, name, &mut value).ok()?;
    value.truncate(length);
    Some(value)
}

fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(bytes.len() as u64, |sum, &b| sum.wrapping_mul(31).wrapping_add(b.into()))
}
