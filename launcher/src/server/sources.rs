//! What the loop waits for, by token.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::event::{Timespec, epoll};

/// Events taken from the kernel in one call.
const BATCH: usize = 64;

/// Something that becomes ready.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// A connection can be accepted.
    Listener,
    /// A signal asks the launcher to end.
    Signal,
    /// The agent has sent something, or can be sent to, or is gone.
    Agent,
    /// A process has become its command, or has failed to.
    Started { container: String, process: u32 },
    /// A process has ended.
    Process { container: String, process: u32 },
    /// The worker that unpacks a layer has ended.
    Unpacked { layer: String },
    /// The worker that does a job has ended.
    Worked { job: u64 },
    /// The child that makes a writable layer has ended.
    Made { maker: u64 },
    /// Process 1 of a container has ended.
    Init { container: String },
    /// The memory of a container has run out.
    Memory { container: String },
    /// Process 1 of a container that a runtime has made runs its program, or never will.
    Begun { container: String },
    /// A runtime has ended that makes a container or starts a process.
    Runtime { container: String, process: u32 },
    /// What a runtime starts has taken too long.
    Late { container: String, process: u32 },
    /// The trash has been emptied.
    Trash,
}

/// The set of them.
#[derive(Debug)]
pub(super) struct Sources {
    epoll: OwnedFd,
    by_token: HashMap<u64, Source>,
    /// The token of each watched descriptor. It is never another one's: the kernel goes on watching what was closed here as
    /// long as a child that has yet to execute holds a copy, and tells of it when its number may be another descriptor's.
    tokens: HashMap<RawFd, u64>,
    next_token: u64,
}

impl Sources {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            by_token: HashMap::new(),
            tokens: HashMap::new(),
            next_token: 0,
        })
    }

    /// Waits for `fd` from now on.
    pub(super) fn watch(
        &mut self,
        fd: &impl AsFd,
        source: Source,
        interest: epoll::EventFlags,
    ) -> io::Result<()> {
        let token = self.next_token;
        epoll::add(&self.epoll, fd.as_fd(), epoll::EventData::new_u64(token), interest)?;
        self.next_token += 1;
        self.by_token.insert(token, source);
        if let Some(closed) = self.tokens.insert(fd.as_fd().as_raw_fd(), token) {
            self.by_token.remove(&closed);
        }
        Ok(())
    }

    /// Waits for `fd` no more; to be called before it is closed if anybody else may have it open.
    pub(super) fn forget(&mut self, fd: &impl AsFd) {
        if let Some(token) = self.tokens.remove(&fd.as_fd().as_raw_fd()) {
            self.by_token.remove(&token);
        }
        // Fails only when it has not been watched.
        let _ = epoll::delete(&self.epoll, fd.as_fd());
    }

    /// Changes what is waited for.
    pub(super) fn update(&mut self, fd: &impl AsFd, interest: epoll::EventFlags) -> io::Result<()> {
        let token = *self.tokens.get(&fd.as_fd().as_raw_fd()).ok_or(io::ErrorKind::NotFound)?;
        Ok(epoll::modify(&self.epoll, fd.as_fd(), epoll::EventData::new_u64(token), interest)?)
    }

    /// What has become ready, waiting for it at most `patience`.
    pub(super) fn wait(
        &mut self,
        patience: Option<Duration>,
    ) -> io::Result<Vec<(Source, epoll::EventFlags)>> {
        let timeout = patience.map(|patience| Timespec {
            tv_sec: patience.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: patience.subsec_nanos().into(),
        });
        let mut buffer = [MaybeUninit::uninit(); BATCH];
        let (ready, _) = match epoll::wait(&self.epoll, &mut buffer, timeout.as_ref()) {
            Ok(ready) => ready,
            Err(rustix::io::Errno::INTR) => return Ok(Vec::new()),
            Err(errno) => return Err(errno.into()),
        };
        let source = |event: &epoll::Event| {
            self.by_token.get(&event.data.u64()).cloned().map(|source| (source, event.flags))
        };
        Ok(ready.iter().filter_map(source).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::{dup, dup2};

    #[test]
    fn what_was_closed_while_a_child_holds_it_is_not_taken_for_what_has_its_number_now() {
        let mut sources = Sources::new().unwrap();
        let once = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
        let started = |process| Source::Started { container: "0123456789ab".into(), process };
        let (old, old_writer) = std::io::pipe().unwrap();
        let mut descriptor = OwnedFd::from(old);
        sources.watch(&descriptor, started(1), once).unwrap();
        // A child's copy; then the number is another one's.
        let _copy = dup(&descriptor).unwrap();
        let (new, _new_writer) = std::io::pipe().unwrap();
        dup2(&new, &mut descriptor).unwrap();
        sources.watch(&descriptor, started(2), once).unwrap();
        drop(old_writer);
        assert_eq!(sources.wait(Some(Duration::ZERO)).unwrap(), []);
    }
}
