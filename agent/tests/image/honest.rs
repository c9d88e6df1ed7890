//! Archives by GNU tar: what is unpacked equals what GNU tar itself extracts.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use super::layer::{Layer, is_root, listing};

/// A tree with everything an honest archive holds.
fn tree(dir: &Path) {
    let long = "long-name-".repeat(12);
    fs::create_dir_all(dir.join("etc/deep").join(&long)).unwrap();
    fs::write(dir.join("etc/deep").join(&long).join("file"), "far down").unwrap();
    fs::write(dir.join("etc/empty"), "").unwrap();
    fs::write(dir.join("etc/text"), "a window into containers\n".repeat(5000)).unwrap();
    fs::write(dir.join("sp ace\tänd\nbreak"), "x").unwrap();
    fs::hard_link(dir.join("etc/text"), dir.join("hard")).unwrap();
    symlink("/etc/text", dir.join("absolute")).unwrap();
    symlink(format!("etc/deep/{long}/{long}"), dir.join("etc/dangling")).unwrap();
    fs::hard_link(dir.join("absolute"), dir.join("hard-to-link")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.join("fifo"), rustix::fs::Mode::from_raw_mode(0o640)).unwrap();
    fs::set_permissions(dir.join("etc/empty"), fs::Permissions::from_mode(0o6755)).unwrap();
    fs::create_dir(dir.join("tmp")).unwrap();
    fs::set_permissions(dir.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
    std::os::unix::fs::chown(dir.join("etc/text"), Some(1000), Some(65_535)).unwrap();
    let sparse = File::create(dir.join("sparse")).unwrap();
    for n in 0..40 {
        sparse.write_at(b"island", n * 1_000_000 + 7).unwrap();
    }
    sparse.set_len(50_000_000).unwrap();
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_gnu_tar_packs_is_unpacked_as_gnu_tar_extracts_it() {
    if !is_root("what_gnu_tar_packs_is_unpacked_as_gnu_tar_extracts_it") {
        return;
    }
    let source = tempfile::tempdir().unwrap();
    tree(source.path());
    for format in [
        &["--format=gnu"][..],
        &["--format=gnu", "-S"],
        &["--format=posix"],
        &["--format=posix", "-S"],
        &["--format=oldgnu"],
    ] {
        let made = tempfile::tempdir().unwrap();
        let archive = made.path().join("a.tar");
        run(Command::new("tar").args(format).arg("-cf").arg(&archive).arg("-C").arg(source.path()).arg("."));
        let theirs = made.path().join("theirs");
        fs::create_dir(&theirs).unwrap();
        run(Command::new("tar").args(["--numeric-owner", "-xpf"]).arg(&archive).arg("-C").arg(&theirs));
        let ours = Layer::new();
        let unpacked = ours.apply_file(File::open(&archive).unwrap()).unwrap();
        assert_eq!(ours.listing(), listing(&theirs, &[]), "{format:?}");
        assert_eq!(unpacked.entries, ours.listing().len() as u64 + 1, "{format:?}");
        assert_eq!(unpacked.bytes, 50_000_000 + 125_000 + 8 + 1, "{format:?}");
    }
}

#[test]
fn holes_stay_holes() {
    if !is_root("holes_stay_holes") {
        return;
    }
    let source = tempfile::tempdir().unwrap();
    File::create(source.path().join("hole")).unwrap().set_len(1 << 30).unwrap();
    for format in ["--format=gnu", "--format=posix"] {
        let archive = tempfile::NamedTempFile::new().unwrap();
        run(Command::new("tar")
            .args([format, "-S", "-cf"])
            .arg(archive.path())
            .arg("-C")
            .arg(source.path())
            .arg("hole"));
        let layer = Layer::new();
        layer.apply_file(archive.reopen().unwrap()).unwrap();
        let made = fs::metadata(layer.path("hole")).unwrap();
        use std::os::unix::fs::MetadataExt;
        assert_eq!((made.len(), made.blocks()), (1 << 30, 0), "{format}");
    }
}

#[test]
fn file_capabilities_survive() {
    if !is_root("file_capabilities_survive") {
        return;
    }
    // Version 2, CAP_NET_RAW permitted and effective: what `setcap cap_net_raw+ep` writes.
    let capability = b"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    let archive = super::craft::Craft::new()
        .pax(&[("SCHILY.xattr.security.capability", capability)])
        .member(b'0', "ping", "", b"#!", |header| {
            header.set_uid(33);
            header.set_mode(0o4755);
        })
        .end();
    let layer = Layer::new();
    layer.apply(&archive).unwrap();
    let mut value = [0; 64];
    let length = rustix::fs::lgetxattr(layer.path("ping"), "security.capability", &mut value).unwrap();
    assert_eq!(&value[..length], capability);
    assert_eq!(layer.listing()[0].split(' ').nth(1), Some("4755"));
}
