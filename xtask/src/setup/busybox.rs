//! The image that is there from the start: a root file system around one static busybox.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::debian::{Package, ensure};
use crate::elf;
use crate::stamp::Stamp;
use crate::step::step;
use crate::workspace::root;

/// Where distributions put a busybox; not all of them are static.
const PLACES: [&str; 4] = ["/usr/bin/busybox", "/bin/busybox", "/bin/busybox.static", "/usr/sbin/busybox"];

/// Directories of the image, each with its mode. The mount points among them stay empty.
const DIRECTORIES: [(&str, u32); 20] = [
    ("bin", 0o755),
    ("dev", 0o755),
    ("etc", 0o755),
    ("home", 0o755),
    ("mnt", 0o755),
    ("opt", 0o755),
    ("proc", 0o555),
    ("root", 0o700),
    ("run", 0o755),
    ("sbin", 0o755),
    ("srv", 0o755),
    ("sys", 0o555),
    ("tmp", 0o1777),
    ("usr", 0o755),
    ("usr/bin", 0o755),
    ("usr/sbin", 0o755),
    ("var", 0o755),
    ("var/log", 0o755),
    ("var/spool", 0o755),
    ("var/tmp", 0o1777),
];

const FILES: [(&str, &str); 5] = [
    ("etc/group", "root:x:0:\ndaemon:x:1:\ntty:x:5:\nusers:x:100:\nnobody:x:65534:\n"),
    (
        "etc/passwd",
        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n\
         nobody:x:65534:65534:nobody:/home:/bin/false\n",
    ),
    ("etc/profile", "export PS1='\\u@\\h:\\w\\$ '\n"),
    ("etc/shells", "/bin/sh\n/bin/ash\n"),
    ("etc/os-release", "ID=busybox\nNAME=BusyBox\nPRETTY_NAME=BusyBox\n"),
];

/// Where the archive lies, wherever cargo's target directory is: the agent's build embeds it from here.
pub fn image_path() -> PathBuf {
    root().join("target/embed/busybox.tar.gz")
}

/// Makes the archive, unless it is there and made from the same busybox.
///
/// # Errors
/// When there is no static busybox and none can be installed.
pub fn image() -> Result<()> {
    ensure(&[Package {
        name: "busybox-static",
        purpose: "the image that is there from the start",
        present: || find().is_some(),
    }])?;
    let busybox = find().context("no static busybox, though it was just installed")?;
    let place = busybox.to_string_lossy();
    let stamp = Stamp::of("busybox", &[&place], &[&format!("{DIRECTORIES:?} {FILES:?}")])?;
    if stamp.is_current() && image_path().is_file() {
        return Ok(());
    }
    step("making the busybox image", || write(&busybox))?;
    stamp.made()
}

fn write(busybox: &Path) -> Result<()> {
    let program = fs::read(busybox).with_context(|| format!("cannot read {}", busybox.display()))?;
    let applets = Command::new(busybox).arg("--list").output().context("cannot start busybox")?;
    let applets = String::from_utf8(applets.stdout).context("busybox lists applets that are not text")?;
    if !applets.lines().any(|applet| applet == "sh") {
        bail!("{} has no shell", busybox.display());
    }
    let path = image_path();
    let dir = path.parent().expect("the archive lies in a folder");
    fs::create_dir_all(dir)?;
    let unfinished = path.with_extension("part");
    let file = GzEncoder::new(File::create(&unfinished)?, Compression::best());
    root_filesystem(file, &program, applets.lines())?.finish()?.sync_all()?;
    fs::rename(&unfinished, &path)?;
    Ok(())
}

/// Writes the archive: the same bytes for the same busybox, on any machine and at any time.
fn root_filesystem<'a, W: Write>(
    out: W,
    busybox: &[u8],
    applets: impl Iterator<Item = &'a str>,
) -> Result<W> {
    let mut archive = Builder::new(out);
    for (path, mode) in DIRECTORIES {
        archive.append_data(&mut header(EntryType::Directory, mode, 0), path, &[][..])?;
    }
    append_file(&mut archive, "bin/busybox", 0o755, busybox)?;
    for applet in applets.filter(|applet| *applet != "busybox") {
        let mut link = header(EntryType::Symlink, 0o777, 0);
        archive.append_link(&mut link, format!("bin/{applet}"), "busybox")?;
    }
    // Scripts name these two by their usual paths.
    for applet in ["env", "awk"] {
        let mut link = header(EntryType::Symlink, 0o777, 0);
        archive.append_link(&mut link, format!("usr/bin/{applet}"), "../../bin/busybox")?;
    }
    for (path, text) in FILES {
        append_file(&mut archive, path, 0o644, text.as_bytes())?;
    }
    Ok(archive.into_inner()?)
}

fn append_file<W: Write>(archive: &mut Builder<W>, path: &str, mode: u32, bytes: &[u8]) -> Result<()> {
    let size = u64::try_from(bytes.len())?;
    Ok(archive.append_data(&mut header(EntryType::Regular, mode, size), path, bytes)?)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn find() -> Option<PathBuf> {
    PLACES
        .iter()
        .map(PathBuf::from)
        .find(|place| fs::read(place).is_ok_and(|program| elf::is_static(&program)))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn the_archive_is_the_same_each_time_and_owned_by_root() {
        let make = || root_filesystem(Vec::new(), b"\x7fELF", ["sh", "busybox", "ls"].into_iter()).unwrap();
        assert_eq!(make(), make());

        let bytes = make();
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut names = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            assert_eq!((entry.header().uid().unwrap(), entry.header().gid().unwrap()), (0, 0));
            let path = entry.path().unwrap().display().to_string();
            match path.as_str() {
                "tmp/" | "tmp" => assert_eq!(entry.header().mode().unwrap(), 0o1777),
                "bin/sh" => assert_eq!(entry.link_name().unwrap().unwrap().as_os_str(), "busybox"),
                "bin/busybox" => {
                    let mut bytes = Vec::new();
                    entry.read_to_end(&mut bytes).unwrap();
                    assert_eq!(bytes, b"\x7fELF");
                }
                _ => {}
            }
            names.push(path);
        }
        assert_eq!(names.iter().filter(|name| *name == "bin/busybox").count(), 1, "no link over the program");
    }
}
