//! Which user ids a container gets: one range of 65,536 that no other container has, and that is not given away again for
//! a while after it has ended.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use crate::plan::Ids;
use crate::sys::{self, Cloned};

/// Ids of one range: all that an image may use.
pub(crate) const RANGE: u32 = 65_536;

/// First host id of range 0, the store's.
pub(crate) const FIRST_ID: u32 = 524_288;

/// Ranges of the launcher and their state.
#[derive(Debug)]
pub(crate) enum Ranges {
    /// With the host's root: disjoint ranges of the numbers behind `free`, the longest unused first.
    Disjoint { free: VecDeque<u32>, mappings: BTreeMap<u32, Arc<OwnedFd>> },
    /// In a user namespace: all containers share its ids.
    Shared { count: u32 },
}

/// One container's range.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    number: u32,
    /// The ids.
    pub(crate) ids: Ids,
}

impl Ranges {
    /// Ranges `first` to `first + count - 1`; range 0 is the store's and never given to a container.
    pub(crate) fn disjoint(first: u32, count: u32) -> Self {
        Self::Disjoint {
            free: (first..first + count).filter(|&number| number != 0).collect(),
            mappings: BTreeMap::new(),
        }
    }

    /// Id on disk of what belongs to root in a layer, and how many ids a layer may use.
    pub(crate) fn store(&self) -> (u32, u32) {
        match self {
            Self::Disjoint { .. } => (FIRST_ID, RANGE),
            Self::Shared { count } => (0, *count),
        }
    }

    /// The range the next container would get.
    pub(crate) fn next(&self) -> Option<Range> {
        match self {
            Self::Disjoint { free, .. } => free.front().map(|&number| Range { number, ids: ids(number) }),
            Self::Shared { count } => {
                Some(Range { number: 0, ids: Ids { base: 0, count: *count, store: 0 } })
            }
        }
    }

    /// Takes it.
    pub(crate) fn take(&mut self) -> Option<Range> {
        let range = self.next();
        if let Self::Disjoint { free, .. } = self {
            free.pop_front();
        }
        range
    }

    /// Gives a range back: it is at the end of the line, so that what may still carry its ids is gone long before.
    pub(crate) fn give_back(&mut self, range: &Range) {
        if let Self::Disjoint { free, mappings } = self {
            free.push_back(range.number);
            // Kept until its turn comes again, there would be as many as there are ranges.
            mappings.remove(&range.number);
        }
    }

    /// The user namespace whose map translates the store's ids to those of `range`, for idmapped mounts. No process is
    /// ever in it; it is kept as long as the range is in use.
    pub(crate) fn mapping(&mut self, range: &Range) -> io::Result<Option<Arc<OwnedFd>>> {
        let Self::Disjoint { mappings, .. } = self else { return Ok(None) };
        if let Some(mapping) = mappings.get(&range.number) {
            return Ok(Some(Arc::clone(mapping)));
        }
        let mapping = Arc::new(make_mapping(range.ids)?);
        mappings.insert(range.number, Arc::clone(&mapping));
        Ok(Some(mapping))
    }

    /// Prepares the mapping of the range that is next, while nobody waits.
    pub(crate) fn prepare(&mut self) -> io::Result<()> {
        match self.next() {
            Some(range) => self.mapping(&range).map(drop),
            None => Ok(()),
        }
    }
}

fn ids(number: u32) -> Ids {
    Ids { base: FIRST_ID + number * RANGE, count: RANGE, store: FIRST_ID }
}

pub(crate) fn make_mapping(ids: Ids) -> io::Result<OwnedFd> {
    let (pid, pidfd) = match sys::clone(rustix::thread::UnshareFlags::NEWUSER.bits().into(), None)? {
        Cloned::Child => loop {
            nix::unistd::pause();
        },
        Cloned::Parent { pid, pidfd } => (pid, pidfd),
    };
    let namespace = write_maps(pid, ids.store, ids.base, ids.count).and_then(|()| {
        let path = format!("/proc/{pid}/ns/user");
        Ok(openat(CWD, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
    });
    pidfd_send_signal(&pidfd, Signal::KILL)?;
    waitid(WaitId::PidFd(std::os::fd::AsFd::as_fd(&pidfd)), WaitIdOptions::EXITED)?;
    namespace
}

/// Maps `count` ids from `inside` on to those from `outside` on, for users and groups, in the user namespace of `pid`.
pub(crate) fn write_maps(pid: Pid, inside: u32, outside: u32, count: u32) -> io::Result<()> {
    for file in ["uid_map", "gid_map"] {
        // The kernel takes a map in one write only, and each line of it only from one line of the parent's map: in a
        // launcher without root, that has id 0 on a line of its own.
        let map = if outside == 0 && count > 1 {
            format!("{inside} 0 1\n{} 1 {}\n", inside + 1, count - 1)
        } else {
            format!("{inside} {outside} {count}\n")
        };
        File::options().write(true).open(format!("/proc/{pid}/{file}"))?.write_all(map.as_bytes())?;
    }
    Ok(())
}
