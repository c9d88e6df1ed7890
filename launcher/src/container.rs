//! A container and its processes as the launcher keeps them.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use rustix::process::Pid;

use crate::cgroup::Frozen;
use crate::disk::Disk;
use crate::page::Page;
use crate::plan::Step;
use crate::ranges::Range;
use crate::wire::{Address, Ending, EngineKind, ExecutedStep, Limits, ProcessRequest};

/// A container that lives, or has ended and not been removed.
#[derive(Debug)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) hostname: String,
    pub(crate) label: Vec<u8>,
    pub(crate) layers: Vec<String>,
    /// What it has written.
    pub(crate) disk: Disk,
    pub(crate) capabilities: u64,
    /// Those in force.
    pub(crate) limits: Limits,
    pub(crate) new_privileges: bool,
    pub(crate) engine: EngineKind,
    /// What process 1 has told of its kernel, when a runtime made it.
    pub(crate) kernel: String,
    /// What only a living one has.
    pub(crate) life: Option<Life>,
    pub(crate) processes: BTreeMap<u32, Process>,
    pub(crate) next_process: u32,
    pub(crate) steps: Vec<ExecutedStep>,
    pub(crate) lacks: Vec<String>,
    /// In the networks it has joined.
    pub(crate) addresses: Vec<Address>,
    /// Held while it is frozen.
    pub(crate) frozen: Option<Frozen>,
    /// Whether its memory ran out: what is killed then, is for that.
    pub(crate) out_of_memory: bool,
    /// Whether it was told to end: what is killed then is not out of memory.
    pub(crate) killed: bool,
}

/// The kernel's part of a living container.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) init: Child,
    pub(crate) range: Range,
    /// Its devpts, to open further terminals in; none where a runtime opens them.
    pub(crate) devpts: Option<OwnedFd>,
    /// Becomes readable when its memory has run out; none with version 2, which needs no help.
    pub(crate) memory: Option<OwnedFd>,
    /// Whether process 1 has ended: what is left is to remove its cgroups.
    pub(crate) over: bool,
}

/// A child of the launcher.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
}

/// A process that the launcher has started in a container.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) request: ProcessRequest,
    /// Gone when it has ended.
    pub(crate) child: Option<Child>,
    /// Gone when the agent has released it: until then something of its output may still be in there.
    pub(crate) streams: Option<Streams>,
    /// What is left until it has become its command.
    pub(crate) starting: Option<Starting>,
    pub(crate) ending: Option<Ending>,
}

/// The launcher's ends of a process's standard streams.
#[derive(Debug)]
pub(crate) enum Streams {
    Terminal { master: OwnedFd, transit: OwnedFd, typed: Typed },
    Pipes { stdout: OwnedFd, stderr: OwnedFd, typed: Option<Typed>, stdin: Option<OwnedFd> },
}

/// What is typed, kept for the agent; see [`crate::wire::Stdio`].
#[derive(Debug)]
pub(crate) struct Typed {
    pub(crate) input: OwnedFd,
    pub(crate) ledger: OwnedFd,
}

impl Typed {
    fn descriptors(&self) -> [&OwnedFd; 2] {
        [&self.input, &self.ledger]
    }
}

/// Who has asked for something that takes time: the number of a request, and which agent's. One that was started later must
/// not take the answer for its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) agent: u64,
    pub(crate) seq: u32,
}

/// A process between clone and exec.
#[derive(Debug)]
pub(crate) struct Starting {
    /// Who is to be answered.
    pub(crate) caller: Caller,
    /// When it was read, in nanoseconds of `CLOCK_MONOTONIC`.
    pub(crate) received: u64,
    /// Closed by the kernel when the process has become its command, or has died.
    pub(crate) done: OwnedFd,
    pub(crate) page: Page,
    pub(crate) steps: Vec<Step>,
}

impl Streams {
    /// Descriptors in the order of [`crate::wire::Stdio`], after the pidfd.
    pub(crate) fn descriptors(&self) -> Vec<&OwnedFd> {
        match self {
            Self::Terminal { master, transit, typed } => {
                [master, transit].into_iter().chain(typed.descriptors()).collect()
            }
            Self::Pipes { stdout, stderr, typed, stdin } => {
                let typed = typed.iter().flat_map(Typed::descriptors);
                [stdout, stderr].into_iter().chain(typed).chain(stdin).collect()
            }
        }
    }

    /// Closes the writing end of standard input: kept here, it would never end for the process.
    pub(crate) fn forget_stdin(&mut self) {
        if let Self::Pipes { stdin, .. } = self {
            *stdin = None;
        }
    }
}

impl Starting {
    /// The executed steps, with times relative to the request.
    pub(crate) fn executed(&self) -> Vec<ExecutedStep> {
        executed(&self.page, &self.steps, self.received)
    }
}

/// Those of `steps` that have been taken, with times relative to `received`.
pub(crate) fn executed(page: &Page, steps: &[Step], received: u64) -> Vec<ExecutedStep> {
    let now = crate::page::now();
    let timed = |(index, step): (usize, &Step)| {
        let (begin, end) = page.times(index);
        let begin = begin?;
        Some(ExecutedStep {
            step: step.clone(),
            start_ns: begin.saturating_sub(received),
            // The last step of a child, its exec, ends by not returning.
            duration_ns: end.unwrap_or(now).saturating_sub(begin),
        })
    };
    steps.iter().enumerate().filter_map(timed).collect()
}
