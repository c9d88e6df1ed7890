//! What the kernel says about a container, as text for the agent to parse.

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};

use crate::container::Container;
use crate::engine::Engine;
use crate::wire::KernelTexts;

/// Bytes of one text.
const MAX_TEXT: u64 = 16 * 1024;

/// Pids that are told.
const MAX_PIDS: usize = 4096;

/// Processes whose status is told.
const MAX_PROCESSES: usize = 200;

/// Bytes of one status: identity and memory come first. Of one command line, and of both of all processes together: what a
/// container runs must not make the answer too large to send.
const MAX_STATUS: u64 = 800;
const MAX_COMMAND: u64 = 256;
const MAX_PROCESS_BYTES: usize = 64 * 1024;

/// Entries of the writable layer that are counted, so that a container cannot keep the launcher busy by making files.
const MAX_COUNTED: usize = 10_000;

/// Files in `/proc/PID/ns`.
const NAMESPACES: [&str; 7] = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];

impl Engine {
    /// The texts about a living container.
    pub(crate) fn texts(&self, container: &Container, init: u32) -> KernelTexts {
        let first = container.processes.get(&0).and_then(|process| process.child.as_ref());
        let first = first.map_or(init, |child| child.number());
        let mut pids = self.cgroups.pids(&container.id);
        if pids.is_empty() {
            pids = members(init);
        }
        pids.truncate(MAX_PIDS);
        let (mut statuses, mut command_lines, mut bytes) = (Vec::new(), Vec::new(), 0);
        for &pid in pids.iter().take(MAX_PROCESSES) {
            let (status, command_line) = (text(pid, "status", MAX_STATUS), command_line(pid));
            bytes += status.len() + command_line.len();
            if bytes > MAX_PROCESS_BYTES {
                break;
            }
            statuses.push(status);
            command_lines.push(command_line);
        }
        KernelTexts {
            namespaces: namespaces(init),
            uid_map: text(init, "uid_map", MAX_TEXT),
            gid_map: text(init, "gid_map", MAX_TEXT),
            status: text(first, "status", MAX_TEXT),
            mountinfo: text(init, "mountinfo", MAX_TEXT),
            hostname: container.hostname.clone(),
            statuses,
            command_lines,
            cgroup_path: self.host.cgroup_of(&container.id),
            writable_bytes: container
                .disk
                .usage()
                .first()
                .map_or_else(|| counted_bytes(container.disk.root()), |disk| disk.usage),
            tcp: tcp(init),
            pids,
            uname: container.uname(),
        }
    }
}

/// The processes of a container that no cgroup holds, as an ordinary user's: those in its process namespace, of which it can make
/// no others.
fn members(init: u32) -> Vec<u32> {
    let inode = |pid: u32| fs::metadata(format!("/proc/{pid}/ns/pid")).ok().map(|metadata| metadata.ino());
    let Some(own) = inode(init) else { return Vec::new() };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| inode(*pid) == Some(own)).take(MAX_PIDS).collect()
}

/// The kernel lists sockets that listen before all others.
pub(crate) fn tcp(init: u32) -> [String; 2] {
    ["net/tcp", "net/tcp6"].map(|file| text(init, file, MAX_TEXT))
}

fn namespaces(pid: u32) -> Vec<(String, u64)> {
    let inode = |name: &&str| {
        let metadata = fs::metadata(format!("/proc/{pid}/ns/{name}")).ok()?;
        Some(((*name).to_owned(), metadata.ino()))
    };
    NAMESPACES.iter().filter_map(inode).collect()
}

/// The beginning of a file of a process; empty when it is gone.
fn text(pid: u32, file: &str, longest: u64) -> String {
    let mut bytes = Vec::new();
    let _ = File::open(format!("/proc/{pid}/{file}")).map(|file| file.take(longest).read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn command_line(pid: u32) -> String {
    text(pid, "cmdline", MAX_COMMAND).trim_end_matches('\0').replace('\0', " ")
}

/// Bytes on disk of a writable layer that the kernel does not count, as far as they are counted.
fn counted_bytes(layer: BorrowedFd<'_>) -> u64 {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let upper = openat(layer, "upper", flags, Mode::empty());
    let mut directories: Vec<OwnedFd> = upper.into_iter().collect();
    let (mut bytes, mut counted) = (0, 0);
    while let Some(directory) = directories.pop() {
        let Ok(entries) = Dir::read_from(&directory) else { continue };
        for entry in entries.flatten() {
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            counted += 1;
            if counted > MAX_COUNTED {
                return bytes;
            }
            if let Ok(stat) = statat(&directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                bytes += stat.st_blocks.cast_unsigned() * 512;
            }
            // Few are open at once: the deepest first.
            if entry.file_type() == FileType::Directory && directories.len() < 64 {
                directories.extend(openat(&directory, entry.file_name(), flags, Mode::empty()));
            }
        }
    }
    bytes
}
