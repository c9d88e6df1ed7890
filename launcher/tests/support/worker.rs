//! What stands for an archive in tests of the jail: lines that say what to try in it, in order. The first that fails is
//! the result.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{TcpStream, UdpSocket};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::chown;

use porthole_launcher::wire::Unpacked;

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
