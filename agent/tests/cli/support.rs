//! An agent of the test's own, and the command line to speak to it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The program under test.
pub(crate) const PORTHOLE: &str = env!("CARGO_BIN_EXE_porthole");

/// An agent with a state directory and a port of its own, and the image `busybox` in it. Dropping it stops it.
pub(crate) struct Agent {
    process: Child,
    url: String,
    state: TempDir,
}

impl Agent {
    /// Starts it and waits until it answers.
    pub(crate) fn start() -> Self {
        let state = tempfile::tempdir().unwrap();
        let (process, url) = serve(state.path());
        let agent = Self { process, url, state };
        // A build that carries one begins with it; it would lose its name and stay.
        agent.porthole(&["rmi", "busybox"]);
        agent.ok_with_input(&["import", "-", "busybox"], &busybox_root());
        agent
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        let address = self.url.trim_start_matches("http://").split('/').next().unwrap();
        address.parse().unwrap()
    }

    /// Kills it, as an OOM killer would. Containers and launcher live on.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to end, as an administrator does, and waits until it has: with it end its containers.
    pub(crate) fn stop(&mut self) {
        send(&self.process, Signal::TERM);
        self.process.wait().unwrap();
    }

    /// Starts another one on the same state; it listens elsewhere.
    pub(crate) fn restart(&mut self) {
        (self.process, self.url) = serve(self.state.path());
    }

    /// A directory for the test's files.
    pub(crate) fn directory(&self) -> &Path {
        self.state.path()
    }

    /// The command line with these arguments, not yet started.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(PORTHOLE);
        command.args(arguments).env("PORTHOLE_HOST", &self.url).env("NO_COLOR", "1").stdin(Stdio::null());
        command
    }

    /// Runs the command line to its end.
    pub(crate) fn porthole(&self, arguments: &[&str]) -> Outcome {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs it to its end with this on standard input.
    pub(crate) fn porthole_with_input(&self, arguments: &[&str], input: &[u8]) -> Outcome {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            // Whoever refuses the input early closes it; the outcome tells.
            scope.spawn(move || stdin.write_all(input));
            child.wait_with_output().unwrap().into()
        })
    }

    /// What it prints, given that it succeeds.
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        self.porthole(arguments).expect_success(arguments)
    }

    /// What it prints with this on standard input, given that it succeeds.
    pub(crate) fn ok_with_input(&self, arguments: &[&str], input: &[u8]) -> String {
        self.porthole_with_input(arguments, input).expect_success(arguments)
    }

    /// Starts it with a pipe on each side.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

fn serve(state: &Path) -> (Child, String) {
    let mut process = Command::new(PORTHOLE)
        .args(["serve", "--listen", "127.0.0.1:0", "--state"])
        .arg(state.join("state"))
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let url = lines
        .find_map(|line| {
            line.unwrap().split_whitespace().find(|word| word.starts_with("http://")).map(str::to_owned)
        })
        .expect("the agent says where it listens");
    (process, url)
}

impl Drop for Agent {
    fn drop(&mut self) {
        send(&self.process, Signal::TERM);
        let _ = self.process.wait();
    }
}

/// Sends a process of ours a signal.
pub(crate) fn send(child: &Child, signal: Signal) {
    let pid = Pid::from_child(child);
    let _ = kill_process(pid, signal);
}

/// Reads up to and including this text.
pub(crate) fn read_until(reader: &mut impl Read, text: &str) -> String {
    let mut seen = Vec::new();
    let mut byte = [0];
    while !seen.ends_with(text.as_bytes()) {
        let read = reader.read(&mut byte).unwrap();
        assert_eq!(read, 1, "{text:?} does not come; seen: {:?}", String::from_utf8_lossy(&seen));
        seen.push(byte[0]);
    }
    String::from_utf8(seen).unwrap()
}

/// How a command line ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Outcome {
    fn expect_success(self, arguments: &[&str]) -> String {
        assert_eq!(self.status, 0, "porthole {}: {}", arguments.join(" "), self.stderr);
        self.stdout
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().expect("it ends by itself"),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// A root file system: the host's static busybox and links to it.
pub(crate) fn busybox_root() -> Vec<u8> {
    const APPLETS: [&str; 18] = [
        "cat", "dd", "echo", "env", "false", "head", "hostname", "id", "ls", "pwd", "sh", "sleep", "stty",
        "tail", "test", "true", "uname", "yes",
    ];
    let busybox = std::fs::read("/bin/busybox").expect("the tests need a static busybox at /bin/busybox");
    let mut archive = tar::Builder::new(Vec::new());
    for directory in ["bin/", "etc/", "tmp/", "root/"] {
        let mut header = header(tar::EntryType::Directory, 0o755, 0);
        archive.append_data(&mut header, directory, std::io::empty()).unwrap();
    }
    add_file(&mut archive, "bin/busybox", 0o755, &busybox);
    for applet in APPLETS {
        let mut link = header(tar::EntryType::Symlink, 0o777, 0);
        archive.append_link(&mut link, format!("bin/{applet}"), "busybox").unwrap();
    }
    let users = b"root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000:guest:/tmp:/bin/sh\n";
    add_file(&mut archive, "etc/passwd", 0o644, users);
    archive.into_inner().unwrap()
}

/// Adds a file to an archive.
pub(crate) fn add_file(archive: &mut tar::Builder<Vec<u8>>, path: &str, mode: u32, content: &[u8]) {
    let mut header = header(tar::EntryType::Regular, mode, content.len());
    archive.append_data(&mut header, path, content).unwrap();
}

fn header(kind: tar::EntryType, mode: u32, size: usize) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size as u64);
    header
}
