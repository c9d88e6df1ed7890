//! Every target with its corpus, and with changed copies of it: what a fuzzer finds in its first seconds.
//!
//! `PORTHOLE_FUZZ_SEED` makes a run again, `PORTHOLE_FUZZ_CHANGES` is how many copies each target gets.
#![allow(clippy::unwrap_used, reason = "what a test cannot go on without ends it")]

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use porthole_fuzz::{TARGETS, Target};

/// Changed copies of a corpus for each target: a few seconds for all of them.
const CHANGES: u64 = 1000;

/// Longest input, in bytes.
const LONGEST: usize = 16 * 1024;

/// What parsers are often wrong about.
const WORDS: [&[u8]; 14] = [
    b"\0",
    b"\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x80",
    b"/",
    b"../",
    b"\"",
    b"\\",
    b"{",
    b"[",
    b":",
    b"18446744073709551615",
    b"-1",
    "é".as_bytes(),
    b"\n",
];

/// Numbers that look random and come again with their seed (xorshift, Marsaglia 2003).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 8).unwrap() % bound
    }
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// A copy with one to four changes.
fn changed(input: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut copy = input.to_vec();
    for _ in 0..=numbers.below(4) {
        let at = numbers.below(copy.len() + 1);
        match numbers.below(7) {
            0 if at < copy.len() => copy[at] ^= 1 << numbers.below(8),
            1 if at < copy.len() => copy[at] = u8::try_from(numbers.below(256)).unwrap(),
            2 => copy.truncate(at),
            3 => {
                let word = WORDS[numbers.below(WORDS.len())];
                copy.splice(at..at, word.iter().copied());
            }
            4 => {
                let end = (at + numbers.below(64)).min(copy.len());
                copy.drain(at..end);
            }
            5 => {
                let end = (at + numbers.below(600)).min(copy.len());
                let again = copy[at..end].to_vec();
                copy.splice(at..at, again);
            }
            _ => {
                let from = numbers.below(other.len() + 1);
                copy.truncate(at);
                copy.extend(&other[from..]);
            }
        }
    }
    copy.truncate(LONGEST);
    copy
}

fn give((name, target): Target, input: &[u8]) {
    let given = catch_unwind(AssertUnwindSafe(|| target(input)));
    if given.is_err() {
        let file = std::env::temp_dir().join(format!("porthole-fuzz-{name}"));
        fs::write(&file, input).unwrap();
        panic!("{name} does not bear what is in {}; keep it in fuzz/corpus/{name}", file.display());
    }
}

#[test]
fn every_corpus_is_that_of_a_door() {
    let corpora = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")).unwrap();
    let mut names: Vec<_> = corpora.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let mut doors = TARGETS.map(|(name, _)| name);
    doors.sort_unstable();
    assert_eq!(names, doors);
}

#[test]
fn no_door_breaks_under_its_corpus_or_changed_copies_of_it() {
    let setting = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = setting("PORTHOLE_FUZZ_SEED").unwrap_or(u64::from(now.subsec_nanos())) | 1;
    eprintln!("PORTHOLE_FUZZ_SEED={seed}");
    for target in TARGETS {
        let corpus = corpus(target.0);
        assert!(!corpus.is_empty(), "{} has no corpus", target.0);
        corpus.iter().for_each(|input| give(target, input));
        let mut numbers = Numbers(seed);
        for _ in 0..setting("PORTHOLE_FUZZ_CHANGES").unwrap_or(CHANGES) {
            let [one, other] = [(); 2].map(|()| &corpus[numbers.below(corpus.len())]);
            give(target, &changed(one, other, &mut numbers));
        }
    }
}
