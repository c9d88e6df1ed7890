//! What the agent and the launcher say to each other: one message a packet on an `AF_UNIX` `SOCK_SEQPACKET` socket,
//! encoded with postcard, file descriptors beside it by `SCM_RIGHTS` (`unix(7)`).
//!
//! The launcher trusts the agent with names, never with paths: layers and containers are named by hexadecimal digits and
//! resolved below the launcher's own state directory, id ranges and cgroups are the launcher's own choice. Every request
//! is answered by exactly one reply with its `seq`; events have none and may come between. Messages of one socket are
//! handled in order. The encoding has no versions within: both ends speak [`WIRE`], or do not speak.

use serde::{Deserialize, Serialize};

use crate::plan::Step;

/// Which encoding this is. An agent of a newer build takes over the containers of a launcher that an older one started, when
/// they have the same number; `tests/wire.rs` says when it must grow.
pub const WIRE: u32 = 3;

/// Largest message, in bytes; both ends refuse a larger one before they read it.
pub const MAX_MESSAGE_BYTES: usize = 128 * 1024;

/// Most descriptors beside one message: pidfd, stdout, stderr, input, ledger, stdin.
pub const MAX_FDS: usize = 6;

/// From the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Echoed in the reply.
    pub seq: u32,
    /// What to do.
    pub body: RequestBody,
}

/// What the agent asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestBody {
    /// Create a container and start its first process. Reply: [`Reply::Launched`] with the process's descriptors.
    Launch(Box<LaunchRequest>),
    /// The plan that a launch would execute. Reply: [`Reply::Plan`].
    Plan(Box<LaunchRequest>),
    /// Start a further process. Reply: [`Reply::Started`] with the process's descriptors.
    Exec {
        /// In which container.
        container: String,
        /// What to start.
        process: ProcessRequest,
    },
    /// Send a signal to a process. Reply: [`Reply::Done`].
    Signal {
        /// Its container.
        container: String,
        /// Its number.
        process: u32,
        /// The signal's number.
        signal: i32,
    },
    /// Kill everything in the container. Reply: [`Reply::Done`] at once; [`Event::Ended`] when it is gone.
    Kill {
        /// Which.
        container: String,
    },
    /// Delete what an ended container left: its writable layer. Reply: [`Reply::Done`].
    Remove {
        /// Which.
        container: String,
    },
    /// What the kernel says about a container, as text to parse. Reply: [`Reply::Kernel`].
    Inspect {
        /// Which.
        container: String,
    },
    /// Limits and use. Reply: [`Reply::Usage`].
    Usage {
        /// Which.
        container: String,
    },
    /// Every container that lives or has ended and not been removed, by id, for an agent that was restarted: as many as fit
    /// into one message, from the one after `after` on. Ask again with the last one until none is left. Reply:
    /// [`Reply::Containers`].
    List {
        /// The last container that is known already.
        after: Option<String>,
    },
    /// The descriptors of a process again, for an agent that was restarted. Reply: [`Reply::Started`] with the descriptors, without
    /// a pidfd and with 0 for its id when it has ended; without any when it was released.
    Adopt {
        /// Its container.
        container: String,
        /// Its number.
        process: u32,
    },
    /// Close the launcher's own copy of the write end of a process's standard input, which it keeps for [`Adopt`]: with the
    /// agent's closed as well, the process reads end of file. Reply: [`Reply::Done`], also when it is closed already.
    ///
    /// [`Adopt`]: RequestBody::Adopt
    CloseInput {
        /// Its container.
        container: String,
        /// Its number.
        process: u32,
    },
    /// Nothing of an ended process is wanted any more: its descriptors are closed, and it is forgotten unless it is the first one.
    /// Reply: [`Reply::Done`], also when it was released before.
    Release {
        /// Its container.
        container: String,
        /// Its number.
        process: u32,
    },
    /// Unpack the tar archive behind the descriptor that comes with this request, uncompressed, into a new layer; done by
    /// an unprivileged worker that sees nothing but the layer's directory. Reply: [`Reply::Unpacked`] when it is complete.
    Unpack {
        /// The layer's name: the 64 hexadecimal digits of its diff id.
        layer: String,
    },
    /// Delete a layer that no container uses. Reply: [`Reply::Done`].
    RemoveLayer {
        /// Its name.
        layer: String,
    },
    /// Open a regular file of an image for reading, as a container of these layers would see it; never follows a link
    /// out of them. Reply: [`Reply::File`] with the descriptor.
    OpenFile {
        /// The layers, topmost first.
        layers: Vec<String>,
        /// Absolute path inside.
        path: String,
    },
    /// Do a job of the agent's own on the files at `place`, in a jail: the two descriptors that come with this request are
    /// what it reads and what it writes. Reply: [`Reply::Done`] when it has been done, or [`Reply::Failed`].
    Work {
        /// On what.
        place: Place,
        /// Freeze the container's processes meanwhile, where the host can.
        pause: bool,
        /// What to do, opaque to the launcher; at most 16 KiB.
        job: Vec<u8>,
    },
    /// Change limits of a living container: those that cgroups enforce; the others stay what they were. Reply:
    /// [`Reply::Done`].
    Update {
        /// Which.
        container: String,
        /// All of them, the unchanged ones as well.
        limits: Box<Limits>,
        /// The label to keep from now on.
        label: Vec<u8>,
    },
    /// A TCP socket in the container's network namespace, not connected and not bound, for the agent to connect to a port of
    /// it. Reply: [`Reply::Socket`] with the descriptor.
    Socket {
        /// Which.
        container: String,
        /// Of IPv6 instead of IPv4.
        ipv6: bool,
    },
    /// What listens in a container: cheaper than [`Inspect`](RequestBody::Inspect). Reply: [`Reply::Listening`].
    Listening {
        /// Which.
        container: String,
    },
    /// The two sockets that containers' name servers are reached by: bound to port 53 where networks of containers meet; a
    /// UDP one, then a listening TCP one. Reply: [`Reply::Resolver`] with the descriptors.
    Resolver,
    /// What this host can do; other engines are tried, which takes a while, when `tried` is set. Reply: [`Reply::Host`].
    Host {
        /// Whether other engines are tried.
        tried: bool,
    },
    /// End every container, clean up and exit. Reply: [`Reply::Done`] when nothing is left.
    Shutdown,
}

