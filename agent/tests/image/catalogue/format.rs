//! Headers and contents that contradict themselves, could be read in two ways, or ask for too much.

use super::Outcome::{Holds, Refused};
use super::{Row, long_name, new};

/// All of them.
pub fn rows() -> Vec<Row> {
    [extensions(), fields(), ends(), sparse(), floods()].concat()
}

/// Extended headers: whatever two readers could understand differently.
fn extensions() -> Vec<Row> {
    let inner = new().file("smuggled", b"x").cut();
    let length = inner.len().to_string();
    let pax = |records: &[(&str, &[u8])]| new().pax(records);
    let sized = || pax(&[("size", length.as_bytes())]);
    let two = || Refused("two extended headers");
    let contradicts = || Refused("contradicts its header");
    let both = || Refused("name the same member");
    let global = |body: &[u8]| new().member(b'g', "pax", "", body, |_| {});
    let raw_pax = |body: &[u8]| new().member(b'x', "pax", "", body, |_| {}).file("a", b"").end();
    let mut rows = vec![
        // CVE-2025-62518: one reader skips these bytes, another reads headers there.
        ("a PAX size above the header's", sized().file("a", b"").raw(&inner).end(), contradicts()),
        ("a PAX size below the header's", pax(&[("size", b"0")]).file("a", &inner).end(), contradicts()),
        ("a negative PAX size", pax(&[("size", b"-1")]).file("a", &inner).end(), Refused("not a number")),
        (
            "a PAX size of 2^64",
            pax(&[("size", b"18446744073709551616")]).file("a", b"").end(),
            Refused("not a number"),
        ),
        (
            "a PAX size beyond all",
            pax(&[("size", b"18446744073709551615")]).file("a", b"").end(),
            Refused("out of range"),
        ),
        (
            "a PAX size that never comes",
            pax(&[("size", b"8589934592")]).file("a", b"").end(),
            Refused("middle of a member"),
        ),
        ("two PAX headers", sized().pax(&[("path", b"b")]).file("a", b"").end(), two()),
        ("two long names", long_name(b"b\0").raw(&long_name(b"c\0").cut()).gnu_file("a", b"").end(), two()),
        ("a long name and a PAX path", long_name(b"b\0").pax(&[("path", b"c")]).file("a", b"").end(), both()),
        (
            "a long name of two ends",
            long_name(b"b\0c\0").gnu_file("a", b"").end(),
            Refused("long name is malformed"),
        ),
        (
            "a long name without an end",
            long_name(b"b").gnu_file("a", b"").end(),
            Refused("long name is malformed"),
        ),
        (
            "PAX before a GNU member",
            pax(&[("path", b"b")]).gnu_file("a", b"").end(),
            Refused("another format"),
        ),
        (
            "the same key twice",
            pax(&[("path", b"b"), ("path", b"c")]).file("a", b"").end(),
            Refused("comes twice"),
        ),
        ("a global path", global(b"10 path=b\n").file("a", b"").end(), Refused("global header")),
        ("a global size", global(b"10 size=9\n").file("a", b"").end(), Refused("global header")),
        ("a global comment", global(b"13 comment=b\n").file("a", b"").end(), Holds(&["a"])),
        ("PAX at the end", pax(&[("path", b"b")]).end(), Refused("describes nothing")),
        ("a record longer than its header", raw_pax(b"99 path=b\n"), Refused("record is malformed")),
        ("a record shorter than it says", raw_pax(b"9 path=b\n\n"), Refused("record is malformed")),
        ("a record of length 0", raw_pax(b"0 path=b\n"), Refused("record is malformed")),
        ("a signed record length", raw_pax(b"+10 path=b\n"), Refused("record is malformed")),
        ("a record without a value", raw_pax(b"6 path\n"), Refused("record is malformed")),
        ("a time that is none", pax(&[("mtime", b"1e9")]).file("a", b"").end(), Refused("not a time")),
        (
            "a time beyond all",
            pax(&[("mtime", b"99999999999999999999")]).file("a", b"").end(),
            Refused("not a time"),
        ),
        ("an owner that is none", pax(&[("uid", b"0x0")]).file("a", b"").end(), Refused("not a number")),
        (
            "an owner outside",
            pax(&[("uid", b"4294967296")]).file("a", b"").end(),
            Refused("ids end at 65535"),
        ),
    ];
    // What stores no bytes and says it does: some skip them, some read headers there.
    for kind in *b"123456" {
        rows.push((
            "bytes of no file",
            new().member(kind, "a", "b", &inner, |_| {}).end(),
            Refused("stores bytes"),
        ));
    }
    rows
}

