//! Trying a runtime: one container with nothing in it but a program that ends at once. What a runtime cannot do on this host, and
//! does not say by its version, comes out here.

use std::fs::{self, DirBuilder};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::thread::UnshareFlags;

use super::json::Json;
use super::runtime::{ENVIRONMENT, Files, Runtime};
use super::start::last_words;
use crate::container::Child;
use crate::sys::{self, Cloned};

/// Longest time that it may take: a hundred times what it takes.
const PATIENCE: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };

/// Where its files are: in memory, and in a mount namespace that ends with it.
const PLACE: &str = "/tmp";

/// First host id of the container's: those of no user, in no other container meanwhile.
const IDS: u32 = 4_000_000_000;

/// Runs it to its end, in a process with process ids and mounts of its own, so that whatever hangs ends with that.
///
/// # Errors
/// Why it cannot be used, in a sentence.
pub(super) fn attempt(runtime: &Runtime) -> Result<(), String> {
    let internal = |error: io::Error| format!("it cannot be tried: {error}.");
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).map_err(|errno| internal(errno.into()))?;
    let own = UnshareFlags::NEWNS | UnshareFlags::NEWPID;
    match sys::clone(own.bits().into(), None).map_err(internal)? {
        Cloned::Child => {
            let said = run(runtime).err().unwrap_or_default();
            // Nobody hears it when this fails, and the trial has then failed as well.
            let told = fs::File::from(writer).write_all(format!("{said}\n").as_bytes());
            sys::exit(i32::from(told.is_err()))
        }
        Cloned::Parent { pid, pidfd } => {
            drop(writer);
            let in_time = poll(&mut [PollFd::new(&reader, PollFlags::IN)], Some(&PATIENCE));
            let mut said = String::new();
            if in_time.is_ok_and(|ready| ready > 0) {
                let _ = fs::File::from(reader).read_to_string(&mut said);
            }
            Child { pid, pidfd }.kill_and_wait();
            match said.strip_suffix('\n') {
                Some("") => Ok(()),
                Some(why) => Err(why.to_owned()),
                None => Err(format!("its trial did not end within {} seconds.", PATIENCE.tv_sec)),
            }
        }
    }
}

fn run(runtime: &Runtime) -> Result<(), String> {
    let prepared = prepare(runtime).map_err(|error| format!("it cannot be tried: {error}."))?;
    let [program, arguments @ ..] = &prepared[..] else { unreachable!("a command line has a program") };
    let environment = ENVIRONMENT.iter().filter_map(|word| word.split_once('='));
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("it cannot be run: {error}."))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("a trial run says: {}.", last_words(&String::from_utf8_lossy(&said)).trim_end_matches('.')))
}

/// Writes the bundle; the answer is the command line.
fn prepare(runtime: &Runtime) -> io::Result<Vec<String>> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    mount("proc", "/proc", "proc", MountFlags::NOSUID, None)?;
    for point in runtime.hidden() {
        unmount(point.as_str(), UnmountFlags::DETACH)?;
    }
    mount("trial", PLACE, "tmpfs", MountFlags::NOSUID, c"mode=755,size=64m")?;
    let files = Files::new(Path::new(PLACE).join("trial"));
    let root = files.directory().join("root");
    for place in ["proc", "dev"] {
        DirBuilder::new().recursive(true).mode(0o755).create(root.join(place))?;
    }
    let mut program = fs::File::options().write(true).create_new(true).mode(0o755).open(root.join("init"))?;
    program.write_all(crate::init::IMAGE)?;
    drop(program);
    fs::write(files.config(), config().to_string())?;
    Ok(runtime.trial(&files))
}

fn config() -> Json {
    let mapping =
        Json::object([("containerID", 0u32.into()), ("hostID", IDS.into()), ("size", 65_536u32.into())]);
    let namespaces = ["user", "mount", "pid", "network", "ipc", "uts", "cgroup"];
    let limits = [("RLIMIT_CORE", 0u32), ("RLIMIT_NOFILE", 1024)];
    let limits = limits.map(|(kind, most)| {
        Json::object([("type", Json::text(kind)), ("soft", most.into()), ("hard", most.into())])
    });
    let process = Json::object([
        ("args", Json::list(["/init", "trial"])),
        ("cwd", "/".into()),
        ("env", Json::List(Vec::new())),
        ("user", Json::object([("uid", 0u32.into()), ("gid", 0u32.into())])),
        ("noNewPrivileges", true.into()),
        ("rlimits", Json::list(limits)),
    ]);
    let mounts = [("/proc", "proc"), ("/dev", "tmpfs")].map(|(place, kind)| {
        Json::object([("destination", Json::text(place)), ("type", kind.into()), ("source", kind.into())])
    });
    let linux = Json::object([
        ("namespaces", Json::list(namespaces.map(|kind| Json::object([("type", kind.into())])))),
        ("uidMappings", Json::list([mapping.clone()])),
        ("gidMappings", Json::list([mapping])),
        ("cgroupsPath", format!("/porthole-trial-{}", std::process::id()).into()),
    ]);
    Json::object([
        ("ociVersion", "1.0.2".into()),
        ("process", process),
        ("root", Json::object([("path", Json::text("root")), ("readonly", false.into())])),
        ("mounts", Json::list(mounts)),
        ("linux", linux),
    ])
}