/// Directories that a job works on, as descriptors in this order. Nothing else can be reached from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Place {
    /// Each of these layers by itself, topmost first, read-only.
    Layers(Vec<String>),
    /// What the container has written, as overlayfs keeps it (`Documentation/filesystems/overlayfs.rst`: a device 0/0 is a
    /// whiteout, a directory with `user.overlay.opaque` hides those below), then its layers, topmost first; all read-only.
    Stack {
        /// Which.
        container: String,
    },
    /// The root file system as the container sees it, without what is mounted in it. Writable while the container runs,
    /// unless it has no writable layer.
    Root {
        /// Which.
        container: String,
    },
}

/// A container to create.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchRequest {
    /// Its id: twelve lower-case hexadecimal digits.
    pub container: String,
    /// Host name inside, at most 64 bytes of letters, digits, '-' and '.'.
    pub hostname: String,
    /// Its layers, topmost first, each by name (64 hexadecimal digits).
    pub layers: Vec<String>,
    /// Absolute paths of directories to make where the image has none: at most 64, each at most 255 bytes.
    pub directories: Vec<String>,
    /// No writable layer.
    pub read_only: bool,
    /// The first process.
    pub process: ProcessRequest,
    /// Limits; each of them is always set.
    pub limits: Limits,
    /// Networks to join beside loopback: [`NAT`] and lab networks, each 1 to 32 letters, digits and '-', at most 4.
    pub networks: Vec<String>,
    /// What runs it.
    pub engine: EngineKind,
    /// Do without `no_new_privs`.
    pub new_privileges: bool,
    /// Capabilities of its processes: bit `n` is capability `n` of `linux/capability.h`.
    pub capabilities: u64,
    /// Opaque to the launcher: kept and handed back by [`RequestBody::List`], at most 64 KiB.
    pub label: Vec<u8>,
}

/// The network that leads outward.
pub const NAT: &str = "nat";

/// What runs a container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EngineKind {
    /// The launcher itself.
    #[default]
    Builtin,
    /// `runc`.
    Runc,
    /// `crun`.
    Crun,
    /// `runsc`.
    Runsc,
}

/// Limits of one container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory and swap together, in bytes.
    pub memory_bytes: u64,
    /// CPU time in thousandths of one CPU.
    pub cpu_millis: u32,
    /// Processes and threads.
    pub pids: u32,
    /// CPUs, in the list format of `cpuset(7)`; all when missing.
    pub cpuset: Option<String>,
    /// Bytes read from, and as many written to, the disk of the state directory in a second; unlimited when missing.
    pub io_bytes_per_second: Option<u64>,
    /// Bytes of the writable layer.
    pub disk_bytes: u64,
    /// Files, directories and links of the writable layer.
    pub disk_inodes: u64,
    /// Bytes of `/dev/shm`.
    pub shm_bytes: u64,
}

