//! Archives that try to get out, to confuse, or to fill the disk: each is refused or contained.

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use super::craft::Craft;
use super::layer::{Layer, is_root};

/// Unpacks into a fresh layer and expects a refusal that says `why`.
#[track_caller]
fn refused(archive: &[u8], why: &str) {
    let error = Layer::new().apply(archive).expect_err("it should have been refused");
    assert!(error.contains(why), "refused with {error:?} instead of {why:?}");
}

/// Unpacks into a fresh layer and expects it to be taken.
#[track_caller]
fn taken(archive: &[u8]) -> Layer {
    let layer = Layer::new();
    layer.apply(archive).unwrap();
    layer
}

fn xattr(layer: &Layer, path: &str, name: &str) -> Option<Vec<u8>> {
    let mut value = vec![0; 256];
    let length = rustix::fs::lgetxattr(layer.path(path), name, &mut value).ok()?;
    value.truncate(length);
    Some(value)
}

#[test]
fn no_path_leads_out() {
    if !is_root("no_path_leads_out") {
        return;
    }
    refused(&Craft::new().file("../canary", b"x").end(), "leads upwards");
    refused(&Craft::new().dir("a").file("a/../../canary", b"x").end(), "leads upwards");
    refused(&Craft::new().pax(&[("path", b"../canary")]).file("a", b"x").end(), "leads upwards");
    refused(&Craft::new().symlink("../canary", "x").end(), "leads upwards");
    refused(&Craft::new().hard_link("a", "../canary").end(), "leads upwards");
    refused(&Craft::new().pax(&[("path", b"a\0b")]).file("a", b"x").end(), "impossible value");
    let absolute = taken(&Craft::new().file("/etc/canary", b"x").end());
    assert_eq!(fs::read(absolute.path("etc/canary")).unwrap(), b"x");
}

#[test]
fn no_link_is_followed() {
    if !is_root("no_link_is_followed") {
        return;
    }
    for target in ["../out", "/", "sub", "."] {
        let link = Craft::new().dir("sub").symlink("l", target);
        refused(&link.clone().file("l/canary", b"x").end(), "which is no directory");
        refused(&link.clone().dir("l/new").end(), "which is no directory");
        refused(&link.clone().symlink("l/new", "x").end(), "which is no directory");
        refused(&link.clone().hard_link("h", "l/canary").end(), "opening \"l\" failed");
        refused(&link.clone().file("l/.wh.canary", b"").end(), "which is no directory");
        refused(&link.clone().file("l/.wh..wh..opq", b"").end(), "which is no directory");
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
    let layer = taken(&replaced.clone().end());
    assert!(fs::symlink_metadata(layer.path("d")).unwrap().is_symlink());
    refused(&replaced.clone().file("d/canary", b"x").end(), "which is no directory");
    refused(&replaced.file("d/e/canary", b"x").end(), "which is no directory");
}

#[test]
fn hard_links_lead_to_files_of_the_layer_only() {
    if !is_root("hard_links_lead_to_files_of_the_layer_only") {
        return;
    }
    refused(&Craft::new().hard_link("h", "missing").end(), "no file of this layer");
    refused(&Craft::new().dir("d").hard_link("h", "d").end(), "no file of this layer");
    refused(&Craft::new().file(".wh.x", b"").hard_link("h", "x").end(), "no file of this layer");
    refused(&Craft::new().hard_link("h", "/").end(), "leads to the root");
    refused(&Craft::new().file("h", b"x").hard_link("h", "h").end(), "to itself");
    let layer = taken(&Craft::new().file("a/f", b"x").hard_link("h", "/a/f").end());
    assert_eq!(fs::metadata(layer.path("h")).unwrap().nlink(), 2);
}

#[test]
fn the_root_stays_a_directory() {
    if !is_root("the_root_stays_a_directory") {
        return;
    }
    refused(&Craft::new().symlink("./", "../out").end(), "named like one");
    refused(&Craft::new().symlink(".", "../out").end(), "the root is no directory");
    refused(&Craft::new().file("/.", b"x").end(), "the root is no directory");
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
        assert_eq!(xattr(&layer, "d", dropped), None, "{dropped}");
    }
    assert_eq!(xattr(&layer, "d", "user.kept").unwrap(), b"line\nbreak\0");
}

