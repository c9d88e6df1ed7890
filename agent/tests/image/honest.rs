//! Archives by GNU tar: what is unpacked equals what GNU tar itself extracts.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use rustix::fs::{AtFlags, Timespec, Timestamps, XattrFlags};

use super::layer::{Layer, is_root, listing};

/// A tree with everything an honest archive holds; names are about this long.
fn tree(dir: &Path, length: usize) {
    let long = "long-name-".repeat(length / 10);
    fs::create_dir_all(dir.join("etc/deep").join(&long)).unwrap();
    fs::write(dir.join("etc/deep").join(&long).join("file"), "far down").unwrap();
    fs::write(dir.join("etc/empty"), "").unwrap();
    fs::write(dir.join("etc/text"), "a window into containers\n".repeat(5000)).unwrap();
    fs::write(dir.join("sp ace\tänd\nbreak"), "x").unwrap();
    fs::hard_link(dir.join("etc/text"), dir.join("hard")).unwrap();
    symlink("/etc/text", dir.join("absolute")).unwrap();
    symlink(format!("deep/{long}"), dir.join("etc/dangling")).unwrap();
    fs::hard_link(dir.join("absolute"), dir.join("hard-to-link")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.join("fifo"), rustix::fs::Mode::from_raw_mode(0o640)).unwrap();
    fs::set_permissions(dir.join("etc/empty"), fs::Permissions::from_mode(0o6755)).unwrap();
    fs::create_dir(dir.join("tmp")).unwrap();
    fs::set_permissions(dir.join("tmp"), fs::Permissions::from_mode(0o1777)).unwrap();
    std::os::unix::fs::chown(dir.join("etc/text"), Some(1000), Some(65_535)).unwrap();
    for name in ["etc", "etc/text"] {
        rustix::fs::setxattr(dir.join(name), "user.note", b"line\nbreak\0", XattrFlags::empty()).unwrap();
    }
    let sparse = File::create(dir.join("sparse")).unwrap();
    for n in 0..40 {
        sparse.write_at(b"island", n * 100_000 + 7).unwrap();
    }
    sparse.set_len(5_000_000).unwrap();
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Packs `source` with a program, which is told its arguments and then the archive; GNU tar and the unpacker make the same
/// of it, attribute by attribute.
#[track_caller]
fn same_as_gnu_tar(source: &Path, packer: &[&str]) {
    same(source, packer, &["tar", "--numeric-owner", "--xattrs", "--xattrs-include=user.*", "-xpf"]);
}

#[track_caller]
fn same(source: &Path, packer: &[&str], extractor: &[&str]) {
    let made = tempfile::tempdir().unwrap();
    let (archive, theirs) = (made.path().join("a.tar"), made.path().join("theirs"));
    run(Command::new(packer[0]).args(&packer[1..]).arg(&archive).arg(".").current_dir(source));
    fs::create_dir(&theirs).unwrap();
    run(Command::new(extractor[0]).args(&extractor[1..]).arg(&archive).arg("-C").arg(&theirs));
    let ours = Layer::new();
    let unpacked =
        ours.apply_file(File::open(&archive).unwrap()).unwrap_or_else(|why| panic!("{packer:?}: {why}"));
    assert_eq!(ours.listing(), listing(&theirs, &[]), "{packer:?}");
    assert_eq!(unpacked.entries, ours.listing().len() as u64 + 1, "{packer:?}");
}

#[test]
fn what_gnu_tar_packs_is_unpacked_as_gnu_tar_extracts_it() {
    if !is_root("what_gnu_tar_packs_is_unpacked_as_gnu_tar_extracts_it") {
        return;
    }
    let (long, short) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    tree(long.path(), 120);
    tree(short.path(), 30);
    for options in [
        &["--format=gnu"][..],
        &["--format=gnu", "-S"],
        &["--format=oldgnu"],
        &["--format=oldgnu", "-S"],
        &["--format=posix", "--xattrs"],
        &["--format=posix", "--xattrs", "-S"],
        &["--format=posix", "-S", "--sparse-version=0.0"],
        &["--format=posix", "-S", "--sparse-version=0.1"],
        &["--format=posix", "-S", "--sparse-version=1.0"],
    ] {
        same_as_gnu_tar(long.path(), &[&["tar"], options, &["-cf"]].concat());
    }
    same_as_gnu_tar(short.path(), &["tar", "--format=ustar", "-cf"]);
    // The first format of all has no fifos.
    same_as_gnu_tar(short.path(), &["tar", "--format=v7", "--exclude=./fifo", "-cf"]);
}

#[test]
fn what_other_programs_pack_is_unpacked_as_they_extract_it() {
    if !is_root("what_other_programs_pack_is_unpacked_as_they_extract_it") {
        return;
    }
    let (long, short) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    tree(long.path(), 120);
    tree(short.path(), 30);
    let python = |format: &str| {
        format!(
            "import sys, tarfile\nwith tarfile.open(sys.argv[1], 'w', format=tarfile.{format}) as t: t.add('.')"
        )
    };
    let (pax, gnu) = (python("PAX_FORMAT"), python("GNU_FORMAT"));
    for (source, packer) in [
        (&long, &["bsdtar", "--format=pax", "-cf"][..]),
        (&long, &["bsdtar", "--format=gnutar", "-cf"]),
        (&short, &["bsdtar", "--format=ustar", "-cf"]),
        (&long, &["busybox", "tar", "-cf"]),
        (&long, &["python3", "-c", &pax]),
        (&long, &["python3", "-c", &gnu]),
    ] {
        if Command::new(packer[0]).arg("--help").output().is_err() {
            eprintln!("SKIPPED a part of what_other_programs_pack: {} is not installed", packer[0]);
            continue;
        }
        if packer[0] == "bsdtar" {
            same(source.path(), packer, &["bsdtar", "--numeric-owner", "-xpf"]);
        } else {
            same_as_gnu_tar(source.path(), packer);
        }
    }
}

/// GNU tar's options for what a random tree is packed with.
const FORMATS: &[&[&str]] = &[
    &["--format=gnu"],
    &["--format=gnu", "-S"],
    &["--format=posix"],
    &["--format=posix", "-S"],
    &["--format=posix", "-S", "--sparse-version=0.0"],
    &["--format=posix", "-S", "--sparse-version=0.1"],
];

/// One thing in a random tree.
#[derive(Clone, Debug)]
struct Thing {
    path: Vec<&'static str>,
    kind: u8,
    bytes: usize,
    mode: u32,
    owner: (u32, u32),
    mtime: (i64, i64),
}

fn thing() -> impl Strategy<Value = Thing> {
    let name = prop::sample::select(&["a", "b", "c d", "é", "\u{1}", "-x", ".wh"][..]);
    let path = prop::collection::vec(name, 1..5);
    let number = 0_u32..65_536;
    let mtime = (-5_000_000_000_i64..5_000_000_000, 0_i64..1_000_000_000);
    (path, 0_u8..5, 0_usize..20_000, 0_u32..0o10000, (number.clone(), number), mtime)
        .prop_map(|(path, kind, bytes, mode, owner, mtime)| Thing { path, kind, bytes, mode, owner, mtime })
}

/// Makes the thing, unless something else is in its way.
fn make(dir: &Path, thing: &Thing, others: &[Thing]) {
    let path = dir.join(thing.path.join("/"));
    if fs::create_dir_all(path.parent().unwrap()).is_err() || fs::symlink_metadata(&path).is_ok() {
        return;
    }
    match thing.kind {
        0 => fs::create_dir(&path).unwrap(),
        1 => symlink(others[0].path.join("/"), &path).unwrap(),
        2 if fs::hard_link(dir.join(others[0].path.join("/")), &path).is_ok() => return,
        3 => {
            let file = File::create(&path).unwrap();
            file.write_at(b"island", thing.bytes as u64 * 10).unwrap();
            file.set_len(thing.bytes as u64 * 20 + 6).unwrap();
        }
        _ => fs::write(&path, vec![b'x'; thing.bytes]).unwrap(),
    }
    std::os::unix::fs::lchown(&path, Some(thing.owner.0), Some(thing.owner.1)).unwrap();
    if thing.kind != 1 {
        fs::set_permissions(&path, fs::Permissions::from_mode(thing.mode)).unwrap();
    }
    let time = Timespec { tv_sec: thing.mtime.0, tv_nsec: thing.mtime.1 };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(rustix::fs::CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_is_unpacked_as_gnu_tar_extracts_it(
        things in prop::collection::vec(thing(), 1..25),
        format in prop::sample::select(FORMATS),
    ) {
        if rustix::process::geteuid().is_root() {
            let source = tempfile::tempdir().unwrap();
            for thing in &things {
                make(source.path(), thing, &things);
            }
            same_as_gnu_tar(source.path(), &[&["tar"], format, &["-cf"]].concat());
        }
    }
}

#[test]
fn holes_stay_holes() {
    if !is_root("holes_stay_holes") {
        return;
    }
    let source = tempfile::tempdir().unwrap();
    File::create(source.path().join("hole")).unwrap().set_len(1 << 30).unwrap();
    for format in FORMATS.iter().filter(|format| format.contains(&"-S")) {
        let archive = tempfile::NamedTempFile::new().unwrap();
        run(Command::new("tar")
            .args(*format)
            .arg("-cf")
            .arg(archive.path())
            .arg("-C")
            .arg(source.path())
            .arg("hole"));
        let layer = Layer::new();
        layer.apply_file(archive.reopen().unwrap()).unwrap();
        let made = fs::metadata(layer.path("hole")).unwrap();
        use std::os::unix::fs::MetadataExt;
        assert_eq!((made.len(), made.blocks()), (1 << 30, 0), "{format:?}");
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
