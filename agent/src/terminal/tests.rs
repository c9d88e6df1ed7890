//! A terminal's task over real pipes and a real PTY, without a container.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use bytes::Bytes;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::tcgetwinsize;
use tempfile::TempDir;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::fanout::{Taken, Viewer};
use super::log::Logs;
use super::*;
use crate::engine::TypedFds;

const EXIT: Exit = Exit { code: 3, signal: None, out_of_memory: false };

/// What outlives an agent: the state directory, and what the launcher keeps.
struct World {
    dir: TempDir,
    tasks: TaskTracker,
    transit: OwnedFd,
    input: OwnedFd,
    ledger: OwnedFd,
}

impl World {
    fn new() -> Self {
        let both = || -> OwnedFd {
            let (end, _) = rustix::pipe::pipe().unwrap();
            let path = format!("/proc/self/fd/{}", end.as_raw_fd());
            let both: OwnedFd = File::options().read(true).write(true).open(path).unwrap().into();
            rustix::io::ioctl_fionbio(&both, true).unwrap();
            both
        };
        let ledger = memfd_create("ledger", MemfdFlags::CLOEXEC).unwrap();
        let dir = tempfile::tempdir().unwrap();
        Self { dir, tasks: TaskTracker::new(), transit: both(), input: both(), ledger }
    }

    fn typed(&self) -> TypedFds {
        TypedFds { input: self.input.try_clone().unwrap(), ledger: self.ledger.try_clone().unwrap() }
    }

    fn start(&self, stdio: StdioFds) -> Terminal {
        let logs = Logs::new(self.dir.path().to_owned()).container(&"0123456789ab".parse().unwrap());
        Terminal::start(stdio, &logs, 0, Size::default(), &self.tasks).unwrap()
    }

    fn on_terminal(&self, master: &OwnedFd) -> Terminal {
        let (master, transit) = (master.try_clone().unwrap(), self.transit.try_clone().unwrap());
        self.start(StdioFds::Terminal { master, transit, typed: self.typed() })
    }

    fn on_pipes(&self) -> (Terminal, Process) {
        let ((out, stdout), (err, stderr), (stdin, input)) =
            (pipe().unwrap(), pipe().unwrap(), pipe().unwrap());
        let (typed, input) = (Some(self.typed()), Some(input.into()));
        let stdio = StdioFds::Pipes { stdout: out.into(), stderr: err.into(), typed, stdin: input };
        (self.start(stdio), Process { stdout, stdin, _stderr: stderr })
    }
}

/// The process's ends of its pipes.
struct Process {
    stdout: PipeWriter,
    stdin: PipeReader,
    _stderr: PipeWriter,
}

/// Both ends of a terminal.
fn pty() -> (OwnedFd, File) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    (master, slave)
}

/// A viewer of the first stream, and what wakes it.
fn watch(terminal: &Terminal, credit: u32) -> (Viewer, Arc<Notify>) {
    let wake = Arc::new(Notify::new());
    (terminal.streams()[0].1.view(None, credit, true, Arc::clone(&wake)), wake)
}

/// Takes until the end, or until `enough` bytes have come.
async fn take(viewer: &mut Viewer, wake: &Notify, enough: usize) -> (Vec<u8>, Option<Exit>) {
    let mut bytes = Vec::new();
    while bytes.len() < enough {
        match viewer.take(1000, &mut bytes) {
            Taken::Ended(exit) => return (bytes, Some(exit)),
            Taken::Nothing => timeout(Duration::from_secs(20), wake.notified()).await.expect("more comes"),
            Taken::Bytes(_) | Taken::Skipped(_) => {}
            Taken::Lost => panic!("nothing was dropped"),
        }
    }
    (bytes, None)
}

#[tokio::test]
async fn the_exit_follows_the_last_byte_although_somebody_holds_the_pipe_open() {
    let world = World::new();
    let (terminal, mut process) = world.on_pipes();
    let (mut viewer, wake) = watch(&terminal, 1 << 20);
    process.stdout.write_all(b"last words").unwrap();
    terminal.exited(EXIT);
    let (bytes, exit) = take(&mut viewer, &wake, usize::MAX).await;
    assert_eq!((bytes.as_slice(), exit), (&b"last words"[..], Some(EXIT)));
    assert_eq!(terminal.ends().finished().await, Some(EXIT));
    world.tasks.close();
    timeout(Duration::from_secs(20), world.tasks.wait()).await.expect("the task has ended");
}

