//! Images that are ready for the next containers, and the children that make more.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::maker::Maker;
use super::{Disk, Size};

/// Images of the usual size that are kept ready: as many launches may follow one another faster than one is made.
const SPARES: usize = 4;

/// Children at work: they mostly wait for the kernel, so there are more than processors.
const MAKERS: usize = 8;

/// Templates that are kept. A fraction of a mebibyte each.
const TEMPLATES: usize = 4;

/// The size that images are kept ready in until another one is asked for twice: the agent's own default.
const USUAL: Size = Size { bytes: 1 << 30, inodes: 65_536 };

/// All of them.
#[derive(Debug)]
pub(crate) struct Pool {
    /// Where files without a name are made.
    scratch: OwnedFd,
    /// The store's id of root.
    owner: u32,
    /// The newest last.
    templates: Vec<(Size, File)>,
    ready: Vec<(Size, Disk)>,
    makers: BTreeMap<u64, Maker>,
    /// The number of the next maker.
    next: u64,
    usual: Size,
    /// What was asked for last.
    last: Size,
    /// Whether the last spare could not be made: the next launch will say why.
    failed: bool,
}

impl Pool {
    pub(crate) fn new(scratch: BorrowedFd<'_>, owner: u32) -> io::Result<Self> {
        Ok(Self {
            scratch: scratch.try_clone_to_owned()?,
            owner,
            templates: Vec::new(),
            ready: Vec::new(),
            makers: BTreeMap::new(),
            next: 0,
            usual: USUAL,
            last: USUAL,
            failed: false,
        })
    }

    /// A launch asks for this size. Returns spares of a size that is not usual any more, to be given up.
    pub(crate) fn asked(&mut self, size: Size) -> Vec<Disk> {
        self.failed = false;
        if size == self.usual || std::mem::replace(&mut self.last, size) != size {
            return Vec::new();
        }
        self.usual = size;
        let (kept, old) = std::mem::take(&mut self.ready).into_iter().partition(|(of, _)| *of == size);
        self.ready = kept;
        old.into_iter().map(|(_, disk)| disk).collect()
    }

    /// Whether there is one of this size.
    pub(crate) fn has(&self, size: Size) -> bool {
        self.ready.iter().any(|(of, _)| *of == size)
    }

    /// Takes one.
    pub(crate) fn take(&mut self, size: Size) -> Option<Disk> {
        let at = self.ready.iter().position(|(of, _)| *of == size)?;
        Some(self.ready.remove(at).1)
    }

    /// The size that more makers are needed for, when launches wait for those in `waiting`; spares only when `idle`.
    fn needed(&self, waiting: &[Size], idle: bool) -> Option<(Size, bool)> {
        if self.makers.len() >= MAKERS {
            return None;
        }
        let coming = |size: Size| self.makers.values().filter(|maker| maker.size == size).count();
        let short = |size: &&Size| coming(**size) < waiting.iter().filter(|other| other == size).count();
        if let Some(size) = waiting.iter().find(short) {
            return Some((*size, true));
        }
        let spares = self.ready.iter().filter(|(size, _)| *size == self.usual).count() + coming(self.usual);
        (idle && !self.failed && spares < SPARES).then_some((self.usual, false))
    }

    /// Starts a maker if one is needed, see [`Pool::needed`]. Returns its number and what becomes readable when it has ended.
    pub(crate) fn start(
        &mut self,
        waiting: &[Size],
        idle: bool,
    ) -> io::Result<Option<(u64, BorrowedFd<'_>)>> {
        let Some((size, urgent)) = self.needed(waiting, idle) else { return Ok(None) };
        let template = self.templates.iter().find(|(of, _)| *of == size).map(|(_, template)| template);
        let maker = Maker::start(self.scratch.as_fd(), template, size, self.owner, urgent)?;
        self.next += 1;
        let maker = self.makers.entry(self.next).insert_entry(maker).into_mut();
        Ok(Some((self.next, maker.pidfd())))
    }

    /// Takes in what a maker has made.
    ///
    /// # Errors
    /// For which size there is none, and why.
    pub(crate) fn finish(&mut self, maker: u64) -> Result<(), (Size, String)> {
        let Some(maker) = self.makers.remove(&maker) else { return Ok(()) };
        let size = maker.size;
        let made = maker.finish().map_err(|why| {
            self.failed = true;
            (size, why)
        })?;
        if !self.templates.iter().any(|(of, _)| *of == size) {
            self.templates.push((size, made.template));
            if self.templates.len() > TEMPLATES {
                self.templates.remove(0);
            }
        }
        self.ready.push((size, made.disk));
        Ok(())
    }
}