/// A process to start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessRequest {
    /// The command, searched in `PATH` of `env` when it holds no slash, and its arguments. At least one.
    pub argv: Vec<String>,
    /// The whole environment, each `NAME=value`.
    pub env: Vec<String>,
    /// Working directory, absolute; created when the image has none by that name.
    pub cwd: String,
    /// User id inside.
    pub uid: u32,
    /// Group id inside.
    pub gid: u32,
    /// Supplementary group ids inside.
    pub groups: Vec<u32>,
    /// Its standard streams.
    pub stdio: Stdio,
    /// Opaque to the launcher, and handed back with the rest of this by [`RequestBody::List`].
    pub tag: u64,
}

/// Standard streams of a process, and the descriptors that come with the reply.
///
/// Three of them are no streams of the process. The launcher makes and keeps them, so that an agent's death at any instant
/// loses no byte: a *transit* pipe that output of a terminal passes through on its way into the agent's log, an *input* pipe that
/// what is typed passes through on its way to the process, and a *ledger*, a memory file, which says what was typed. Each pipe is
/// one descriptor for both ends. The launcher neither reads nor writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stdio {
    /// A terminal of the container's own devpts. Descriptors: pidfd, PTY master, transit, input, ledger.
    Terminal {
        /// Lines.
        rows: u16,
        /// Characters in a line.
        cols: u16,
    },
    /// Pipes. Descriptors: pidfd, stdout to read, stderr to read; with standard input also input and ledger; and stdin to write,
    /// until [`RequestBody::CloseInput`].
    Pipes {
        /// Whether standard input is open; `/dev/null` otherwise.
        stdin: bool,
    },
}

/// From the launcher.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    /// The answer to a request.
    Reply {
        /// The request's.
        seq: u32,
        /// The answer.
        reply: Reply,
    },
    /// Something happened.
    Event(Event),
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It could not be done. Nothing is left behind.
    Failed(Failure),
    /// It has been done.
    Done,
    /// The container runs.
    Launched {
        /// Process 1 of the container, as the host numbers it.
        init_pid: u32,
        /// The first process, as the host numbers it.
        pid: u32,
        /// Executed steps in the order of the plan.
        steps: Vec<ExecutedStep>,
        /// What this host could not provide, one sentence each.
        lacks: Vec<String>,
        /// Its addresses, in the order of the networks asked for.
        addresses: Vec<Address>,
    },
    /// The socket's descriptor comes with this.
    Socket,
    /// The texts of [`KernelTexts::tcp`].
    Listening([String; 2]),
    /// The resolver's two descriptors come with this.
    Resolver,
    /// The steps a launch would execute.
    Plan(Vec<Step>),
    /// The process runs.
    Started {
        /// Its number in the container.
        process: u32,
        /// Its id on the host.
        pid: u32,
    },
    /// Raw texts about a container.
    Kernel(Box<KernelTexts>),
    /// Limits and use.
    Usage(Vec<Usage>),
    /// Containers.
    Containers(Vec<Known>),
    /// The layer is complete.
    Unpacked(Unpacked),
    /// The file's descriptor comes with this.
    File,
    /// What this host can do.
    Host(Box<HostReport>),
}

/// A container's address in a network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The network's name.
    pub network: String,
    /// The interface inside.
    pub interface: String,
    /// The address.
    pub address: std::net::Ipv4Addr,
    /// Length of its prefix, in bits.
    pub prefix: u8,
}

/// What an archive unpacked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpacked {
    /// Bytes of its files, holes included.
    pub bytes: u64,
    /// Its entries.
    pub entries: u64,
    /// Device nodes among them, which are left out: every container gets the nodes it may have from the launcher.
    pub devices: u64,
}

/// What could not be done and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For the agent to branch on.
    pub kind: FailureKind,
    /// One sentence, for people: the step and the reason.
    pub message: String,
}

/// Kinds of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// A field outside its limits.
    BadRequest,
    /// The command does not exist.
    CommandNotFound,
    /// The command exists and cannot be executed.
    CommandNotExecutable,
    /// No container by that id.
    NoSuchContainer,
    /// No process by that number.
    NoSuchProcess,
    /// No layer by that name.
    NoSuchLayer,
    /// No such file in the image.
    NoSuchFile,
    /// The container has ended.
    NotRunning,
    /// The container still runs.
    StillRunning,
    /// The id is taken, or the layer exists or is in use.
    InUse,
    /// The archive is broken or hostile.
    BadArchive,
    /// Out of id ranges, descriptors or processes.
    TooMany,
    /// Larger than a limit.
    TooLarge,
    /// This host cannot do it.
    Unsupported,
    /// The kernel refused a step.
    Internal,
}

