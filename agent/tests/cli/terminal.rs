//! `run -it` on a real terminal: keys, sizes, the way back.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::support::{Agent, PORTHOLE, send};

/// How long anything may take to appear on the screen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A terminal with the command line on it, and a person who reads and types.
struct Screen {
    keyboard: File,
    line: OwnedFd,
    child: Child,
    seen: String,
}

impl Screen {
    /// Starts the command line as the leader of a session on a new terminal of 30 × 100.
    fn open(agent: &Agent, arguments: &[&str]) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let line =
            open(ptsname(&keyboard, Vec::new()).unwrap(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty())
                .unwrap();
        let environment: Vec<_> =
            agent.command(&[]).get_envs().map(|(k, v)| (k.to_owned(), v.unwrap().to_owned())).collect();
        tcsetwinsize(&keyboard, winsize(30, 100)).unwrap();
        let end = || line.try_clone().unwrap();
        let child = Command::new("setsid")
            .args(["--ctty", PORTHOLE])
            .args(arguments)
            .envs(environment)
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        Self { keyboard: keyboard.into(), line, child, seen: String::new() }
    }

    fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads until this appears after what was awaited before.
    fn shows(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut buffer = [0; 4096];
        loop {
            if let Some(place) = self.seen.find(text) {
                self.seen.drain(..place + text.len());
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let mut fds = [PollFd::new(&self.keyboard, PollFlags::IN)];
            let left =
                Timespec { tv_sec: left.as_secs().try_into().unwrap(), tv_nsec: left.subsec_nanos().into() };
            let ready = poll(&mut fds, Some(&left)).unwrap();
            assert_eq!(ready, 1, "{text:?} does not appear; on the screen: {:?}", self.seen);
            let read = self.keyboard.read(&mut buffer).unwrap();
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    }

    /// Types a command and reads its output; the two halves of the marker keep its echo from being taken for it.
    fn asks(&mut self, command: &str, answer: &str) {
        self.types(&format!("echo '<''<'; {command}; echo '>''>'\r"));
        self.shows("<<\r\n");
        self.shows(&format!("{answer}\r\n"));
        self.shows(">>\r\n");
    }

    fn resizes(&self, rows: u16, cols: u16) {
        tcsetwinsize(&self.keyboard, winsize(rows, cols)).unwrap();
    }

    fn ends(mut self) -> Option<i32> {
        let status = self.child.wait().unwrap().code();
        let modes = tcgetattr(&self.line).unwrap().local_modes;
        assert!(
            modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG),
            "the terminal is as it was"
        );
        status
    }
}

fn winsize(rows: u16, cols: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 }
}

#[test]
fn a_shell_is_a_full_terminal() {
    let agent = Agent::start();
    let mut screen = Screen::open(&agent, &["run", "-it", "--rm", "busybox", "sh"]);
    screen.shows("# ");
    screen.asks("stty size", "30 100");
    screen.resizes(50, 132);
    screen.asks("stty size", "50 132");
    // One process says it and sleeps: when it has been said, the terminal is its own and no longer the shell's.
    screen.types("sh -c \"echo a''sleep; exec sleep 1000\"\r");
    screen.shows("asleep\r\n");
    screen.types("\x03");
    // What is typed before the shell has its terminal back may be thrown away with the rest of the line.
    screen.shows("^C");
    screen.shows("# ");
    screen.types("echo status''=$?\r");
    screen.shows("status=130\r\n");
    screen.types("exit 5\r");
    assert_eq!(screen.ends(), Some(5));
    assert_eq!(agent.ok(&["ps", "-aq"]), "");
}

#[test]
fn detaching_leaves_the_shell_as_it_is_and_attaching_returns_to_it() {
    let agent = Agent::start();
    let mut screen = Screen::open(&agent, &["run", "-it", "--name", "kept", "busybox", "sh"]);
    screen.shows("# ");
    screen.asks("X=remembered; echo set", "set");
    screen.types("\x10\x11");
    screen.shows("porthole attach");
    assert_eq!(screen.ends(), Some(0));
    assert_eq!(agent.ok(&["ps", "-q"]).lines().count(), 1);

    let mut screen = Screen::open(&agent, &["attach", "kept"]);
    screen.asks("echo $X", "remembered");
    screen.types("exit\r");
    assert_eq!(screen.ends(), Some(0));
}

#[test]
fn exec_opens_a_second_terminal() {
    let agent = Agent::start();
    agent.ok(&["run", "-d", "--name", "host", "busybox", "sleep", "60"]);
    let mut screen = Screen::open(&agent, &["exec", "-it", "host", "sh"]);
    screen.shows("# ");
    screen.asks("test -t 0 && echo terminal", "terminal");
    screen.types("exit 3\r");
    assert_eq!(screen.ends(), Some(3));
}

#[test]
fn a_signal_that_is_insisted_on_leaves_the_terminal_as_it_was() {
    let agent = Agent::start();
    let mut screen = Screen::open(&agent, &["run", "-it", "busybox", "sh"]);
    screen.shows("# ");
    let between = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    while screen.child.try_wait().unwrap().is_none() {
        send(&screen.child, Signal::TERM);
        poll(&mut [], Some(&between)).unwrap();
    }
    screen.shows("porthole attach");
    assert_eq!(screen.ends(), Some(0), "it is detached from");
}

#[test]
fn keys_that_come_from_no_terminal_are_refused() {
    let agent = Agent::start();
    let outcome = agent.porthole(&["run", "-it", "busybox", "sh"]);
    assert_eq!(outcome.status, 125);
    assert!(outcome.stderr.contains("not a terminal"), "{}", outcome.stderr);
}
