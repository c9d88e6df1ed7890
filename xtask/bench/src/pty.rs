//! A program on a terminal of its own, as a shell is started: session leader, the slave as its controlling terminal.

use std::ffi::CString;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

/// Longest wait for a prompt or an end, in milliseconds.
const PATIENCE_MS: u16 = 10_000;

/// A program on its terminal.
pub(crate) struct Program {
    master: File,
    pid: Pid,
    started: Instant,
    output: Vec<u8>,
}

impl Program {
    /// Starts it. The clock runs from before the terminal is made.
    pub(crate) fn start(path: &Path, arguments: &[CString]) -> Result<Self> {
        let started = Instant::now();
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let slave = ptsname_r(&master)?;
        let mut actions = PosixSpawnFileActions::init()?;
        // The first terminal that a session leader opens becomes its controlling terminal, see tty_ioctl(4).
        actions.add_open(0, slave.as_str(), OFlag::O_RDWR, Mode::empty())?;
        actions.add_dup2(0, 1)?;
        actions.add_dup2(0, 2)?;
        let mut attributes = PosixSpawnAttr::init()?;
        attributes.set_flags(PosixSpawnFlags::from_bits_retain(libc::POSIX_SPAWN_SETSID.into()))?;
        let environment = [c"PATH=/usr/sbin:/usr/bin:/sbin:/bin".to_owned(), c"TERM=xterm".to_owned()];
        let pid = posix_spawn(path, &actions, &attributes, arguments, &environment)
            .with_context(|| format!("cannot start {}", path.display()))?;
        let master = File::from(OwnedFd::from(master));
        Ok(Self { master, pid, started, output: Vec::new() })
    }

    /// Waits for a shell's prompt; returns how long it took.
    pub(crate) fn prompt(&mut self) -> Result<Duration> {
        while !has_prompt(&self.output) {
            if !self.read()? {
                bail!("ended without a prompt: {}", String::from_utf8_lossy(&self.output).trim());
            }
        }
        Ok(self.started.elapsed())
    }

    /// Waits for the end; returns how many bytes it has printed, which are thrown away.
    pub(crate) fn drain(mut self) -> Result<u64> {
        let mut count = 0;
        loop {
            let more = self.read()?;
            count += self.output.len() as u64;
            self.output.clear();
            if !more {
                waitpid(self.pid, None)?;
                return Ok(count);
            }
        }
    }

    /// Types a key and waits for anything to come back; returns how long it took.
    pub(crate) fn keystroke(&mut self) -> Result<Duration> {
        self.output.clear();
        let typed = Instant::now();
        self.master.write_all(b"x")?;
        while self.output.is_empty() {
            if !self.read()? {
                bail!("it has ended");
            }
        }
        Ok(typed.elapsed())
    }

    /// Waits until it has printed this.
    pub(crate) fn expect(&mut self, text: &str) -> Result<()> {
        while !self.output.windows(text.len()).any(|window| window == text.as_bytes()) {
            if !self.read()? {
                bail!("it ended before {text:?}: {}", String::from_utf8_lossy(&self.output));
            }
        }
        Ok(())
    }

    /// Kills it.
    pub(crate) fn kill(self) -> Result<()> {
        kill(self.pid, Signal::SIGKILL)?;
        waitpid(self.pid, None)?;
        Ok(())
    }

    /// Types `exit` and waits for the end.
    pub(crate) fn exit(mut self) -> Result<()> {
        self.master.write_all(b"exit\n")?;
        while self.read()? {}
        waitpid(self.pid, None)?;
        Ok(())
    }

    /// Takes in what the program printed next; false when every process has closed the terminal.
    fn read(&mut self) -> Result<bool> {
        let mut ready = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        if poll(&mut ready, PollTimeout::from(PATIENCE_MS))? == 0 {
            kill(self.pid, Signal::SIGKILL)?;
            bail!("silent for {PATIENCE_MS} ms after {:?}", String::from_utf8_lossy(&self.output));
        }
        let mut buffer = [0; 4096];
        match self.master.read(&mut buffer) {
            Ok(0) => Ok(false),
            Ok(length) => {
                self.output.extend(&buffer[..length]);
                Ok(true)
            }
            Err(error) if error.raw_os_error() == Some(Errno::EIO as i32) => Ok(false),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a shell has prompted, after whatever it and its runtime said before.
pub(crate) fn has_prompt(output: &[u8]) -> bool {
    output.windows(2).any(|end| matches!(end, b"# " | b"$ "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_prompts_on_a_terminal_of_its_own_and_exits() {
        let mut shell = Program::start(Path::new("/bin/sh"), &[c"sh".to_owned()]).unwrap();
        shell.prompt().unwrap();
        shell.exit().unwrap();
    }

    #[test]
    fn what_a_program_prints_is_counted_and_a_key_comes_back() {
        let words = ["sh", "-c", "head -c 100000 /dev/zero"].map(|word| CString::new(word).unwrap());
        assert_eq!(Program::start(Path::new("/bin/sh"), &words).unwrap().drain().unwrap(), 100_000);
        let words =
            ["sh", "-c", "stty raw -echo; echo ready; exec cat"].map(|word| CString::new(word).unwrap());
        let mut cat = Program::start(Path::new("/bin/sh"), &words).unwrap();
        cat.expect("ready").unwrap();
        cat.keystroke().unwrap();
        cat.kill().unwrap();
    }

    #[test]
    fn a_program_without_a_prompt_is_told_by_what_it_printed() {
        let mut echo =
            Program::start(Path::new("/bin/echo"), &[c"echo".to_owned(), c"no shell".to_owned()]).unwrap();
        assert_eq!(echo.prompt().unwrap_err().to_string(), "ended without a prompt: no shell");
        echo.exit().unwrap();
    }
}
