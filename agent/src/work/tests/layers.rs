//! Layers in temporary directories, described by lines: `d PATH`, `o PATH` (an opaque directory), `f PATH TEXT`,
//! `l PATH TARGET`, `w PATH` (a whiteout), `h PATH OLD` (a hard link).

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{CWD, FileType, Mode, Timespec, Timestamps, XattrFlags, fsetxattr, mknodat, utimensat};

/// Says loudly when a test that needs root is left out.
pub(in crate::work) fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED {test}: whiteouts are made by root");
    }
    root
}

pub(in crate::work) struct Layers(tempfile::TempDir, usize);

impl Layers {
    /// Makes layers, topmost first.
    pub(in crate::work) fn new(layers: &[&[&str]]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = Self(dir, layers.len());
        for (n, lines) in layers.iter().enumerate() {
            fs::create_dir(made.path(n)).unwrap();
            lines.iter().for_each(|line| made.make(n, line));
        }
        made
    }

    pub(in crate::work) fn path(&self, layer: usize) -> PathBuf {
        self.0.path().join(layer.to_string())
    }

    pub(in crate::work) fn open(&self) -> Vec<OwnedFd> {
        (0..self.1).map(|n| File::open(self.path(n)).unwrap().into()).collect()
    }

    fn make(&self, layer: usize, line: &str) {
        let words: Vec<&str> = line.splitn(3, ' ').collect();
        let path = self.path(layer).join(words[1]);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let third = words.get(2).copied().unwrap_or_default();
        match words[0] {
            "d" => fs::create_dir_all(&path).unwrap(),
            "o" => {
                fs::create_dir_all(&path).unwrap();
                let opened = File::open(&path).unwrap();
                fsetxattr(opened.as_fd(), "user.overlay.opaque", b"y", XattrFlags::empty()).unwrap();
            }
            "f" => fs::write(&path, third).unwrap(),
            "l" => std::os::unix::fs::symlink(third, &path).unwrap(),
            "w" => mknodat(CWD, &path, FileType::CharacterDevice, Mode::empty(), 0).unwrap(),
            "h" => fs::hard_link(self.path(layer).join(third), &path).unwrap(),
            _ => panic!("{line}"),
        }
        // One time for all, so that only content and attributes tell files apart.
        let time = Timespec { tv_sec: 1_700_000_000, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(CWD, &path, &times, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
}
