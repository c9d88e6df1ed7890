//! What can be seen of, and done to, processes that are on their way into the container.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Outcome, outcome};
use crate::see;

/// How long processes are watched for.
const WATCHED: Duration = Duration::from_secs(4);

/// A word of the host's environment that nobody inside may read.
const SECRET: &[u8] = b"PORTHOLE_ESCAPES";

/// Other processes.
fn others() -> impl Iterator<Item = i32> {
    let own = std::process::id().cast_signed();
    see::pids().into_iter().filter(move |pid| *pid != own)
}

/// A program that is not of the container: neither in memory nor to be found by its name here. (Numbers of devices say
/// nothing: overlayfs gives files other ones than directories.)
fn foreign(pid: i32) -> Option<(File, PathBuf)> {
    let link = PathBuf::from(format!("/proc/{pid}/exe"));
    let program = File::open(&link).ok()?;
    let name = fs::read_link(&link).ok()?;
    let in_memory = name.as_os_str().as_encoded_bytes().starts_with(b"/memfd:");
    (!in_memory && !is_at(&program.metadata().ok()?, &name)).then_some((program, name))
}

/// Whether the file of this name is that one.
fn is_at(file: &fs::Metadata, name: &Path) -> bool {
    fs::metadata(name).is_ok_and(|found| (found.dev(), found.ino()) == (file.dev(), file.ino()))
}

/// What may be changed of a program that somebody has opened for reading only.
fn changeable(program: &File) -> Option<&'static str> {
    let mode = program.metadata().ok()?.permissions().mode();
    if program.set_permissions(fs::Permissions::from_mode(mode)).is_ok() {
        return Some("its mode");
    }
    let again = format!("/proc/self/fd/{}", program.as_raw_fd());
    match OpenOptions::new().write(true).open(again) {
        Ok(_) => Some("its contents"),
        // The kernel says so before it looks at the mount.
        Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy && !is_read_only(program) => {
            Some("its contents, once nobody runs it")
        }
        Err(_) => None,
    }
}

/// Whether the mount that a file was opened on takes no write.
fn is_read_only(file: &File) -> bool {
    nix::sys::statvfs::fstatvfs(file)
        .is_ok_and(|found| found.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY))
}

/// Opens every other process's program for as long as others enter, and then for writing by that descriptor.
pub(super) fn overwrite() -> Outcome {
    let begun = Instant::now();
    let (mut opened, mut through) = (0, Vec::new());
    while begun.elapsed() < WATCHED {
        for pid in others() {
            let Ok(program) = File::open(format!("/proc/{pid}/exe")) else { continue };
            opened += 1;
            let memory =
                OpenOptions::new().write(true).open(format!("/proc/self/fd/{}", program.as_raw_fd()));
            if pid == 1 && memory.is_ok_and(|mut memory| std::io::Write::write(&mut memory, b"x").is_ok()) {
                through.push("the program of process 1".to_owned());
            }
            if let Some((program, name)) = foreign(pid) {
                through.push(format!("{} ({:?})", name.display(), changeable(&program)));
            }
        }
    }
    outcome(&through, format!("{opened} programs opened, all of them the container's own"))
}

/// Whether a program of the host that runs in here can be changed.
pub(super) fn change_programs() -> Outcome {
    let (mut seen, mut through) = (0, Vec::new());
    for (program, name) in others().filter_map(foreign) {
        seen += 1;
        through.extend(changeable(&program).map(|what| format!("{} of {}", what, name.display())));
    }
    outcome(&through, format!("{seen} programs of the host seen"))
}

/// Reads all there is of processes that enter.
pub(super) fn watch() -> Outcome {
    let begun = Instant::now();
    let (mut rounds, mut through) = (0, Vec::new());
    while begun.elapsed() < WATCHED {
        rounds += 1;
        for pid in others() {
            if let Some((_, name)) = foreign(pid) {
                through.push(format!("exe {}", name.display()));
            }
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            if environment.windows(SECRET.len()).any(|word| word == SECRET) {
                through.push("environ".to_owned());
            }
            through.extend(leaks(pid));
        }
    }
    outcome(&through, format!("nothing in {rounds} rounds"))
}

/// Descriptors of a process that are neither pipes, nor terminals, nor files of the container.
fn leaks(pid: i32) -> Vec<String> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let leak = |path: PathBuf| {
        let target = fs::read_link(&path).ok()?;
        let inside = fs::metadata(&path).is_ok_and(|file| is_at(&file, &target));
        let name = target.display().to_string();
        let known = ["pipe:", "/dev/null", "/dev/pts/", "/dev/console", "/proc/"];
        (!inside && !known.iter().any(|known| name.starts_with(known)))
            .then(|| format!("{}: {name}", path.display()))
    };
    entries.flatten().filter_map(|entry| leak(entry.path())).collect()
}

/// Every descriptor of every process in the container.
pub(super) fn descriptors() -> Outcome {
    let pids = see::pids();
    let through: Vec<String> = pids.iter().flat_map(|pid| leaks(*pid)).collect();
    let count = |pid: &i32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
    let open: usize = pids.iter().map(count).sum();
    outcome(&through, format!("{open} descriptors of {} processes: pipes and terminals", pids.len()))
}
