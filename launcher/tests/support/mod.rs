//! A real launcher for a test, and an agent that talks to it.
#![allow(dead_code, unreachable_pub, reason = "each test is a crate of its own and uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub mod world;

use std::fs::{self, File};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};

use porthole_launcher::capabilities;
use porthole_launcher::socket::Socket;
use porthole_launcher::wire::{
    EngineKind, Event, LaunchRequest, Limits, Message, ProcessRequest, Reply, Request, RequestBody, Stdio,
};
use rustix::event::{PollFd, PollFlags, poll};
use tempfile::TempDir;

pub use world::{eventually, patience};

/// Owner of the store on disk.
const STORE: u32 = 524_288;

/// A user that no account has.
const ORDINARY_USER: u32 = 54_321;

/// A layer with a static busybox, and one with nothing.
pub const BUSYBOX: &str = "b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0";

/// A launcher and a connection to it. Everything of it is ended and deleted when it is dropped.
pub struct Launcher {
    pub state: TempDir,
    pub process: Child,
    pub socket: Socket,
    seq: u32,
    pub events: Vec<Event>,
}

/// Whether real containers can be made; says loudly when not.
pub fn possible() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED: this test makes real containers and needs root");
    }
    root
}

impl Launcher {
    /// Starts one on a new state directory with the layer [`BUSYBOX`].
    pub fn start() -> Self {
        let state = TempDir::with_prefix("porthole-test-").unwrap();
        make_busybox(&state.path().join("layers").join(BUSYBOX));
        Self::start_on(state)
    }

    /// Starts one as an ordinary user, who has nothing but a single id.
    pub fn start_without_root() -> Self {
        Self::start_as_user("true")
    }

    /// The same in a cgroup that is the user's own.
    pub fn start_delegated(cgroup: &Delegated) -> Self {
        Self::start_as_user(&cgroup.enter(""))
    }

    /// Starts one as an ordinary user; root does `first` in the process that becomes it.
    fn start_as_user(first: &str) -> Self {
        let state = TempDir::with_prefix("porthole-test-").unwrap();
        make_busybox(&state.path().join("layers").join(BUSYBOX));
        give_to(state.path(), ORDINARY_USER);
        let process = spawn_as_user(state.path(), first);
        let socket = connect(state.path(), &process);
        Self { state, process, socket, seq: 0, events: Vec::new() }
    }

    /// Starts another one of that user on the same state, from where the first one has moved what was with it.
    pub fn restart_delegated(&mut self, cgroup: &Delegated) {
        self.process = spawn_as_user(self.state.path(), &cgroup.enter(ASIDE));
        self.socket = connect(self.state.path(), &self.process);
    }

    /// Starts one on an existing state directory.
    pub fn start_on(state: TempDir) -> Self {
        let process = spawn(state.path());
        let socket = connect(state.path(), &process);
        Self { state, process, socket, seq: 0, events: Vec::new() }
    }

    /// Drops the connection and makes a new one, as a restarted agent does.
    pub fn reconnect(&mut self) {
        let (spare, _) = std::os::unix::net::UnixDatagram::pair().unwrap();
        self.socket = Socket::from(OwnedFd::from(spare));
        self.socket = connect(self.state.path(), &self.process);
    }

    /// Kills the launcher.
    pub fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Kills the launcher and starts another one on the same state.
    pub fn restart(&mut self) {
        self.kill();
        self.process = spawn(self.state.path());
        self.socket = connect(self.state.path(), &self.process);
    }

    /// Sends a request and waits for its reply; events that come before are kept.
    pub fn ask(&mut self, body: RequestBody) -> (Reply, Vec<OwnedFd>) {
        self.ask_with(body, &[])
    }

