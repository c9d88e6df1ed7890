//! What the launcher and the two processes it clones for a launch tell each other through shared memory: times, failures
//! and three signals. Nothing here allocates, so that children may use it.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::io::Errno;
use rustix::process::Pid;
use rustix::thread::futex;
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::sys::SharedPage;

/// Longest wait for another process's part, in seconds: only passed when that process has been killed.
const PATIENCE: i64 = 10;

/// What one process waits for until another has done it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    /// The id maps of the new user namespace are written.
    Mapped,
    /// The root file system is complete, the host's detached.
    RootReady,
}

/// The page of one launch or exec.
#[derive(Debug)]
pub(crate) struct Page(SharedPage);

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub(crate) fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec.cast_unsigned() * 1_000_000_000 + time.tv_nsec.cast_unsigned()
}

impl Page {
    pub(crate) fn new() -> io::Result<Self> {
        SharedPage::new().map(Self)
    }

    /// Records that a step begins.
    pub(crate) fn begin(&self, step: usize) {
        self.0.times[step][0].store(now(), Ordering::Relaxed);
    }

    /// Records that a step is done.
    pub(crate) fn end(&self, step: usize) {
        self.0.times[step][1].store(now(), Ordering::Relaxed);
    }

    /// Begin and end of a step, as far as it got.
    pub(crate) fn times(&self, step: usize) -> (Option<u64>, Option<u64>) {
        let time = |which: usize| Some(self.0.times[step][which].load(Ordering::Relaxed)).filter(|&t| t != 0);
        (time(0), time(1))
    }

    /// Records that a step failed; the first failure is kept.
    pub(crate) fn fail(&self, step: usize, errno: Errno) {
        let failure = ((step as u64 + 1) << 32) | u64::from(errno.raw_os_error().unsigned_abs());
        let _ = self.0.failure.compare_exchange(0, failure, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The step that failed, and why.
    pub(crate) fn failure(&self) -> Option<(usize, Errno)> {
        let failure = self.0.failure.load(Ordering::Acquire);
        let errno = i32::try_from(failure & 0xffff_ffff).ok()?;
        let step = usize::try_from(failure >> 32).ok()?.checked_sub(1)?;
        Some((step, Errno::from_raw_os_error(errno)))
    }

    /// Tells whoever waits for `signal`.
    pub(crate) fn raise(&self, signal: Signal) {
        self.word(signal).store(1, Ordering::Release);
        // Shared between processes, so not PRIVATE. Waking cannot fail on a mapped, aligned word.
        let _ = futex::wake(self.word(signal), futex::Flags::empty(), i32::MAX.unsigned_abs());
    }

    /// Waits until `signal` is raised.
    ///
    /// # Errors
    /// `TIMEDOUT` when nobody raises it.
    pub(crate) fn wait(&self, signal: Signal) -> Result<(), Errno> {
        let word = self.word(signal);
        while word.load(Ordering::Acquire) == 0 {
            let patience = Timespec { tv_sec: PATIENCE, tv_nsec: 0 };
            match futex::wait(word, futex::Flags::empty(), 0, Some(&patience)) {
                Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }

    /// Tells the parent of a process that the caller has cloned as its sibling.
    pub(crate) fn tell_pid(&self, pid: Pid) {
        self.0.pid.store(pid.as_raw_nonzero().get().unsigned_abs(), Ordering::Release);
    }

    /// The process that was told of.
    pub(crate) fn told_pid(&self) -> Option<Pid> {
        Pid::from_raw(self.0.pid.load(Ordering::Acquire).cast_signed())
    }

    /// Tells of a descriptor that the caller keeps open for another child.
    pub(crate) fn offer(&self, descriptor: u32) {
        self.0.offered.store(descriptor, Ordering::Release);
    }

    /// The descriptor that was told of.
    pub(crate) fn offered(&self) -> u32 {
        self.0.offered.load(Ordering::Acquire)
    }

    fn word(&self, signal: Signal) -> &AtomicU32 {
        &self.0.flags[signal as usize]
    }
}
