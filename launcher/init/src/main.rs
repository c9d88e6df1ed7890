//! Process 1 of every container: reaps orphans and forwards signals, nothing else.
//!
//! The kernel ends the whole container with it, so it ends only when the launcher kills it. With the argument `uname` it
//! first tells what kernel it finds itself on: an OCI runtime may bring one of its own. With `trial` it ends at once: a runtime is tried.

use std::io::Write;

use nix::errno::Errno;
use nix::sys::prctl::{set_name, set_pdeathsig};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::utsname::uname;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, close};

/// The container's first process. The launcher starts it right after this one.
const FIRST: Pid = Pid::from_raw(2);

/// Signals that are meant for the first process when someone sends them to process 1.
const FORWARDED: [Signal; 7] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGHUP,
    Signal::SIGQUIT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGWINCH,
];

fn main() -> Result<(), Errno> {
    if std::env::args().nth(1).is_some_and(|argument| argument == "trial") {
        return Ok(());
    }
    // What `ps` shows; else it is the name of the memory that it was started from.
    set_name(c"porthole-init")?;
    // Before anybody hears of it: what is sent from then on is taken.
    let all = SigSet::all();
    all.thread_block()?;
    if std::env::args().nth(1).is_some_and(|argument| argument == "uname") {
        tell_kernel();
        // They lead to the launcher, and whoever is root in here could open them.
        for stream in 0..3 {
            // Fails only for one that it was not given.
            let _ = close(stream);
        }
    }
    loop {
        match all.wait()? {
            Signal::SIGCHLD => reap(),
            // The launcher is its parent from here on: an OCI runtime, which has made it, has ended.
            Signal::SIGPWR => set_pdeathsig(Signal::SIGKILL)?,
            signal if FORWARDED.contains(&signal) => {
                // Without a first process there is nobody to tell.
                let _ = kill(FIRST, signal);
            }
            _ => {}
        }
    }
}

/// System, release, version and machine, a line each, in one go: it is also the sign that this program runs. Nobody has to listen.
fn tell_kernel() {
    if let Ok(kernel) = uname() {
        let parts = [kernel.sysname(), kernel.release(), kernel.version(), kernel.machine()];
        let lines: Vec<_> = parts.into_iter().map(|part| part.to_string_lossy()).collect();
        let _ = std::io::stdout().write_all((lines.join("\n") + "\n").as_bytes());
    }
}

/// Takes the status of every child that has ended: one signal may stand for many of them.
fn reap() {
    let any = Pid::from_raw(-1);
    while !matches!(waitpid(any, Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive) | Err(_)) {}
}
