//! Limits that both sides obey, each with its unit and its reason.

/// Largest control message (JSON text frame), in bytes. The largest honest one is a kernel view of a busy container.
pub const MAX_CONTROL_BYTES: usize = 256 * 1024;

/// Largest binary frame, header included, in bytes. A paste is split into frames of this size by the sender.
pub const MAX_FRAME_BYTES: usize = 64 * 1024;

/// Longest container name or host name, in bytes (Linux `HOST_NAME_MAX`, see `hostname(7)`).
pub const MAX_NAME_BYTES: usize = 64;

/// Longest image reference, in bytes: a repository of 255 and a tag of 128 (OCI distribution spec).
pub const MAX_REFERENCE_BYTES: usize = 384;

/// Most arguments plus environment entries of one process. Far below the kernel's own limit, far above honest use.
pub const MAX_WORDS: usize = 1024;

/// Total bytes of arguments and environment of one process: they must fit one launcher request.
pub const MAX_WORDS_BYTES: usize = 32 * 1024;

/// Channels one socket may have open at a time. A page shows tens of terminals, not hundreds.
pub const MAX_CHANNELS: usize = 64;

/// Containers alive on one agent, unless configured otherwise; as many may be kept that have ended. More launches wait.
pub const MAX_CONTAINERS: usize = 1000;

/// Launches that wait for room, unless configured otherwise: a large room that begins all at once.
pub const MAX_QUEUED: usize = 256;

/// How long a launch over HTTP waits for room before it is refused as busy, in milliseconds: below any proxy's timeout that we
/// know of (60 s), and long enough for a container to end. On the socket it waits as long as its client does.
pub const QUEUE_WAIT_MS: u64 = 20_000;

/// Processes started by `exec` (terminals and runs) that one container may hold at a time.
pub const MAX_PROCESSES: usize = 32;

/// Output kept on disk of each stream of a process, in bytes: its scrollback, and what a client that comes back goes on from.
pub const LOG_BYTES: u64 = 16 * 1024 * 1024;

/// Output kept on disk of all processes of one container together, recordings aside, in bytes. The oldest of those that have
/// ended goes first.
pub const CONTAINER_LOG_BYTES: u64 = 64 * 1024 * 1024;

/// Largest recording, in bytes of output: some days of a person's work. It ends there, and says so.
pub const RECORDING_BYTES: u64 = 256 * 1024 * 1024;

/// Recordings that one agent keeps, those under way included. The disk's reserve bounds them as well.
pub const MAX_RECORDINGS: usize = 256;

/// Links that one container may have open at a time.
pub const MAX_SHARES: usize = 16;

/// Sockets at one terminal at a time: a lecture.
pub const MAX_VIEWERS: usize = 512;

/// Longest name of a person, in bytes.
pub const MAX_PERSON_BYTES: usize = 64;

/// Typists of one terminal that are remembered, for input to be accepted once: the last who typed.
pub const MAX_TYPISTS: usize = 64;

/// Most output a viewer may grant in advance, in bytes; more is clipped to this.
pub const MAX_CREDIT: u32 = 16 * 1024 * 1024;

/// Input that a client may have under way to a program that does not read, in bytes, on each channel. Beyond it the
/// client waits for `credit`; were it to send on, the socket's reader would have to wait, and with it the client's own
/// grants: a program that copies input to output would then stand still for ever.
pub const MAX_PENDING_INPUT: usize = 1024 * 1024;

/// Largest root file system archive or saved image that an upload may hold, in bytes.
pub const MAX_IMAGE_ARCHIVE_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// Largest file or archive that may be put into a container, in bytes: what is dropped into a page by mistake should not
/// fill the disk.
pub const MAX_UPLOAD_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// A transfer of files of which nothing moves for this long is given up, in milliseconds.
pub const STALLED_AFTER_MS: u64 = 60_000;

