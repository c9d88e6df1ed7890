//! A terminal's task over real pipes and a real PTY, without a container.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::tcgetwinsize;
use tokio::time::timeout;

use super::fanout::{Taken, Viewer};
use super::*;

const EXIT: Exit = Exit { code: 3, signal: None, out_of_memory: false };

/// The process's ends of its pipes.
struct Process {
    stdout: PipeWriter,
    stdin: PipeReader,
    _stderr: PipeWriter,
}

fn on_pipes(tasks: &TaskTracker) -> (Terminal, Process) {
    let ((out, stdout), (err, stderr), (stdin, input)) = (pipe().unwrap(), pipe().unwrap(), pipe().unwrap());
    let stdio = StdioFds::Pipes { stdout: out.into(), stderr: err.into(), stdin: Some(input.into()) };
    (Terminal::start(stdio, tasks).unwrap(), Process { stdout, stdin, _stderr: stderr })
}

/// A viewer of the first stream, and what wakes it.
fn watch(terminal: &Terminal, credit: u32) -> (Viewer, Arc<Notify>) {
    let wake = Arc::new(Notify::new());
    (terminal.streams()[0].1.view(None, credit, Arc::clone(&wake)), wake)
}

/// Takes until the end, or until `enough` bytes have come.
async fn take(viewer: &mut Viewer, wake: &Notify, enough: usize) -> (Vec<u8>, Option<Exit>) {
    let mut bytes = Vec::new();
    while bytes.len() < enough {
        match viewer.take(1000, &mut bytes) {
            Taken::Ended(exit) => return (bytes, Some(exit)),
            Taken::Nothing => timeout(Duration::from_secs(20), wake.notified()).await.expect("more comes"),
            Taken::Bytes(_) | Taken::Skipped(_) => {}
        }
    }
    (bytes, None)
}

#[tokio::test]
async fn the_exit_follows_the_last_byte_although_somebody_holds_the_pipe_open() {
    let tasks = TaskTracker::new();
    let (terminal, mut process) = on_pipes(&tasks);
    let (mut viewer, wake) = watch(&terminal, 1 << 20);
    process.stdout.write_all(b"last words").unwrap();
    terminal.exited(EXIT);
    let (bytes, exit) = take(&mut viewer, &wake, usize::MAX).await;
    assert_eq!((bytes.as_slice(), exit), (&b"last words"[..], Some(EXIT)));
    tasks.close();
    timeout(Duration::from_secs(20), tasks.wait()).await.expect("the task has ended");
}

#[tokio::test]
async fn a_program_is_not_read_beyond_the_credit() {
    let tasks = TaskTracker::new();
    let (terminal, mut process) = on_pipes(&tasks);
    let (mut viewer, wake) = watch(&terminal, 5);
    process.stdout.write_all(b"01234").unwrap();
    assert_eq!(take(&mut viewer, &wake, 5).await.0, b"01234");
    process.stdout.write_all(b"56789").unwrap();
    // The task sees the exit, and the five bytes stay where they are until they are granted.
    terminal.exited(EXIT);
    assert!(timeout(Duration::from_millis(50), take(&mut viewer, &wake, 1)).await.is_err());
    terminal.streams()[0].1.grant(viewer.id(), 5);
    assert_eq!(take(&mut viewer, &wake, usize::MAX).await, (b"56789".to_vec(), Some(EXIT)));
}

#[tokio::test]
async fn input_arrives_whole_and_in_order_and_no_more_than_a_bound_of_it_waits() {
    let tasks = TaskTracker::new();
    let (terminal, mut process) = on_pipes(&tasks);
    let meter = Meter::new(Arc::new(Notify::new()));
    let chunk = |number: u32| Bytes::from(number.to_be_bytes().repeat(8 * 1024));
    let mut sent = Vec::new();
    for number in 0.. {
        match terminal.try_input(Input::Bytes(chunk(number), Arc::clone(&meter))) {
            Ok(()) => sent.extend_from_slice(&chunk(number)),
            Err(_) => break,
        }
        tokio::task::yield_now().await;
    }
    assert!(sent.len() < 4 * 1024 * 1024, "{} bytes wait", sent.len());
    let reading = tokio::task::spawn_blocking(move || {
        let mut read = Vec::new();
        process.stdin.read_to_end(&mut read).unwrap();
        read
    });
    terminal.input_room().await;
    assert!(terminal.try_input(Input::End).is_ok());
    assert!(reading.await.unwrap() == sent, "all of it, in order, and then the end");
    assert_eq!(meter.taken(), sent.len() as u64);
}

#[tokio::test]
async fn a_terminal_echoes_and_has_the_size_it_is_given() {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
    let tasks = TaskTracker::new();
    let terminal = Terminal::start(StdioFds::Terminal(master), &tasks).unwrap();
    let (mut viewer, wake) = watch(&terminal, 1 << 20);
    terminal.resize(Size { rows: 50, cols: 132 });
    let typed = Input::Bytes(Bytes::from_static(b"hello\n"), Meter::new(Arc::clone(&wake)));
    terminal.try_input(typed).expect("there is room");
    assert_eq!(take(&mut viewer, &wake, 7).await.0, b"hello\r\n");
    while tcgetwinsize(&slave).unwrap().ws_col != 132 {
        tokio::task::yield_now().await;
    }
    assert_eq!(tcgetwinsize(&slave).unwrap().ws_row, 50);
}