#[test]
fn whiteouts_become_what_overlayfs_reads() {
    if !is_root("whiteouts_become_what_overlayfs_reads") {
        return;
    }
    let layer = taken(&Craft::new().file("d/.wh.gone", b"").file("d/.wh..wh..opq", b"").end());
    let gone = fs::symlink_metadata(layer.path("d/gone")).unwrap();
    assert!(gone.file_type().is_char_device() && gone.rdev() == 0);
    assert_eq!(xattr(&layer, "d", "user.overlay.opaque").unwrap(), b"y");

    // A directory that replaces one of the layers below shows nothing of it, in whichever order the members come.
    for archive in [
        Craft::new().file(".wh.d", b"").dir("d").file("d/new", b"").end(),
        Craft::new().file(".wh.d", b"").file("d/new", b"").end(),
        Craft::new().dir("d").file("d/new", b"").file(".wh.d", b"").end(),
    ] {
        let layer = taken(&archive);
        assert!(layer.path("d/new").exists());
        assert_eq!(xattr(&layer, "d", "user.overlay.opaque").unwrap(), b"y");
    }
    // A file hides what is below it by itself.
    for archive in [
        Craft::new().file(".wh.f", b"").file("f", b"x").end(),
        Craft::new().file("f", b"x").file(".wh.f", b"").end(),
    ] {
        assert_eq!(fs::read(taken(&archive).path("f")).unwrap(), b"x");
    }
}

#[test]
fn impossible_whiteouts_are_refused() {
    if !is_root("impossible_whiteouts_are_refused") {
        return;
    }
    for bad in [".wh.", ".wh..", ".wh...", "a/.wh...", ".wh..wh.", ".wh..wh.plnk", ".wh..wh..wh.x"] {
        refused(&Craft::new().file(bad, b"").end(), "hides no possible name");
    }
    for bad in [".wh.a/x", ".wh.../x", ".wh..wh..opq/x"] {
        refused(&Craft::new().file(bad, b"").end(), "lies below a whiteout");
    }
    refused(&Craft::new().file(".wh.a", b"x").end(), "is no empty file");
    refused(&Craft::new().dir(".wh.a").end(), "is no empty file");
    refused(&Craft::new().symlink(".wh..wh..opq", "x").end(), "is no empty file");
    refused(&Craft::new().file("f", b"").file("f/.wh.x", b"").end(), "which is no directory");
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    if !is_root("what_could_be_read_in_two_ways_is_refused") {
        return;
    }
    let inner = Craft::new().file("smuggled", b"x").cut();
    // The size is said twice, differently (CVE-2025-62518).
    let length = inner.len().to_string();
    let twice = Craft::new().pax(&[("size", length.as_bytes())]);
    refused(&twice.clone().file("a", b"").raw(&inner).end(), "contradicts its header");
    refused(&Craft::new().pax(&[("size", b"0")]).file("a", &inner).end(), "contradicts its header");
    refused(&Craft::new().pax(&[("size", b"-1")]).file("a", &inner).end(), "not a number");
    // A link that stores bytes: some skip them, some read headers there.
    for kind in *b"123456" {
        refused(&Craft::new().member(kind, "a", "b", &inner, |_| {}).end(), "stores bytes");
    }
    // Two extended headers for one member.
    refused(&twice.clone().pax(&[("path", b"b")]).file("a", b"").end(), "two extended headers");
    let long = |name: &[u8]| Craft::new().member(b'L', "long", "", name, |_| {});
    refused(&long(b"b\0").pax(&[("path", b"c")]).file("a", b"").end(), "name the same member");
    refused(&long(b"b\0c\0").file("a", b"").end(), "long name is malformed");
    // A global header that changes members.
    let global = Craft::new().member(b'g', "pax", "", b"10 path=b\n", |_| {});
    refused(&global.file("a", b"").end(), "global header");
    taken(&Craft::new().member(b'g', "pax", "", b"13 comment=b\n", |_| {}).file("a", b"").end());
    // Nothing, or half of something, at the end.
    refused(&Craft::new().pax(&[("path", b"b")]).end(), "describes nothing");
    refused(&Craft::new().file("a", b"x").raw(&[0; 512]).file("b", b"x").end(), "half an end mark");
    refused(&Craft::new().file("a", &[1; 600]).cut()[..1024], "middle of a member");
    refused(&Craft::new().file("a", b"").cut()[..100], "middle of a block");
    refused(b"<html>not found</html>", "middle of a block");
    refused(&[b'x'; 1024], "checksum");
}