    /// The same with descriptors beside the request.
    pub fn ask_with(
        &mut self,
        body: RequestBody,
        fds: &[std::os::fd::BorrowedFd<'_>],
    ) -> (Reply, Vec<OwnedFd>) {
        let seq = self.send_with(body, fds);
        loop {
            match self.receive() {
                (Message::Reply { seq: answered, reply }, fds) if answered == seq => return (reply, fds),
                (Message::Event(event), _) => self.events.push(event),
                (other, _) => panic!("an answer to nothing: {other:?}"),
            }
        }
    }

    /// Sends a request and does not wait.
    pub fn send(&mut self, body: RequestBody) -> u32 {
        self.send_with(body, &[])
    }

    /// The same with descriptors beside the request.
    pub fn send_beside(&mut self, body: RequestBody, fds: &[std::os::fd::BorrowedFd<'_>]) -> u32 {
        self.send_with(body, fds)
    }

    fn send_with(&mut self, body: RequestBody, fds: &[std::os::fd::BorrowedFd<'_>]) -> u32 {
        self.seq += 1;
        self.socket.send(&Request { seq: self.seq, body }, fds).unwrap();
        self.seq
    }

    /// The next message.
    pub fn receive(&mut self) -> (Message, Vec<OwnedFd>) {
        wait_readable(&self.socket);
        self.socket.receive().unwrap().expect("the launcher is there")
    }

    /// Waits for an event that `wanted` accepts.
    pub fn event(&mut self, mut wanted: impl FnMut(&Event) -> bool) -> Event {
        loop {
            if let Some(at) = self.events.iter().position(&mut wanted) {
                return self.events.remove(at);
            }
            match self.receive() {
                (Message::Event(event), _) => self.events.push(event),
                (other, _) => panic!("an answer to nothing: {other:?}"),
            }
        }
    }

    /// Waits for the end of a container.
    pub fn ended(&mut self, id: &str) {
        self.event(|event| matches!(event, Event::Ended { container } if container == id));
    }

    /// Host process ids of the launcher's children and theirs.
    pub fn descendants(&self) -> Vec<u32> {
        descendants(self.process.id())
    }

    /// Waits until the launcher has no child left: no container, and nobody deleting what one has left.
    pub fn assert_settled(&self) {
        eventually("the launcher has no child left", || descendants(self.process.id()).is_empty());
    }
}

impl Drop for Launcher {
    fn drop(&mut self) {
        // In order, so that not even the launcher's own cgroups are left; a test that has failed may have broken it.
        let shutdown = Request { seq: u32::MAX, body: RequestBody::Shutdown };
        if std::thread::panicking() || self.socket.send(&shutdown, &[]).is_err() {
            let _ = self.process.kill();
        }
        let _ = self.process.wait();
    }
}

fn spawn_as_user(state: &Path, first: &str) -> Child {
    let become_user = format!("setpriv --reuid {ORDINARY_USER} --regid {ORDINARY_USER} --clear-groups");
    Command::new("/bin/sh")
        .args(["-c", &format!("{first} && exec {become_user} \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_launcher-alone"))
        .arg(state)
        .spawn()
        .unwrap()
}

/// Below a delegated cgroup: where a launcher moves what is in its way.
const ASIDE: &str = "porthole-launcher";

/// A cgroup of version 2 with all limits that is an ordinary user's own, as systemd delegates one. Drop it after the launcher.
pub struct Delegated(PathBuf);

impl Delegated {
    /// None, said loudly, where the controllers are not in version 2.
    pub fn make() -> Option<Self> {
        let top = Path::new("/sys/fs/cgroup");
        let there = fs::read_to_string(top.join("cgroup.controllers")).unwrap_or_default();
        let wanted = ["memory", "pids", "cpu", "cpuset", "io"];
        if !possible() || !wanted.iter().all(|name| there.split_whitespace().any(|there| there == *name)) {
            eprintln!("SKIPPED: this test needs root, and cgroups of version 2 with every controller");
            return None;
        }
        for controller in wanted {
            fs::write(top.join("cgroup.subtree_control"), format!("+{controller}")).unwrap();
        }
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let own = top.join(format!("porthole-user-{}-{number}", std::process::id()));
        fs::create_dir(&own).unwrap();
        for file in ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"] {
            std::os::unix::fs::chown(own.join(file), Some(ORDINARY_USER), Some(ORDINARY_USER)).unwrap();
        }
        Some(Self(own))
    }

    /// What a shell of root's does to be in it, or in that cgroup below it.
    fn enter(&self, below: &str) -> String {
        format!("echo $$ > {}/cgroup.procs", self.0.join(below).display())
    }

    /// Names of the cgroups in it, at any depth.
    pub fn names(&self) -> Vec<String> {
        groups_below(&self.0)
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        // Those that launchers moved themselves into, which have ended; what else is left stays and is seen.
        let _ = fs::remove_dir(self.0.join(ASIDE));
        let _ = fs::remove_dir(&self.0);
    }
}

fn groups_below(group: &Path) -> Vec<String> {
    let entries = fs::read_dir(group).unwrap().map(|entry| entry.unwrap().path());
    let groups = entries.filter(|path| path.is_dir());
    groups
        .flat_map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            groups_below(&path).into_iter().chain([name])
        })
        .collect()
}

fn spawn(state: &Path) -> Child {
    // Ranges that no other test has: each test process has its own number.
    let first = 1000 + std::process::id() % 25_000;
    in_background(env!("CARGO_BIN_EXE_launcher-alone"))
        .arg(state)
        .args([first.to_string(), "64".to_owned()])
        .spawn()
        .unwrap()
}

/// A connection to that very launcher: the socket of one that was killed may still be open in a child that dies with it.
fn connect(state: &Path, launcher: &Child) -> Socket {
    let mut connected = None;
    eventually("the launcher listens", || {
        connected = Socket::connect(&state.join("launcher.sock")).ok().filter(|socket| {
            let peer = rustix::net::sockopt::socket_peercred(socket).unwrap();
            peer.pid.as_raw_nonzero().get().cast_unsigned() == launcher.id()
        });
        connected.is_some()
    });
    connected.unwrap()
}

/// A program as a shell's `&` starts it: with signals ignored that nothing in a container may inherit.
pub fn in_background(program: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "trap '' INT QUIT HUP; exec \"$0\" \"$@\"", program]);
    command
}

