//! What the words of the kernel panel and the layer view mean, for someone who meets them for the first time.

use porthole_protocol::files::ChangeKind;
use porthole_protocol::spec::{Engine, Namespace};

/// How a stack of layers becomes one directory tree.
pub const OVERLAY: &str = "The kernel's overlay file system shows the layers as one tree: a file is taken from the topmost layer that has \
    it. Choose a layer to see the tree from there down, and what it did.";
/// What a container's writing does.
pub const WRITING: &str = "Whatever the container writes lands here, and nowhere else. A file from below is copied up before it is \
    changed; one that is deleted is hidden by a mark, a whiteout, and is still there below.";

/// Whose kernel answers a container of this engine: a heading, and what it means.
#[must_use]
pub fn kernel(engine: Engine) -> (&'static str, &'static str) {
    match engine {
        Engine::Runsc => (
            "A kernel of its own",
            "gVisor is a kernel that runs as a program. It answers this container's system calls itself and asks the host for \
             little. So the two columns differ here, as they would in a virtual machine; in other engines they are the same.",
        ),
        _ => (
            "One kernel",
            "A container has no kernel of its own. It asks the host's, the same for all; a virtual machine would bring another.",
        ),
    }
}

/// What a container's networks are.
#[must_use]
pub fn network(has_any: bool) -> &'static str {
    if has_any {
        "Each network is one more interface in here, with an address of this container's own. Nothing else of the host's \
         network is seen."
    } else {
        "A loopback interface and nothing more: nothing leads out, and nothing in."
    }
}

/// What happened to a path, in a word.
#[must_use]
pub fn change(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Changed => "changed",
        ChangeKind::Deleted => "deleted",
        ChangeKind::Unknown => "touched",
    }
}

/// What a namespace of this kind hides or shows.
#[must_use]
pub fn namespace(kind: Namespace) -> &'static str {
    match kind {
        Namespace::User => "who one is: root in here is an ordinary user out there",
        Namespace::Mount => "which files there are: the image, not the host's disk",
        Namespace::Pid => "which processes there are: its own shell, nobody else's",
        Namespace::Net => "which network there is: its own interfaces, not the host's",
        Namespace::Ipc => "shared memory, semaphores and message queues",
        Namespace::Uts => "the host name",
        Namespace::Cgroup => "where the tree of limits seems to begin",
    }
}

/// What a capability allows; none for one that is not explained here. See `capabilities(7)`.
#[must_use]
pub fn capability(name: &str) -> Option<&'static str> {
    Some(match name {
        "CHOWN" => "change the owner of files",
        "DAC_OVERRIDE" => "read and write files whatever their permissions say",
        "FOWNER" => "act as the owner of files",
        "FSETID" => "keep set-user-ID bits when a file changes",
        "KILL" => "send signals to any process",
        "SETGID" => "become another group",
        "SETUID" => "become another user",
        "SETPCAP" => "give up or pass on capabilities",
        "NET_BIND_SERVICE" => "listen on ports below 1024",
        "NET_RAW" => "send raw packets, as ping does",
        "SYS_CHROOT" => "use chroot",
        "MKNOD" => "make device nodes",
        "AUDIT_WRITE" => "write to the kernel's audit log",
        "SETFCAP" => "give capabilities to files",
        "SYS_ADMIN" => "mount, and a hundred other things: nearly all of root",
        "NET_ADMIN" => "change network devices, routes and filters",
        "SYS_PTRACE" => "look into other processes",
        "SYS_MODULE" => "load kernel modules",
        "SYS_TIME" => "set the clock",
        "SYS_BOOT" => "restart the machine",
        _ => return None,
    })
}

/// What seccomp's mode means, see `seccomp(2)`.
#[must_use]
pub fn seccomp(mode: u8) -> &'static str {
    match mode {
        0 => "off",
        1 => "strict",
        2 => "filter",
        _ => "unknown",
    }
}
