//! How agent and launcher come up, before any thread exists: the first `porthole serve` starts a launcher, a later one
//! finds it alive.

use std::cell::Cell;
use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use nix::unistd::Uid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mount::{MountAttrFlags, OpenTreeFlags, open_tree};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::ids::{self, Block};
use crate::privilege::{self, AgentUser};
use crate::rootless;
use crate::server::{self, Config};
use crate::socket::Socket;
use crate::state::{State, StateError};
use crate::wire::{Message, Request, RequestBody, WIRE};
use crate::worker::Programs;

/// First argument of the program when it is to be the launcher; nothing a person types.
const HIDDEN_ARGUMENT: &str = "launcher";

/// What the launcher writes to the agent that started it when it is ready; anything else is why it is not.
const READY: &[u8] = b"ready";

/// Longest wait for that word, far above the milliseconds it takes.
const READY_WITHIN: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };

/// Size of the launcher's log, in bytes, beyond which the next launcher begins it anew.
const LONGEST_LOG: u64 = 1 << 20;

/// Agents that may wait to be accepted: one at a time connects, a second while the first one dies.
const BACKLOG: i32 = 4;

/// Why there is no launcher.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The state directory cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The kernel refused.
    #[error("the launcher cannot be started: {0}")]
    Io(#[from] io::Error),
    /// It ended before it was ready.
    #[error("the launcher cannot start: {0}")]
    Refused(String),
    /// One that an older or a newer build has started is alive, and this build does not speak its language.
    #[error(
        "containers of another version of porthole are still running here, and this version cannot take them over; start that \
         version once more and let it stop them (Ctrl-C), or choose another --state directory"
    )]
    OtherVersion,
}

/// A connection to a launcher, and this process without privilege.
#[derive(Debug)]
pub struct Booted {
    /// The connection.
    pub socket: Socket,
    /// The locked state directory; keep it as long as the agent runs.
    pub state: State,
    /// Whether the launcher was alive already: its containers want to be adopted.
    pub found_alive: bool,
}

/// Connects to the launcher of `state`, started if need be, and drops every privilege of this process.
///
/// # Errors
/// [`BootError`]; the process must end then.
pub fn boot(state: &Path) -> Result<Booted, BootError> {
    let user = AgentUser::find();
    let state = State::prepare(state, user)?;
    let (socket, found_alive) = match find(&state)? {
        Some(socket) => (socket, true),
        None => {
            start(&state, user)?;
            (Socket::connect(&state.socket())?, false)
        }
    };
    privilege::drop_to(user)?;
    Ok(Booted { socket, state, found_alive })
}