/// A step and when it was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutedStep {
    /// The step.
    pub step: Step,
    /// Its begin, in nanoseconds after the launcher read the request.
    pub start_ns: u64,
    /// Its duration in nanoseconds.
    pub duration_ns: u64,
}

/// Texts from `/proc/PID` of a container's process 1 and first process; each cut at 16 KiB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelTexts {
    /// Inode numbers of its namespaces by the names in `/proc/PID/ns`.
    pub namespaces: Vec<(String, u64)>,
    /// `/proc/PID/uid_map` of process 1.
    pub uid_map: String,
    /// `/proc/PID/gid_map` of process 1.
    pub gid_map: String,
    /// `/proc/PID/status` of the first process.
    pub status: String,
    /// `/proc/PID/mountinfo` of process 1.
    pub mountinfo: String,
    /// Host name inside.
    pub hostname: String,
    /// Host pids of the container's processes.
    pub pids: Vec<u32>,
    /// `/proc/PID/status` of each of them that could be read, in the same order, at most 200.
    pub statuses: Vec<String>,
    /// `/proc/PID/cmdline` of each of them (arguments joined by spaces, cut at 256 bytes).
    pub command_lines: Vec<String>,
    /// Path of its cgroup below the hierarchy's root.
    pub cgroup_path: String,
    /// Bytes used on disk by the writable layer.
    pub writable_bytes: u64,
    /// `/proc/PID/net/tcp` of process 1, then `/proc/PID/net/tcp6`.
    pub tcp: [String; 2],
    /// `uname(2)` by process 1, where it has a kernel of its own: system, release, version and machine, a line each. Empty
    /// where its kernel is the host's.
    pub uname: String,
}

/// A limit and its use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Which.
    pub resource: Resource,
    /// The cgroup version that serves it: 1 or 2; 0 when the file system does.
    pub version: u8,
    /// Use now: bytes, processes, or microseconds of CPU time in total.
    pub usage: u64,
    /// The limit: bytes, processes, or thousandths of one CPU.
    pub limit: Option<u64>,
    /// Times it was hit.
    pub hits: u64,
}

/// What a cgroup limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Resource {
    /// Memory, in bytes.
    Memory,
    /// Swap, in bytes.
    Swap,
    /// Processes and threads.
    Pids,
    /// CPU time.
    Cpu,
    /// Bytes read and written, limited in a second.
    Io,
    /// Bytes of the writable layer.
    Disk,
    /// Files of the writable layer.
    Inodes,
}

/// A container as the launcher knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its id.
    pub container: String,
    /// The agent's own label from the launch.
    pub label: Vec<u8>,
    /// Host pid of process 1; none when it has ended.
    pub init_pid: Option<u32>,
    /// Its processes by number, with how they ended; their environments are left out.
    pub processes: Vec<(u32, ProcessRequest, Option<Ending>)>,
    /// Executed steps of its launch.
    pub steps: Vec<ExecutedStep>,
    /// What this host could not provide.
    pub lacks: Vec<String>,
    /// Its addresses.
    pub addresses: Vec<Address>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Its exit status, or 128 + signal.
    pub code: u8,
    /// The signal that ended it.
    pub signal: Option<u8>,
    /// Whether the kernel's OOM killer did.
    pub out_of_memory: bool,
}

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A process has ended.
    Exited {
        /// Its container.
        container: String,
        /// Its number.
        process: u32,
        /// How.
        ending: Ending,
    },
    /// The container is gone: no process, mount or cgroup of it is left. Its writable layer stays until `Remove`.
    Ended {
        /// Which.
        container: String,
    },
}

/// What the launcher found out about this host, once, at its start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// Whether the launcher runs without root, in a user namespace of its own.
    pub rootless: bool,
    /// One line for each thing looked at.
    pub findings: Vec<Finding>,
    /// Engines, then kinds of networks (`none`, `nat`, `lab`): a name, whether it can be had, and its version or why not.
    pub engines: Vec<(String, bool, String)>,
    /// See `engines`.
    pub networks: Vec<(String, bool, String)>,
    /// How writable layers are limited: `quota`, `image` or `none`.
    pub disk: String,
}

/// One thing that was looked at, for `porthole doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What, in a word or two.
    pub name: String,
    /// 0 works, 1 degraded, 2 missing.
    pub verdict: u8,
    /// What was found.
    pub found: String,
    /// Why it matters.
    pub why: String,
    /// How to fix it; empty when it works.
    pub fix: String,
}