/// Waits until `fd` can be read, or its other end is closed.
pub fn wait_readable(fd: &impl std::os::fd::AsFd) {
    let timeout = rustix::event::Timespec { tv_sec: patience().as_secs().cast_signed(), tv_nsec: 0 };
    let ready = poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&timeout)).unwrap();
    assert_eq!(ready, 1, "nothing to read after {:?}", patience());
}

/// Reads from `fd` until `wanted` is there, and returns everything read.
pub fn read_until(fd: &OwnedFd, wanted: &str) -> String {
    let mut text = String::new();
    while !text.contains(wanted) {
        wait_readable(fd);
        let mut bytes = [0; 4096];
        match rustix::io::read(fd, &mut bytes) {
            Ok(0) | Err(rustix::io::Errno::IO) => panic!("closed before {wanted:?}: {text:?}"),
            Ok(n) => text.push_str(&String::from_utf8_lossy(&bytes[..n])),
            Err(errno) => panic!("{errno}"),
        }
    }
    text
}

/// Reads everything until the other end is closed.
pub fn read_all(fd: OwnedFd) -> String {
    let mut text = Vec::new();
    File::from(fd).read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

fn make_busybox(layer: &Path) {
    for dir in ["bin", "etc", "proc", "sys", "dev", "tmp", "root"] {
        fs::create_dir_all(layer.join(dir)).unwrap();
    }
    fs::copy("/bin/busybox", layer.join("bin/busybox")).unwrap();
    let applets = Command::new("/bin/busybox").arg("--list").output().unwrap();
    for applet in String::from_utf8(applets.stdout).unwrap().lines().filter(|name| *name != "busybox") {
        symlink("busybox", layer.join("bin").join(applet)).unwrap();
    }
    fs::write(layer.join("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    give_to_store(layer);
}

/// Gives a layer made by hand to the store's ids, as unpacking does.
pub fn give_to_store(path: &Path) {
    give_to(path, STORE);
}

fn give_to(path: &Path, id: u32) {
    std::os::unix::fs::lchown(path, Some(id), Some(id)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).unwrap() {
            give_to(&entry.unwrap().path(), id);
        }
    }
}

/// A request for a shell on a terminal, to change for the test's purpose.
pub fn shell(id: &str) -> LaunchRequest {
    LaunchRequest {
        container: id.to_owned(),
        hostname: id.to_owned(),
        layers: vec![BUSYBOX.to_owned()],
        directories: Vec::new(),
        read_only: false,
        process: on_terminal(&["/bin/sh"]),
        limits: Limits {
            memory_bytes: 64 << 20,
            cpu_millis: 1000,
            pids: 64,
            disk_bytes: 64 << 20,
            disk_inodes: 4096,
            shm_bytes: 64 << 20,
            ..Limits::default()
        },
        networks: Vec::new(),
        engine: EngineKind::Builtin,
        new_privileges: false,
        capabilities: capabilities::DEFAULT,
        label: b"label".to_vec(),
    }
}

/// A command on a terminal.
pub fn on_terminal(argv: &[&str]) -> ProcessRequest {
    ProcessRequest { stdio: Stdio::Terminal { rows: 24, cols: 80 }, ..on_pipes(argv) }
}

/// A command with pipes.
pub fn on_pipes(argv: &[&str]) -> ProcessRequest {
    ProcessRequest {
        argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
        env: vec!["PATH=/bin".to_owned(), "TERM=xterm".to_owned()],
        cwd: "/root".to_owned(),
        uid: 0,
        gid: 0,
        groups: vec![],
        stdio: Stdio::Pipes { stdin: false },
        tag: 0,
    }
}

/// All descendants of a process.
pub fn descendants(pid: u32) -> Vec<u32> {
    let children: PathBuf = format!("/proc/{pid}/task/{pid}/children").into();
    let children = fs::read_to_string(children).unwrap_or_default();
    let children: Vec<u32> = children.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    children.iter().flat_map(|&child| descendants(child).into_iter().chain([child])).collect()
}