#[tokio::test]
async fn a_program_is_not_read_beyond_the_credit() {
    let world = World::new();
    let (terminal, mut process) = world.on_pipes();
    let (mut viewer, wake) = watch(&terminal, 5);
    process.stdout.write_all(b"01234").unwrap();
    assert_eq!(take(&mut viewer, &wake, 5).await.0, b"01234");
    process.stdout.write_all(b"56789").unwrap();
    let log = terminal.streams()[0].1.log();
    assert!(timeout(Duration::from_millis(50), take(&mut viewer, &wake, 1)).await.is_err());
    assert_eq!(log.end(), 5, "the rest stays where it is until it is granted");
    terminal.streams()[0].1.grant(viewer.id(), 5);
    assert_eq!(take(&mut viewer, &wake, 5).await.0, b"56789");
}

#[tokio::test]
async fn input_arrives_whole_and_in_order_and_no_more_than_a_bound_of_it_waits() {
    let world = World::new();
    let (terminal, mut process) = world.on_pipes();
    assert_eq!(terminal.accepted(7), Some(0));
    let meter = Meter::new(Some((7, 0)), Arc::new(Notify::new()));
    let chunk = |number: u32| Bytes::from(number.to_be_bytes().repeat(8 * 1024));
    let mut sent = Vec::new();
    for number in 0.. {
        match terminal.try_input(Input::Bytes(chunk(number), Arc::clone(&meter))) {
            Ok(()) => sent.extend_from_slice(&chunk(number)),
            Err(_) => break,
        }
    }
    assert!(sent.len() < 2 * 1024 * 1024, "{} bytes wait", sent.len());
    // Another one's keystroke is not held up by that, though it comes after.
    let other = Meter::new(None, Arc::new(Notify::new()));
    terminal.try_input(Input::Bytes(Bytes::from_static(b"!"), other)).expect("there is room for others");
    sent.push(b'!');
    assert!(terminal.try_input(Input::End).is_ok());
    let reading = tokio::task::spawn_blocking(move || {
        let mut read = Vec::new();
        process.stdin.read_to_end(&mut read).unwrap();
        read
    });
    terminal.ends().input_over().await;
    assert!(reading.await.unwrap() == sent, "all of it, in order, and then the end");
    assert_eq!(meter.taken(), sent.len() as u64 - 1);
    assert_eq!(terminal.accepted(7), Some(sent.len() as u64 - 1));
}

#[tokio::test]
async fn a_terminal_echoes_and_has_the_size_it_is_given() {
    let world = World::new();
    let (master, slave) = pty();
    let terminal = world.on_terminal(&master);
    let (mut viewer, wake) = watch(&terminal, 1 << 20);
    terminal.resize(Size { rows: 50, cols: 132 });
    let typed = Input::Bytes(Bytes::from_static(b"hello\n"), Meter::new(None, Arc::clone(&wake)));
    terminal.try_input(typed).expect("there is room");
    assert_eq!(take(&mut viewer, &wake, 7).await.0, b"hello\r\n");
    while tcgetwinsize(&slave).unwrap().ws_col != 132 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tcgetwinsize(&slave).unwrap().ws_row, 50);
    assert_eq!(terminal.streams()[0].1.log().size(), Size { rows: 50, cols: 132 });
}

#[tokio::test]
async fn the_next_agent_goes_on_with_what_was_in_every_pipe() {
    let world = World::new();
    let (master, mut slave) = pty();
    let terminal = world.on_terminal(&master);
    let (mut viewer, wake) = watch(&terminal, 1 << 20);
    slave.write_all(b"one ").unwrap();
    assert_eq!(take(&mut viewer, &wake, 4).await.0, b"one ");
    let meter = Meter::new(Some((9, 0)), Arc::clone(&wake));
    terminal.try_input(Input::Bytes(Bytes::from_static(b"typed\n"), meter)).unwrap();
    assert_eq!(take(&mut viewer, &wake, 7).await.0, b"typed\r\n");
    drop((terminal, viewer));
    world.tasks.close();
    timeout(Duration::from_secs(20), world.tasks.wait()).await.expect("the agent is gone");
    // It died between two system calls: these bytes were on their way to the log, and those to the program.
    rustix::io::write(&world.transit, b"two ").unwrap();
    slave.write_all(b"three").unwrap();
    rustix::io::write(&world.input, b"more\n").unwrap();
    let world = World { tasks: TaskTracker::new(), ..world };
    let terminal = world.on_terminal(&master);
    let (mut viewer, wake) = watch(&terminal, 1 << 20);
    let (bytes, _) = take(&mut viewer, &wake, 4 + 7 + 4 + 5 + 6).await;
    assert_eq!(String::from_utf8(bytes).unwrap(), "one typed\r\ntwo threemore\r\n");
    assert_eq!(terminal.accepted(9), Some(6));
    let mut read = [0; 32];
    let count = slave.read(&mut read).unwrap();
    assert_eq!(&read[..count], b"typed\n");
    let count = slave.read(&mut read).unwrap();
    assert_eq!(&read[..count], b"more\n");
}