fn fields() -> Vec<Row> {
    let size =
        |size: &'static [u8; 12]| new().member(b'0', "a", "", b"", |h| h.as_old_mut().size = *size).end();
    let mut rows = Vec::new();
    for bad in [
        b"+0000000000\0",
        b"-0000000001\0",
        b"00000000009\0",
        b"0 0000000000",
        b"            ",
        b"\x80\0\0\x01\0\0\0\0\0\0\0\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xc0\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        rows.push(("a size that is none", size(bad), Refused("size is malformed")));
    }
    for kind in *b"ZVMDNAX" {
        let member = new().member(kind, "a", "", b"", |_| {}).end();
        rows.push(("a kind of its own", member, Refused("kind that is not known")));
    }
    let old =
        |change: fn(&mut tar::OldHeader)| new().member(b'0', "a", "", b"", |h| change(h.as_old_mut())).end();
    let binary =
        new().member(b'0', "a", "", b"x", |h| h.as_old_mut().size = *b"\x80\0\0\0\0\0\0\0\0\0\0\x01");
    // Sun's tar summed signed bytes. Readers that take either see two archives in one.
    let mut signed = new().member(b'0', "a\u{e9}", "", b"", |_| {}).end();
    let sum = signed[..512].iter().enumerate().map(|(at, &b)| match at {
        148..156 => i32::from(b' '),
        _ => i32::from(b.cast_signed()),
    });
    let sum = format!("{:06o}\0 ", sum.sum::<i32>());
    signed[148..156].copy_from_slice(sum.as_bytes());
    rows.extend([
        ("a mode that is none", old(|h| h.mode = *b"644x\0\0\0\0"), Refused("malformed mode")),
        ("an owner below zero", old(|h| h.uid = *b"-1\0\0\0\0\0\0"), Refused("malformed owner")),
        ("an owner of 65,536", old(|h| h.uid = *b"0200000\0"), Refused("ids end at 65535")),
        (
            "a time before 1970",
            old(|h| h.mtime = *b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00"),
            Holds(&["a"]),
        ),
        (
            "a time after the sun's",
            old(|h| h.mtime = *b"\x80\0\0\0\x0f\xff\xff\xff\xff\xff\xff\xff"),
            Holds(&["a"]),
        ),
        ("a size of base 256", binary.end(), Holds(&["a"])),
        ("a sum of signed bytes", signed, Refused("checksum")),
    ]);
    rows
}

fn ends() -> Vec<Row> {
    let one = || new().file("a", b"x");
    let cut = |length: usize| new().file("a", &[1; 600]).cut()[..length].to_vec();
    vec![
        ("half an end mark", one().raw(&[0; 512]).file("b", b"x").end(), Refused("half an end mark")),
        ("cut in a member", cut(1024), Refused("middle of a member")),
        ("cut in a header", cut(100), Refused("middle of a block")),
        ("no archive", b"<html>not found</html>".to_vec(), Refused("middle of a block")),
        ("no archive of a block's length", vec![b'x'; 1024], Refused("checksum")),
        ("an archive behind the end", [one().end(), new().file("../b", b"x").end()].concat(), Holds(&["a"])),
        ("noise behind the end", [one().end(), vec![b'x'; 700]].concat(), Holds(&["a"])),
    ]
}

fn sparse() -> Vec<Row> {
    let pax = |size: &str, map: &[u8], stored: &[u8]| {
        let mut body = map.to_vec();
        body.resize(512, 0);
        body.extend_from_slice(stored);
        new()
            .pax(&[
                ("GNU.sparse.major", b"1"),
                ("GNU.sparse.minor", b"0"),
                ("GNU.sparse.realsize", size.as_bytes()),
            ])
            .file("s", &body)
            .end()
    };
    let old = |blocks: &[u8], more: &[(&str, &[u8])], stored: &[u8]| {
        let records = [&[("GNU.sparse.size", &b"100"[..]), ("GNU.sparse.numblocks", blocks)], more].concat();
        new().pax(&records).file("s", stored).end()
    };
    let offset = |value: &'static [u8]| ("GNU.sparse.offset", value);
    let length = |value: &'static [u8]| ("GNU.sparse.numbytes", value);
    let map = |value: &'static [u8]| ("GNU.sparse.map", value);
    let gnu = |size: &'static [u8; 12], offset: &'static [u8; 12]| {
        let member = new().gnu_member(b'S', "s", b"x", |header| {
            let header = header.as_gnu_mut().unwrap();
            header.realsize = *size;
            header.sparse[0].offset = *offset;
            header.sparse[0].numbytes = *b"00000000001\0";
        });
        member.end()
    };
    let malformed = || Refused("map is malformed");
    let huge = "9223372036854775807";
    vec![
        ("8 EiB of nothing", pax(huge, b"0\n", b""), Refused("unpacks to more than")),
        (
            "8 EiB of nothing, GNU",
            gnu(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", b"00000000000\0"),
            Refused("unpacks to more than"),
        ),
        ("a part beyond 2^64", pax(huge, b"1\n18446744073709551615\n2\n", b"xx"), Refused("overlap")),
        ("a map without an end", pax(huge, &[b'1'; 512], b""), malformed()),
        ("parts that overlap", pax(huge, b"2\n0\n5\n4\n5\n", b"0123456789"), Refused("overlap")),
        ("parts that descend", pax(huge, b"2\n5\n5\n0\n5\n", b"0123456789"), Refused("overlap")),
        ("a part behind the end", gnu(b"00000000001\0", b"00000000007\0"), Refused("contradicts its size")),
        ("more stored than mapped", pax("9", b"1\n0\n1\n", b"xy"), Refused("contradicts its size")),
        (
            "a map of 0.0",
            old(b"2", &[offset(b"0"), length(b"1"), offset(b"9"), length(b"1")], b"xy"),
            Holds(&["s"]),
        ),
        ("a map of 0.0 out of turn", old(b"1", &[length(b"1"), offset(b"0")], b"x"), malformed()),
        ("half a map of 0.0", old(b"1", &[offset(b"0")], b""), Refused("another length")),
        ("two maps", old(b"1", &[offset(b"0"), length(b"1"), map(b"0,1")], b"x"), malformed()),
        ("a map of 0.1", old(b"2", &[map(b"0,1,9,1")], b"xy"), Holds(&["s"])),
        ("a map of 0.1 that lies", old(b"3", &[map(b"0,1,9,1")], b"xy"), Refused("another length")),
        ("a map of 0.1 without numbers", old(b"1", &[map(b"0,-1")], b""), malformed()),
        ("no map", old(b"0", &[], b"x"), Refused("contradicts its size")),
        ("two sizes", old(b"0", &[("GNU.sparse.realsize", b"7")], b""), Refused("format that is not known")),
        (
            "a way out in the sparse name",
            old(b"0", &[("GNU.sparse.name", b"../canary")], b""),
            Refused("leads upwards"),
        ),
        (
            "a sparse directory",
            new().pax(&[("GNU.sparse.size", b"1")]).dir("d").end(),
            Refused("not regular"),
        ),
        (
            "a GNU sparse file, not GNU's",
            new().member(b'S', "s", "", b"", |_| {}).end(),
            Refused("format that has none"),
        ),
    ]
}

fn floods() -> Vec<Row> {
    let value = vec![b'x'; 70_000];
    let attribute = format!("SCHILY.xattr.user.{}", "n".repeat(300));
    let header = |size: u64| new().member(b'x', "pax", "", b"", |h| h.set_size(size)).end();
    vec![
        ("an endless extended header", header(1 << 32), Refused("too large")),
        ("an extended header of a mebibyte and one", header((1 << 20) + 1), Refused("too large")),
        (
            "an attribute of 70,000 bytes",
            new().pax(&[("SCHILY.xattr.user.x", &value)]).file("a", b"").end(),
            Refused("setting the attribute"),
        ),
        (
            "an attribute of a long name",
            new().pax(&[(&attribute, b"x")]).file("a", b"").end(),
            Refused("setting the attribute"),
        ),
    ]
}