#[test]
fn header_fields_are_read_strictly() {
    if !is_root("header_fields_are_read_strictly") {
        return;
    }
    let with_size = |size: &'static [u8; 12]| {
        Craft::new().member(b'0', "a", "", b"", |h| h.as_old_mut().size = *size).end()
    };
    for bad in [
        b"+0000000000\0",
        b"-0000000001\0",
        b"00000000009\0",
        b"0 0000000000",
        b"            ",
        b"\x80\0\0\x01\0\0\0\0\0\0\0\0",
    ] {
        refused(&with_size(bad), "size is malformed");
    }
    refused(&with_size(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "size is malformed");
    refused(
        &Craft::new().member(b'0', "a", "", b"", |h| h.as_old_mut().mode = *b"644x\0\0\0\0").end(),
        "malformed mode",
    );
    refused(
        &Craft::new().member(b'0', "a", "", b"", |h| h.as_old_mut().uid = *b"-1\0\0\0\0\0\0").end(),
        "malformed owner",
    );
    refused(&Craft::new().member(b'0', "a", "", b"", |h| h.set_uid(65_536)).end(), "ids end at 65535");
    refused(&Craft::new().pax(&[("uid", b"4294967296")]).file("a", b"").end(), "ids end at 65535");
    refused(&Craft::new().member(b'Z', "a", "", b"", |_| {}).end(), "kind that is not known");
    refused(&Craft::new().file("a/", b"").end(), "named like one");
    refused(&Craft::new().symlink("a", "").end(), "kind that is not known");
}

#[test]
fn bombs_are_stopped() {
    if !is_root("bombs_are_stopped") {
        return;
    }
    // A sparse file of 8 EiB.
    let huge: &[(&str, &[u8])] = &[
        ("GNU.sparse.major", b"1"),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.realsize", b"9223372036854775807"),
    ];
    let mut map = b"0\n".to_vec();
    map.resize(512, 0);
    refused(&Craft::new().pax(huge).file("s", &map).end(), "unpacks to more than");
    // A map without an end, and one that overlaps.
    refused(&Craft::new().pax(huge).file("s", &[b'1'; 512]).end(), "map is malformed");
    let mut overlap = b"2\n0\n5\n4\n5\n".to_vec();
    overlap.resize(522, 0);
    refused(&Craft::new().pax(huge).file("s", &overlap).end(), "overlap");
    // Deep and long names.
    let deep = "d/".repeat(40);
    refused(&Craft::new().pax(&[("path", deep.repeat(4).as_bytes())]).dir("d").end(), "too deep");
    refused(
        &Craft::new().pax(&[("path", "n".repeat(5000).as_bytes())]).file("n", b"").end(),
        "malformed name",
    );
    refused(&Craft::new().pax(&[("path", "n".repeat(256).as_bytes())]).file("n", b"").end(), "more than 255");
    // An extended header that never ends.
    let endless = Craft::new().member(b'x', "pax", "", b"", |header| header.set_size(1 << 40));
    refused(&endless.end(), "too large");
}
