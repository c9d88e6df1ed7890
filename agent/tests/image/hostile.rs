//! Archives that try to get out, to confuse, or to fill the disk: each is refused or contained.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use proptest::prelude::*;

use super::catalogue::{self, Outcome};
use super::craft::{Craft, fix_checksum};
use super::layer::{Layer, is_root, xattr};

/// Unpacks into a fresh layer and expects it to be taken.
#[track_caller]
fn taken(archive: &[u8]) -> Layer {
    let layer = Layer::new();
    layer.apply(archive).unwrap();
    layer
}

#[test]
fn every_row_of_the_catalogue_is_refused_or_contained() {
    if !is_root("every_row_of_the_catalogue_is_refused_or_contained") {
        return;
    }
    for (what, archive, outcome) in catalogue::rows() {
        let layer = Layer::new();
        match (outcome, layer.apply(&archive)) {
            (Outcome::Refused(why), Err(error)) => {
                assert!(error.contains(why), "{what}: refused with {error:?} instead of {why:?}");
            }
            (Outcome::Holds(names), Ok(_)) => assert_eq!(layer.names(), names, "{what}"),
            (_, done) => panic!("{what}: {done:?}"),
        }
    }
}

/// A bit of everything that the unpacker knows.
fn mixture() -> Vec<u8> {
    let mut map = b"2\n0\n3\n700\n3\n".to_vec();
    map.resize(512, 0);
    map.extend_from_slice(b"onetwo");
    let sparse: [(&str, &[u8]); 3] =
        [("GNU.sparse.major", b"1"), ("GNU.sparse.minor", b"0"), ("GNU.sparse.realsize", b"900")];
    Craft::new()
        .dir("d")
        .file("d/f", &[b'x'; 700])
        .symlink("d/out", "../../canary")
        .hard_link("h", "d/f")
        .pax(&[("path", b"long/name"), ("mtime", b"1.5"), ("SCHILY.xattr.user.x", b"y")])
        .file("l", b"z")
        .member(b'L', "l", "", b"another\0", |_| {})
        .gnu_file("g", b"long name")
        .pax(&sparse)
        .file("s", &map)
        .file("d/.wh.gone", b"")
        .file("d/.wh..wh..opq", b"")
        .symlink("d", "../out")
        .dir("d")
        .end()
}

