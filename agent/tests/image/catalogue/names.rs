//! Names that lead out of the layer: paths, links, hard links, whiteouts.

use super::Outcome::{Holds, Refused};
use super::{Row, long_name, new};

/// All of them.
pub fn rows() -> Vec<Row> {
    [paths(), links(), hard_links(), whiteouts()].concat()
}

fn paths() -> Vec<Row> {
    let out = || Refused("leads upwards");
    let prefix = new().member(b'0', "canary", "", b"x", |header| {
        header.as_ustar_mut().unwrap().prefix[..5].copy_from_slice(b"../..");
    });
    let deep = |depth: usize| new().pax(&[("path", "d/".repeat(depth).as_bytes())]).dir("d").end();
    let named = |length: usize| new().pax(&[("path", "n".repeat(length).as_bytes())]).file("n", b"").end();
    vec![
        ("a parent", new().file("../canary", b"x").end(), out()),
        ("a parent after a slash", new().file("/../canary", b"x").end(), out()),
        ("a parent after a dot", new().file("./../canary", b"x").end(), out()),
        ("a parent after a directory", new().dir("a").file("a/../../canary", b"x").end(), out()),
        ("a parent that stays inside", new().dir("a").file("a/../canary", b"x").end(), out()),
        ("many parents", new().file("a/../../../../../../../../../../tmp/canary", b"x").end(), out()),
        ("a parent at the end", new().dir("a").dir("a/..").end(), out()),
        ("a parent in the prefix field", prefix.end(), out()),
        ("a parent in a PAX path", new().pax(&[("path", b"../canary")]).file("a", b"x").end(), out()),
        ("a parent in a GNU long name", long_name(b"../canary\0").gnu_file("a", b"x").end(), out()),
        ("a link in a parent", new().symlink("../canary", "x").end(), out()),
        (
            "a directory of a parent",
            new().member(b'5', "../out", "", b"", |h| h.set_mode(0o777)).end(),
            out(),
        ),
        ("a fifo in a parent", new().member(b'6', "../canary", "", b"", |_| {}).end(), out()),
        ("a device in a parent", new().member(b'3', "../canary", "", b"", |_| {}).end(), out()),
        ("a whiteout in a parent", new().file("../.wh.canary", b"").end(), out()),
        ("the root, not a directory", new().file("/.", b"x").end(), Refused("the root is no directory")),
        ("the root, a link", new().symlink(".", "../out").end(), Refused("the root is no directory")),
        ("the root, a link with a slash", new().symlink("./", "../out").end(), Refused("named like one")),
        (
            "a NUL in a PAX path",
            new().pax(&[("path", b"a\0b")]).file("a", b"").end(),
            Refused("impossible value"),
        ),
        ("no name", new().file("", b"").end(), Refused("malformed name")),
        ("a file named like a directory", new().file("a/", b"").end(), Refused("named like one")),
        ("a name of 256 bytes", named(256), Refused("more than 255")),
        ("a path of 5,000 bytes", named(5000), Refused("malformed name")),
        ("a path of 129 components", deep(129), Refused("too deep")),
        ("an absolute path", new().file("/etc/canary", b"x").end(), Holds(&["etc", "etc/canary"])),
        ("slashes and dots", new().file(".//./a/.//b", b"x").end(), Holds(&["a", "a/b"])),
        ("names of dots", new().file("..a/...", b"x").end(), Holds(&["..a", "..a/..."])),
        ("backslashes", new().file("..\\..\\canary", b"x").end(), Holds(&["..\\..\\canary"])),
        ("a line break and an escape", new().file("a\n\x1b[2Jb", b"x").end(), Holds(&["a\n\x1b[2Jb"])),
    ]
}

