//! A container changes a path in the very moment it is used: none of it may ever lead out. Each test names the holes that
//! other engines had (CVE-2018-15664, CVE-2019-14271, CVE-2021-30465).

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::work::extract::{extract, write};
use crate::work::root::Root;

/// How often each thing is tried. Hundreds of them meet the moment between two looks; writing takes longer.
const READS: usize = 4000;
const WRITES: usize = 300;

/// A root in which `d` is by turns a directory and a link to a directory outside, while `work` is done in it.
fn while_flipping(target: fn(&Path) -> String, times: usize, work: impl Fn(Root<'_>)) {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("secret"), "canary").unwrap();
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("d")).unwrap();
    symlink(target(host.path()), root.path().join("other")).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let (d, other) = (root.path().join("d"), root.path().join("other"));
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, &d, CWD, &other, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let opened = File::open(root.path()).unwrap();
        for _ in 0..times {
            work(Root(opened.as_fd()));
        }
        done.store(true, Ordering::Relaxed);
    });
    let names: Vec<_> = fs::read_dir(host.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["secret"], "nothing came into the host's directory");
    assert_eq!(fs::read_to_string(host.path().join("secret")).unwrap(), "canary");
}

/// What `d` leads to: the host's directory by its name, by climbing, and through a process's root.
const WAYS_OUT: [fn(&Path) -> String; 3] = [
    |host| host.display().to_string(),
    |host| format!("{}{}", "../".repeat(30), host.display()),
    |host| format!("/proc/self/root{}", host.display()),
];

#[test]
fn reading_a_path_that_flips_never_reads_the_host() {
    for target in WAYS_OUT {
        while_flipping(target, READS, |root| {
            if let Ok((_, mut file)) = root.file(b"/d/secret") {
                let mut text = String::new();
                file.read_to_string(&mut text).unwrap();
                panic!("the host's file was read: {text}");
            }
            let mut archive = Vec::new();
            if let Ok(place) = root.place(b"/d/")
                && place.archive(b"d", &mut archive).is_ok()
            {
                assert!(!archive.windows(6).any(|bytes| bytes == b"secret"), "the host's names were read");
            }
        });
    }
}

#[test]
fn writing_to_a_path_that_flips_never_writes_to_the_host() {
    let mut tar = tar::Builder::new(tempfile::tempfile().unwrap());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_uid(rustix::process::getuid().as_raw().into());
    header.set_gid(rustix::process::getgid().as_raw().into());
    header.set_size(3);
    for path in ["secret", "d/secret"] {
        tar.append_data(&mut header, path, &b"new"[..]).unwrap();
    }
    let tar = tar.into_inner().unwrap();
    let again = || {
        let mut file = tar.try_clone().unwrap();
        file.rewind().unwrap();
        file
    };
    for target in WAYS_OUT {
        while_flipping(target, WRITES, |root| {
            let _ = extract(root, b"/d", again());
            let _ = extract(root, b"/", again());
            let mut upload = tempfile::tempfile().unwrap();
            upload.write_all(b"new").unwrap();
            upload.rewind().unwrap();
            let _ = write(root, b"/d/secret", 0o644, 3, upload);
        });
    }
}
