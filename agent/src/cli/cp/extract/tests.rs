//! Archives as a hostile container would have them made, and honest ones.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use tar::Builder;

use super::*;

/// A member before its content: kind, name, and where a link leads.
type Line<'a> = (EntryType, &'a str, &'a str);

/// The names are written as they are, which a builder would refuse.
fn archive(lines: &[Line<'_>]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (kind, name, text) in lines {
        let mut header = Header::new_gnu();
        let linked = matches!(kind, EntryType::Link | EntryType::Symlink);
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        if linked {
            header.as_old_mut().linkname[..text.len()].copy_from_slice(text.as_bytes());
        }
        header.set_entry_type(*kind);
        header.set_mode(0o6751);
        header.set_uid(7);
        header.set_gid(8);
        header.set_mtime(1_000_000_000);
        let content = if linked { "" } else { text };
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

fn extract(into: &Path, owner: bool, name: Option<&str>, lines: &[Line<'_>]) -> Result<u64> {
    let archive = archive(lines);
    let mut archive = tar::Archive::new(&archive[..]);
    let mut destination = Destination::open(into, owner).unwrap();
    for entry in archive.entries().unwrap() {
        destination.add(entry.unwrap(), true, name.map(OsStr::new))?;
    }
    destination.finish()
}

use EntryType::{Block, Char, Directory, Fifo, Link, Regular, Symlink};

#[test]
fn a_tree_gets_its_new_name_and_keeps_modes_but_no_set_id_bits() {
    let dir = tempfile::tempdir().unwrap();
    let lines = [
        (Directory, "etc", ""),
        (Directory, "etc/sub/", ""),
        (Regular, "etc/sub/file", "text"),
        (Link, "etc/again", "etc/sub/file"),
        (Symlink, "etc/out", "/etc/passwd"),
        (Char, "etc/null", ""),
        (Block, "etc/sda", ""),
        (Fifo, "etc/pipe", ""),
    ];
    assert_eq!(extract(dir.path(), false, Some("new"), &lines).unwrap(), 3);
    let at = |name: &str| fs::symlink_metadata(dir.path().join("new").join(name)).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("new/sub/file")).unwrap(), "text");
    for name in ["", "sub", "sub/file"] {
        assert_eq!((at(name).mode() & 0o7777, at(name).mtime()), (0o751, 1_000_000_000), "{name}");
        assert_eq!(at(name).uid(), rustix::process::getuid().as_raw());
    }
    assert_eq!(at("again").ino(), at("sub/file").ino());
    assert!(at("out").is_symlink(), "a link is copied, not followed");
    for name in ["null", "sda", "pipe"] {
        assert!(!dir.path().join("new").join(name).exists(), "{name}");
    }
}

#[test]
fn owners_and_set_id_bits_are_kept_when_asked_for() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: giving files to others needs root");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    extract(dir.path(), true, Some("f"), &[(Regular, "f", "x")]).unwrap();
    let about = fs::metadata(dir.path().join("f")).unwrap();
    assert_eq!((about.uid(), about.gid(), about.mode() & 0o7777), (7, 8, 0o6751));
}

#[test]
fn contents_go_into_the_destination_which_stays_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    fs::write(dir.path().join("sub/own"), "mine").unwrap();
    let lines = [(Directory, "etc", ""), (Directory, "etc/sub", ""), (Regular, "etc/sub/file", "text")];
    extract(dir.path(), false, None, &lines).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("sub/file")).unwrap(), "text");
    assert_eq!(fs::read_to_string(dir.path().join("sub/own")).unwrap(), "mine");
    assert_eq!(fs::metadata(dir.path()).unwrap().mode() & 0o7777, 0o700);
}

#[test]
fn nothing_outside_the_destination_is_written() {
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    let (out, file) = (outside.path().to_str().unwrap(), victim.to_str().unwrap());
    let dir = Directory;
    let attacks: &[&[Line<'_>]] = &[
        &[(Regular, "/tmp/absolute", "x")],
        &[(Regular, "d/../../escape", "x")],
        &[(Regular, "..", "x")],
        &[(dir, "d", ""), (Symlink, "d/l", out), (Regular, "d/l/new", "x")],
        &[(dir, "d", ""), (Symlink, "d/l", ".."), (Regular, "d/l/new", "x")],
        &[(Symlink, "d", out), (Regular, "d/new", "x")],
        &[(dir, "d", ""), (Symlink, "d/l", out), (dir, "d/l", "")],
        &[(dir, "d", ""), (Link, "d/h", file), (Regular, "d/h", "x")],
        &[(dir, "d", ""), (Link, "d/h", "d/../../victim")],
        &[(dir, "d", ""), (Symlink, "d/l", out), (Link, "d/h", "d/l/victim")],
        &[(dir, "d", ""), (dir, "d/s", ""), (Symlink, "d/s", out)],
    ];
    for name in [Some("new"), None] {
        for attack in attacks {
            let dir = tempfile::tempdir_in(outside.path()).unwrap();
            let result = extract(dir.path(), false, name, attack);
            assert!(result.is_err() || name.is_none(), "{attack:?}");
            drop(dir);
            assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched", "{attack:?}");
            assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1, "{attack:?}");
        }
    }
}

#[test]
fn links_that_were_there_before_are_replaced_and_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let into = dir.path().join("into");
    fs::create_dir(&into).unwrap();
    fs::write(dir.path().join("victim"), "untouched").unwrap();
    symlink("../victim", into.join("f")).unwrap();
    extract(&into, false, Some("f"), &[(Regular, "f", "new")]).unwrap();
    assert_eq!(fs::read_to_string(into.join("f")).unwrap(), "new");
    assert_eq!(fs::read_to_string(dir.path().join("victim")).unwrap(), "untouched");
    // The final mode and time of a directory go through no link either: nothing can replace what it made.
    symlink("..", into.join("d")).unwrap();
    let refused = extract(&into, false, Some("d"), &[(Directory, "d", ""), (Regular, "d/victim", "x")]);
    assert!(matches!(refused, Err(ExtractError::NotDirectory(_))), "{refused:?}");
}

#[test]
fn files_and_directories_do_not_replace_each_other() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("d")).unwrap();
    fs::write(dir.path().join("f"), "").unwrap();
    let refused = extract(dir.path(), false, Some("d"), &[(Regular, "x", "")]).unwrap_err();
    assert!(matches!(refused, ExtractError::IsDirectory(_)), "{refused}");
    let refused = extract(dir.path(), false, Some("f"), &[(Directory, "x", "")]).unwrap_err();
    assert!(matches!(refused, ExtractError::NotDirectory(_)), "{refused}");
}