fn links() -> Vec<Row> {
    let below = || Refused("which is no directory");
    let mut rows = Vec::new();
    for target in ["../out", "/", "sub", "."] {
        let link = new().dir("sub").symlink("l", target);
        rows.extend([
            ("a file below a link", link.clone().file("l/canary", b"x").end(), below()),
            ("a directory below a link", link.clone().dir("l/new").end(), below()),
            ("a link below a link", link.clone().symlink("l/new", "x").end(), below()),
            ("a whiteout below a link", link.clone().file("l/.wh.canary", b"").end(), below()),
            ("an opaque mark below a link", link.clone().file("l/.wh..wh..opq", b"").end(), below()),
            (
                "a hard link below a link",
                link.clone().file("f", b"").hard_link("l/canary", "f").end(),
                below(),
            ),
            (
                "a hard link to below a link",
                link.hard_link("h", "l/canary").end(),
                Refused("opening \"l\" failed"),
            ),
        ]);
    }
    let replaced = new().dir("d").dir("d/e").file("d/e/canary", b"x").symlink("d", "../out");
    let wide = |h: &mut tar::Header| h.set_mode(0o777);
    rows.extend([
        (
            "a chain of links",
            new().symlink("a", "b").symlink("b", "../out").file("a/canary", b"x").end(),
            below(),
        ),
        (
            "a hard link to a link",
            new().symlink("l", "../out").hard_link("h", "l").file("h/canary", b"x").end(),
            below(),
        ),
        ("a file below a file", new().file("f", b"").file("f/canary", b"x").end(), below()),
        ("a directory that became a link", replaced.clone().file("d/canary", b"x").end(), below()),
        ("deep in one that became a link", replaced.clone().file("d/e/canary", b"x").end(), below()),
        ("a link and back", replaced.dir("d").file("d/canary", b"x").end(), Holds(&["d", "d/canary"])),
        ("a file over a link", new().symlink("l", "../canary").file("l", b"x").end(), Holds(&["l"])),
        // CVE-2026-33056: the mode went through the link.
        (
            "a directory over a link",
            new().symlink("l", "../out").member(b'5', "l", "", b"", wide).end(),
            Holds(&["l"]),
        ),
        (
            "a fifo over a link",
            new().symlink("l", "../canary").member(b'6', "l", "", b"", |_| {}).end(),
            Holds(&["l"]),
        ),
        (
            "a device over a link",
            new().symlink("l", "../canary").member(b'3', "l", "", b"", |_| {}).end(),
            Holds(&["l"]),
        ),
        ("a link without a target", new().symlink("a", "").end(), Refused("kind that is not known")),
    ]);
    rows
}

fn hard_links() -> Vec<Row> {
    let none = || Refused("no file of this layer");
    let link = || new().symlink("l", "../canary").hard_link("h", "l");
    let up = || Refused("leads upwards");
    vec![
        ("a hard link out", new().hard_link("a", "../canary").end(), up()),
        ("a PAX hard link out", new().pax(&[("linkpath", b"../canary")]).hard_link("a", "b").end(), up()),
        ("a hard link to nothing", new().hard_link("h", "missing").end(), none()),
        ("a hard link to a directory", new().dir("d").hard_link("h", "d").end(), none()),
        ("a hard link to a whiteout", new().file(".wh.x", b"").hard_link("h", "x").end(), none()),
        ("a hard link to the root", new().hard_link("h", "/").end(), Refused("leads to the root")),
        ("a hard link to itself", new().file("h", b"x").hard_link("h", "h").end(), Refused("to itself")),
        ("a hard link to a later member", new().hard_link("h", "f").file("f", b"x").end(), none()),
        (
            "a hard link into what it replaces",
            new().file("d/f", b"x").hard_link("d", "d/f").end(),
            Refused("failed"),
        ),
        (
            "an absolute hard link",
            new().file("a/f", b"x").hard_link("h", "/a/f").end(),
            Holds(&["a", "a/f", "h"]),
        ),
        ("a file over a link's hard link", link().file("h", b"x").end(), Holds(&["h", "l"])),
    ]
}

fn whiteouts() -> Vec<Row> {
    let mut rows = Vec::new();
    for bad in [".wh.", ".wh..", ".wh...", "a/.wh...", ".wh..wh.", ".wh..wh.plnk", ".wh..wh..wh.x"] {
        rows.push(("a whiteout of no name", new().file(bad, b"").end(), Refused("hides no possible name")));
    }
    for bad in [".wh.a/x", ".wh.../x", ".wh..wh..opq/x"] {
        rows.push(("below a whiteout", new().file(bad, b"").end(), Refused("lies below a whiteout")));
    }
    let shape = || Refused("is no empty file");
    rows.extend([
        ("a whiteout with bytes", new().file(".wh.a", b"x").end(), shape()),
        ("a directory as whiteout", new().dir(".wh.a").end(), shape()),
        ("a link as opaque mark", new().symlink(".wh..wh..opq", "x").end(), shape()),
        ("a hard link as whiteout", new().file("f", b"").hard_link(".wh.a", "f").end(), shape()),
        (
            "a whiteout below a file",
            new().file("f", b"").file("f/.wh.x", b"").end(),
            Refused("which is no directory"),
        ),
        ("a device 0:0 as whiteout", new().member(b'3', "etc", "", b"", |_| {}).end(), Holds(&[])),
        ("a whiteout", new().file("d/.wh.gone", b"").end(), Holds(&["d", "d/gone"])),
        ("an opaque mark at the root", new().file(".wh..wh..opq", b"").end(), Holds(&[])),
    ]);
    rows
}
