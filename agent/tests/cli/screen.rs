//! A terminal with the command line on it, for a test to look at and type on.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::support::{Agent, PORTHOLE};

/// How long anything may take to appear on the screen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A terminal with the command line on it, and a person who reads and types.
pub(crate) struct Screen {
    keyboard: File,
    line: OwnedFd,
    pub(crate) child: Child,
    seen: String,
    /// What a terminal makes of everything that came.
    drawn: avt::Terminal,
}

impl Screen {
    /// Starts the command line as the leader of a session on a new terminal of 30 × 100.
    pub(crate) fn open(agent: &Agent, arguments: &[&str]) -> Self {
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
        let drawn = avt::Terminal::new(100, 30).unwrap();
        Self { keyboard: keyboard.into(), line, child, seen: String::new(), drawn }
    }

    pub(crate) fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads until this appears after what was awaited before.
    pub(crate) fn shows(&mut self, text: &str) {
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
            let text = String::from_utf8_lossy(&buffer[..read]);
            self.drawn.feed(text.as_ref());
            self.seen.push_str(&text);
        }
    }

    /// The lines that a person sees, as far as the terminal has not been resized.
    pub(crate) fn picture(&self) -> Vec<String> {
        self.drawn.screen().text()
    }

    /// Types a command and reads its output; the two halves of the marker keep its echo from being taken for it.
    pub(crate) fn asks(&mut self, command: &str, answer: &str) {
        self.types(&format!("echo '<''<'; {command}; echo '>''>'\r"));
        self.shows("<<\r\n");
        self.shows(&format!("{answer}\r\n"));
        self.shows(">>\r\n");
    }

    pub(crate) fn resizes(&self, rows: u16, cols: u16) {
        tcsetwinsize(&self.keyboard, winsize(rows, cols)).unwrap();
    }

    pub(crate) fn ends(mut self) -> Option<i32> {
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