/// Bytes that one layer may unpack to.
pub const MAX_LAYER_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// Entries that one layer may hold. A Debian desktop has about 400,000.
pub const MAX_LAYER_ENTRIES: u64 = 1_000_000;

/// Unpacked bytes for each compressed byte, before an archive counts as a bomb. Honest layers stay below 100.
pub const MAX_EXPANSION_RATIO: u64 = 1000;

/// Layers of one image; overlayfs itself stops at 500 (`Documentation/filesystems/overlayfs.rst`).
pub const MAX_LAYERS: usize = 128;

/// Deepest path in a layer, in components.
pub const MAX_PATH_DEPTH: usize = 128;

/// Longest path in a layer, in bytes (`PATH_MAX`).
pub const MAX_PATH_BYTES: usize = 4096;

/// Lines of one `diff`. A person reads fewer, and a container that unpacked a distribution has more.
pub const MAX_CHANGES: usize = 20_000;

/// Entries of one directory that are shown.
pub const MAX_TREE_ENTRIES: usize = 2_000;

/// How often the state of transfers is sent, in milliseconds: faster than that, nobody sees.
pub const TRANSFERS_EVERY_MS: u64 = 100;

/// Connections to one agent at a time: a room of some hundred pages and what they fetch. More wait to be accepted.
pub const MAX_CONNECTIONS: usize = 4096;

/// The same of one address, unless it is a proxy's: a class behind one router. More are closed.
pub const MAX_CONNECTIONS_OF_ADDRESS: usize = MAX_CONNECTIONS / 8;

/// How long a client may take for the head of a request, or leave its connection unused, in milliseconds.
pub const REQUEST_HEAD_MS: u64 = 10_000;

/// Ports that one container may publish: a lab shows a handful of services.
pub const MAX_PUBLISHED: usize = 16;

/// Ports of one container that may be open as previews at a time.
pub const MAX_PREVIEWS: usize = 8;

/// Connections to one published port or preview at a time. More wait to be accepted, or are told so: a program that takes
/// none of them must not use up the agent's descriptors.
pub const MAX_PORT_CONNECTIONS: usize = 128;

/// The same of all ports of all containers together, two descriptors each: more than one container's ports can take.
pub const MAX_ALL_PORT_CONNECTIONS: usize = 4096;

/// A connection to a container's port in which nothing moves for this long is closed, in milliseconds, as nginx does.
pub const PORT_IDLE_MS: u64 = 600_000;

/// Largest head of a request to, or of an answer from, a program behind a preview, in bytes; informational answers (1xx)
/// before it count with it.
pub const MAX_PREVIEW_HEAD_BYTES: usize = 64 * 1024;

/// How long a program behind a preview may take to begin its answer, in milliseconds: development servers compile first.
pub const PREVIEW_ANSWER_MS: u64 = 60_000;

/// A peer that has answered no ping for this long is gone, in milliseconds.
pub const DEAD_AFTER_MS: u64 = 30_000;

/// How often each side pings, in milliseconds. Below any proxy's idle timeout that we know of (60 s).
pub const PING_EVERY_MS: u64 = 10_000;

/// How often a watched container's kernel view is sent, in milliseconds.
pub const KERNEL_VIEW_EVERY_MS: u64 = 1_000;

/// How long a stopped container gets between its stop signal and SIGKILL, in milliseconds, as Docker does.
pub const STOP_GRACE_MS: u64 = 10_000;

const _: () = assert!(PING_EVERY_MS * 3 <= 60_000, "two lost pings must not look idle to a proxy");
const _: () = assert!(PING_EVERY_MS * 2 < DEAD_AFTER_MS, "two lost pings must not end a connection");
const _: () = assert!(MAX_WORDS_BYTES < MAX_FRAME_BYTES, "a spec must fit one request to the launcher");
const _: () = assert!(
    (MAX_PUBLISHED + MAX_PREVIEWS) * MAX_PORT_CONNECTIONS < MAX_ALL_PORT_CONNECTIONS,
    "no container must take all connections"
);
