//! The encoding between agent and launcher changes only with its number: an agent that was replaced while containers run must
//! not take one message of the old launcher for another.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use porthole_launcher::wire::WIRE;

/// What was written down when the encoding last changed: its number, and a sum of all types that are encoded.
const WRITTEN_DOWN: (u32, u64) = (3, 13930990416121916474);

/// Sources with a type that is encoded, in an order that is always the same.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(sources(&path)),
            false => all.push(path),
        }
    }
    all.sort();
    all
}

/// The lines of each type that derives `Serialize`, without comments: order and types of fields and variants are the encoding.
fn encoded_types(text: &str) -> Vec<&str> {
    let mut lines = text.lines().map(str::trim_end);
    let mut types = Vec::new();
    while let Some(line) = lines.next() {
        if !(line.starts_with("#[derive(") && line.contains("Serialize")) {
            continue;
        }
        for line in lines.by_ref() {
            if !line.trim_start().starts_with("//") {
                types.push(line.trim());
            }
            if line == "}" || line.ends_with(';') && !line.starts_with(' ') {
                break;
            }
        }
    }
    types
}

/// FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>): it need not resist anybody.
fn sum(lines: &[String]) -> u64 {
    let bytes = lines.iter().flat_map(|line| line.bytes().chain([b'\n']));
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn the_encoding_changes_only_with_its_number() {
    let files = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let texts: Vec<_> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let types: Vec<String> = texts.iter().flat_map(|text| encoded_types(text)).map(str::to_owned).collect();
    assert!(types.iter().any(|line| line.contains("enum RequestBody")), "the types are found");
    assert_eq!(
        (WIRE, sum(&types)),
        WRITTEN_DOWN,
        "a type that agent and launcher exchange has changed: raise WIRE by one and write both numbers down here"
    );
}