#[test]
fn an_archive_cut_anywhere_is_refused_or_a_part_of_it() {
    if !is_root("an_archive_cut_anywhere_is_refused_or_a_part_of_it") {
        return;
    }
    let whole = mixture();
    let all = taken(&whole).names();
    for end in (0..whole.len()).step_by(128) {
        let layer = Layer::new();
        let unpacked = layer.apply(&whole[..end]);
        // An archive may end with the contents of its last member, without what fills the block.
        let fills = whole[end..end.next_multiple_of(512)].iter().all(|&byte| byte == 0);
        assert!(unpacked.is_err() || fills, "cut at {end}");
        // What replaces something may not have come.
        let known = |name: &String| all.contains(name) || name.starts_with("d/");
        assert!(layer.names().iter().all(known), "cut at {end}: {:?}", layer.names());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// The checksum is made right again, so that what it protects is reached. The canary is looked at by `apply`.
    #[test]
    fn a_changed_archive_is_refused_or_stays_inside(
        changes in prop::collection::vec((0_usize..60, 0_usize..512, any::<u8>()), 1..6),
    ) {
        if rustix::process::geteuid().is_root() {
            let mut archive = mixture();
            for (block, offset, byte) in changes {
                let blocks = archive.len() / 512;
                let block = &mut archive[block % blocks * 512..][..512];
                block[offset] = byte;
                if block[257..].starts_with(b"ustar") {
                    fix_checksum(block);
                }
            }
            let _ = Layer::new().apply(&archive);
        }
    }
}

#[test]
fn what_replaces_a_link_is_not_written_through_it() {
    if !is_root("what_replaces_a_link_is_not_written_through_it") {
        return;
    }
    let file = taken(&Craft::new().symlink("l", "../canary").file("l", b"inside").end());
    assert_eq!(fs::read(file.path("l")).unwrap(), b"inside");

    // The mode of a directory that was a link (CVE-2026-33056).
    let wide =
        Craft::new().symlink("l", "../out").member(b'5', "l", "", b"", |header| header.set_mode(0o777));
    let directory = taken(&wide.end());
    assert!(fs::symlink_metadata(directory.path("l")).unwrap().is_dir());

    let fifo = taken(&Craft::new().symlink("l", "../canary").member(b'6', "l", "", b"", |_| {}).end());
    assert!(fs::symlink_metadata(fifo.path("l")).unwrap().file_type().is_fifo());

    // A hard link to a link is that link; a file by its name replaces it.
    let linked = Craft::new().symlink("l", "../canary").hard_link("h", "l").file("h", b"inside");
    let linked = taken(&linked.end());
    assert_eq!(fs::read(linked.path("h")).unwrap(), b"inside");
    assert!(fs::symlink_metadata(linked.path("l")).unwrap().is_symlink());
}

#[test]
fn a_directory_replaced_by_a_link_holds_nothing_any_more() {
    if !is_root("a_directory_replaced_by_a_link_holds_nothing_any_more") {
        return;
    }
    let replaced = Craft::new().dir("d").dir("d/e").file("d/e/canary", b"x").symlink("d", "../out");
    let layer = taken(&replaced.end());
    assert!(fs::symlink_metadata(layer.path("d")).unwrap().is_symlink());
}

#[test]
fn devices_are_left_out_and_overlays_own_marks_are_dropped() {
    if !is_root("devices_are_left_out_and_overlays_own_marks_are_dropped") {
        return;
    }
    let layer = Layer::new();
    let archive = Craft::new()
        .member(b'3', "null", "", b"", |header| header.set_device_major(0).unwrap())
        .member(b'4', "disk", "", b"", |header| header.set_device_major(8).unwrap())
        .pax(&[
            ("SCHILY.xattr.user.overlay.opaque", b"y"),
            ("SCHILY.xattr.user.overlay.redirect", b"/etc"),
            ("SCHILY.xattr.trusted.overlay.opaque", b"y"),
            ("SCHILY.xattr.security.selinux", b"x"),
            ("SCHILY.xattr.user.kept", b"line\nbreak\0"),
        ])
        .dir("d")
        .end();
    let unpacked = layer.apply(&archive).unwrap();
    assert_eq!((unpacked.entries, unpacked.devices), (3, 2));
    assert_eq!(layer.listing(), ["d 0755 0:0 1000000000.0 0 directory"]);
    for dropped in ["user.overlay.opaque", "user.overlay.redirect", "trusted.overlay.opaque"] {
        assert_eq!(xattr(&layer.path("d"), dropped), None, "{dropped}");
    }
    assert_eq!(xattr(&layer.path("d"), "user.kept").unwrap(), b"line\nbreak\0");
}

#[test]
fn whiteouts_become_what_overlayfs_reads() {
    if !is_root("whiteouts_become_what_overlayfs_reads") {
        return;
    }
    let layer = taken(&Craft::new().file("d/.wh.gone", b"").file("d/.wh..wh..opq", b"").end());
    let gone = fs::symlink_metadata(layer.path("d/gone")).unwrap();
    assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
    assert_eq!(xattr(&layer.path("d"), "user.overlay.opaque").unwrap(), b"y");

    // A directory that replaces one of the layers below shows nothing of it, in whichever order the members come.
    for archive in [
        Craft::new().file(".wh.d", b"").dir("d").file("d/new", b"").end(),
        Craft::new().file(".wh.d", b"").file("d/new", b"").end(),
        Craft::new().dir("d").file("d/new", b"").file(".wh.d", b"").end(),
    ] {
        let layer = taken(&archive);
        assert!(layer.path("d/new").exists());
        assert_eq!(xattr(&layer.path("d"), "user.overlay.opaque").unwrap(), b"y");
    }
    // A file hides what is below it by itself.
    for archive in [
        Craft::new().file(".wh.f", b"").file("f", b"x").end(),
        Craft::new().file("f", b"x").file(".wh.f", b"").end(),
    ] {
        assert_eq!(fs::read(taken(&archive).path("f")).unwrap(), b"x");
    }
}
