//! What stands for an archive in tests of the jail: lines that say what to try in it, in order. The first that fails is
//! the result.

use std::fs::{self, File};
use std::io::Write;
use std::io::{BufRead, BufReader};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::chown;

use porthole_launcher::wire::{Failure, FailureKind, Unpacked};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, ResolveFlags, openat, openat2, statat};

/// Follows the lines of `script`.
pub(crate) fn follow(script: File, _layer: BorrowedFd<'_>) -> Result<Unpacked, String> {
    let mut entries = 0;
    for line in BufReader::new(script).lines() {
        let line = line.map_err(|error| error.to_string())?;
        try_out(&line).map_err(|error| format!("{line}: {error}"))?;
        entries += 1;
    }
    Ok(Unpacked { bytes: 0, entries, devices: 0 })
}

/// What stands for a job in tests of the jail: lines that say what to do with which of the roots; what is found out is
/// written as lines. The first that fails is the result.
pub(crate) fn work(
    script: &[u8],
    roots: &[OwnedFd],
    mut input: File,
    mut output: File,
) -> Result<(), Failure> {
    let refuse = |message: String| Failure { kind: FailureKind::BadRequest, message };
    let script = std::str::from_utf8(script).map_err(|error| refuse(error.to_string()))?;
    for line in script.lines() {
        let found = on_roots(line, roots, &mut input).map_err(|error| refuse(format!("{line}: {error}")))?;
        writeln!(output, "{found}").map_err(|error| refuse(error.to_string()))?;
    }
    Ok(())
}

fn on_roots(line: &str, roots: &[OwnedFd], input: &mut File) -> std::io::Result<String> {
    let words: Vec<&str> = line.split(' ').collect();
    let root =
        |n: &str| n.parse().ok().and_then(|n: usize| roots.get(n)).ok_or(std::io::ErrorKind::InvalidInput);
    let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    match words[..] {
        ["roots"] => Ok(roots.len().to_string()),
        ["names", n] => {
            let directory = openat(root(n)?, ".", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
            let entries = Dir::read_from(&directory)?
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
            let mut names = entries.collect::<std::io::Result<Vec<_>>>()?;
            names.retain(|name| name != "." && name != "..");
            names.sort();
            Ok(names.join(" "))
        }
        ["owner", n, path] => Ok(statat(root(n)?, path, AtFlags::SYMLINK_NOFOLLOW)?.st_uid.to_string()),
        ["cat", n, path] => {
            let file = openat2(root(n)?, path, OFlags::RDONLY, Mode::empty(), inside)?;
            std::io::read_to_string(File::from(file))
        }
        ["put", n, path] => {
            let flags = OFlags::WRONLY | OFlags::CREATE;
            let file = openat2(root(n)?, path, flags, Mode::from_raw_mode(0o644), inside)?;
            Ok(std::io::copy(input, &mut File::from(file))?.to_string())
        }
        // Until the other end is closed.
        ["wait"] => Ok(std::io::copy(input, &mut std::io::sink())?.to_string()),
        _ => try_out(line).map(|()| "done".to_owned()),
    }
}

fn try_out(line: &str) -> std::io::Result<()> {
    match line.split(' ').collect::<Vec<_>>()[..] {
        ["write", path] => fs::write(path, "text"),
        ["own", path, id] => chown(path, id.parse().ok(), id.parse().ok()),
        ["read", path] => fs::read(path).map(drop),
        ["list", path, most] => {
            let found = fs::read_dir(path)?.count();
            if found <= most.parse().unwrap_or(0) {
                Ok(())
            } else {
                Err(std::io::Error::other(found.to_string()))
            }
        }
        ["connect"] => TcpStream::connect("127.0.0.1:1").map(drop),
        ["send"] => UdpSocket::bind("0.0.0.0:0")?.send_to(b"x", "192.0.2.1:9").map(drop),
        ["whiteout", path] => node(path, 0, 0),
        ["device", path] => node(path, 8, 0),
        ["allocate"] => {
            let bytes = vec![1u8; 3 << 30];
            Err(std::io::Error::other(format!("{} bytes could be had", bytes.len())))
        }
        ["panic"] => panic!("as the script says"),
        ["spin"] => loop {
            std::hint::spin_loop();
        },
        _ => Err(std::io::ErrorKind::InvalidInput.into()),
    }
}

fn node(path: &str, major: u64, minor: u64) -> std::io::Result<()> {
    use nix::sys::stat::{Mode, SFlag, makedev, mknod};
    let kind = if (major, minor) == (0, 0) { SFlag::S_IFCHR } else { SFlag::S_IFBLK };
    Ok(mknod(path, kind, Mode::S_IRUSR, makedev(major, minor))?)
}