/// The launcher that is there, if one is. One that is being killed can still be connected to, but answers no more.
fn find(state: &State) -> Result<Option<Socket>, BootError> {
    loop {
        match Socket::connect(&state.socket()) {
            Ok(_) if !speaks_ours(state) => return Err(BootError::OtherVersion),
            Ok(socket) if answers(&socket) => return Ok(Some(socket)),
            // It is gone when there is an end to the connection: nobody else listens there.
            Ok(_) => {}
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether the launcher that was started here last speaks this build's language; those of the first builds do not say.
fn speaks_ours(state: &State) -> bool {
    std::fs::read_to_string(state.launcher_wire()).is_ok_and(|wire| wire.trim() == WIRE.to_string())
}

fn answers(socket: &Socket) -> bool {
    const SEQ: u32 = 0;
    // The last page of the list, which is empty.
    let body = RequestBody::List { after: Some("ffffffffffff".into()) };
    if socket.send(&Request { seq: SEQ, body }, &[]).is_err() {
        return false;
    }
    while let Ok(Some((message, _))) = socket.receive::<Message>() {
        if matches!(message, Message::Reply { seq: SEQ, .. }) {
            return true;
        }
    }
    false
}

/// Starts a launcher by exec and waits until it is ready.
fn start(state: &State, user: AgentUser) -> Result<(), BootError> {
    // What the user's shell has left open is not for a process that outlives it.
    crate::sys::close_on_exec_from(3)?;
    let listener = bind_socket(&state.socket(), user)?;
    // Before it can be connected to.
    std::fs::write(state.launcher_wire(), WIRE.to_string())?;
    let (mut ready, ready_writer) = io::pipe()?;
    let log = open_log(&state.launcher_log())?;
    // Not a child to wait for once it is ready: it outlives this process.
    let mut child = Command::new("/proc/self/exe")
        .arg0("porthole")
        .arg(HIDDEN_ARGUMENT)
        .arg(state.path())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(listener))
        .stdout(Stdio::from(OwnedFd::from(ready_writer)))
        .stderr(log)
        .spawn()?;
    let answered =
        poll(&mut [PollFd::new(&ready, PollFlags::IN)], Some(&READY_WITHIN)).map_err(io::Error::from)?;
    if answered == 0 {
        child.kill()?;
        child.wait()?;
        return Err(BootError::Refused("it was not ready in time".into()));
    }
    let mut answer = Vec::new();
    ready.read_to_end(&mut answer)?;
    if answer == READY {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&answer);
    let why = if why.is_empty() { "it ended without a word; see its log".into() } else { why };
    Err(BootError::Refused(why.into_owned()))
}

/// The launcher's log, begun anew when it has grown beyond [`LONGEST_LOG`].
fn open_log(path: &Path) -> io::Result<File> {
    let log = File::options().create(true).append(true).open(path)?;
    if log.metadata()?.len() > LONGEST_LOG {
        log.set_len(0)?;
    }
    Ok(log)
}

/// A listening socket that only the agent may connect to.
fn bind_socket(path: &Path, user: AgentUser) -> io::Result<OwnedFd> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    // Nobody can connect in between: it does not listen yet.
    rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(0o600))?;
    std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

/// What `main` calls first: when this process is to be the launcher, it is, and its exit code comes back.
pub fn entry(mut arguments: impl Iterator<Item = OsString>, programs: Programs) -> Option<ExitCode> {
    let _program = arguments.next();
    if arguments.next()? != HIDDEN_ARGUMENT {
        return None;
    }
    let state = PathBuf::from(arguments.next()?);
    let served = match arguments.next() {
        // What it says on standard output is why it is not ready.
        None => protect(&state).inspect_err(|error| print!("{error}")),
        Some(ids) => launcher(state, &ids, programs),
    };
    match served {
        Ok(()) => Some(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("porthole launcher: {error}");
            Some(ExitCode::FAILURE)
        }
    }
}

/// Becomes this very program again, from a read-only view of its file; for an ordinary user, as root of a user namespace.
///
/// A process that enters a container is the launcher until its `execve`, and a hostile image can have it execute
/// `/proc/self/exe` (CVE-2019-5736). Whoever is root in there may own the file: through this view, it can be neither
/// written nor given another mode. The argument added is how many ids are
/// mapped, 0 for root.
fn protect(state: &Path) -> io::Result<()> {
    let ids = if Uid::effective().is_root() { 0 } else { rootless::enter()?.ids };
    let own = File::open("/proc/self/exe")?.metadata()?;
    let view = open_tree(
        rustix::fs::CWD,
        std::fs::read_link("/proc/self/exe")?,
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC,
    )?;
    let found = rustix::fs::fstat(&view)?;
    if (found.st_dev, found.st_ino) != (own.dev(), own.ino()) {
        return Err(io::Error::other("the program was replaced while it started; once more"));
    }
    crate::sys::set_mount_attributes(
        view.as_fd(),
        u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits()),
        None,
    )?;
    let state = CString::new(state.as_os_str().as_encoded_bytes())?;
    let arguments = [c"porthole".to_owned(), c"launcher".to_owned(), state, CString::new(ids.to_string())?];
    Err(crate::sys::execute(view.as_fd(), c"", &Vec::from(arguments).into(), &Vec::new().into()))
}

fn launcher(state: PathBuf, mapped: &OsStr, programs: Programs) -> io::Result<()> {
    let mapped: u32 = mapped.to_str().and_then(|ids| ids.parse().ok()).ok_or(io::ErrorKind::InvalidInput)?;
    // The listener and the pipe came as standard input and output.
    let listener = io::stdin().as_fd().try_clone_to_owned()?;
    let ready = Cell::new(Some(File::from(io::stdout().as_fd().try_clone_to_owned()?)));
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    let tell = |word: &[u8]| {
        // The agent waits for the end of this pipe; if it is gone, the log has the error.
        let _ = ready.take().map(|mut ready| ready.write_all(word));
    };
    let served = serve(state, mapped, listener, programs, || tell(READY));
    if let Err(error) = &served {
        tell(error.to_string().as_bytes());
    }
    served
}

/// `mapped` is how many ids there are where this is root of a user namespace only, else 0.
fn serve(
    state: PathBuf,
    mapped: u32,
    listener: OwnedFd,
    programs: Programs,
    ready: impl FnOnce(),
) -> io::Result<()> {
    // A Ctrl-C in the agent's terminal is not for the launcher.
    rustix::process::setsid()?;
    rustix::thread::set_name(c"porthole-launch")?;
    let rootless = mapped > 0;
    if !rootless {
        // Not without root: the kernel would give the files in /proc of children, which the launcher writes to, to root.
        set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    }
    let block;
    let (first_range, ranges) = if rootless {
        (0, mapped)
    } else {
        block = Block::take()?;
        (block.first, ids::BLOCK)
    };
    let config = Config { state, listener, rootless, programs, first_range, ranges };
    server::serve(config, ready).map_err(io::Error::other)
}
