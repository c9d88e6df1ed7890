//! What is under way with a runtime, and what becomes of it when the runtime has ended.

use std::fs;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use rustix::event::Timespec;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, pidfd_open, pidfd_send_signal, waitid,
};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use super::launch::{Ends, LONGEST_WORD};
use crate::container::{Caller, Child, Container, Life, Process, Streams, executed};
use crate::disk::Disk;
use crate::engine::{Engine, failure, refused, step_failed};
use crate::page::Page;
use crate::plan::{Action, Step};
use crate::ranges::Range;
use crate::wire::{Address, EngineKind, Failure, FailureKind, LaunchRequest, ProcessRequest, Reply, Stdio};

/// Longest time that the commands of a start may take: hundreds of times what they take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A process that a runtime is starting.
#[derive(Debug)]
pub(crate) struct Start {
    caller: Caller,
    received: u64,
    request: ProcessRequest,
    pub(super) page: Page,
    pub(super) steps: Vec<Step>,
    ends: Ends,
    /// The runtime, from when it runs.
    pub(super) runtime: Option<Child>,
    /// Readable when it has taken too long.
    timer: OwnedFd,
    late: bool,
    /// The container, while the runtime makes that.
    pub(super) newborn: Option<Newborn>,
    /// Readable when the container's process 1 runs its program, once the runtime has made that.
    sign: Option<PipeReader>,
}

/// A container that a runtime is making.
#[derive(Debug)]
pub(super) struct Newborn {
    pub(super) request: LaunchRequest,
    pub(super) range: Range,
    pub(super) lacks: Vec<String>,
    pub(super) addresses: Vec<Address>,
    pub(super) mounter: Child,
    /// Where process 1 tells of its kernel when it begins.
    pub(super) sign: PipeReader,
    /// Where the runtime tells why it could not.
    pub(super) complaint: OwnedFd,
    /// See [`Life::memory`].
    pub(super) memory: Option<OwnedFd>,
    /// Its writable layer.
    pub(super) disk: Disk,
}

/// What the end of a runtime leads to.
pub(crate) enum Progress {
    /// The container is there; its process 1 is about to begin.
    Made(Caller),
    /// The answer to the request.
    Answer(Caller, Result<Reply, Failure>),
}

impl Start {
    pub(super) fn new(
        caller: Caller,
        received: u64,
        request: ProcessRequest,
        page: Page,
        steps: Vec<Step>,
        ends: Ends,
    ) -> io::Result<Self> {
        let timer =
            timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let late = Timespec { tv_sec: PATIENCE.as_secs().cast_signed(), tv_nsec: 0 };
        let once = Itimerspec { it_interval: never, it_value: late };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(Self {
            caller,
            received,
            request,
            page,
            steps,
            ends,
            runtime: None,
            timer,
            late: false,
            newborn: None,
            sign: None,
        })
    }

    /// The process's ends of its streams.
    pub(super) fn theirs(&self) -> [Option<BorrowedFd<'_>>; 3] {
        match &self.ends.pair {
            Some(pair) => pair.theirs(),
            None => [None, None, Some(self.ends.complaint.as_fd())],
        }
    }

    /// Readable when the runtime has ended.
    pub(crate) fn runtime(&self) -> Option<BorrowedFd<'_>> {
        Some(self.runtime.as_ref()?.pidfd.as_fd())
    }

    /// Readable when process 1 has begun, or will not.
    pub(crate) fn sign(&self) -> Option<BorrowedFd<'_>> {
        Some(self.sign.as_ref()?.as_fd())
    }

    /// Readable when the start has taken too long.
    pub(crate) fn timer(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }

    fn kill_runtime(&self) {
        if let Some(runtime) = &self.runtime {
            // Fails only when it has ended already.
            let _ = rustix::process::pidfd_send_signal(&runtime.pidfd, rustix::process::Signal::KILL);
        }
    }

    /// Takes the runtime's status; whether it did what it was to do. Its command is the last step of its process.
    fn finish(&mut self) -> bool {
        let making = self.newborn.is_some();
        let is_command = |step: &Step| match step.action {
            Action::RunBundle { .. } => making,
            Action::RunProcess { .. } => !making,
            _ => false,
        };
        if let Some(command) = self.steps.iter().position(is_command) {
            self.page.end(command);
        }
        let runtime = self.runtime.take();
        let status = runtime.and_then(|runtime| {
            waitid(WaitId::PidFd(runtime.pidfd.as_fd()), WaitIdOptions::EXITED).ok().flatten()
        });
        status.and_then(|status| status.exit_status()) == Some(0)
    }

    /// What the runtime has said of why it could not; of a process on pipes it can be read once.
    fn complaint(&self) -> String {
        match &self.newborn {
            Some(newborn) => said(&newborn.complaint),
            None => said(&self.ends.complaint),
        }
    }

    /// Why the runtime could not.
    fn failure(&self, id: &str, killed: bool, said: &str) -> Failure {
        if let Some((step, errno)) = self.page.failure() {
            return step_failed(&self.steps[step.min(self.steps.len() - 1)], &errno.into());
        }
        if self.late {
            let seconds = PATIENCE.as_secs();
            return failure(
                FailureKind::Internal,
                format!("The runtime was ended, because it took longer than {seconds} seconds."),
            );
        }
        if killed {
            return failure(FailureKind::Internal, format!("The container {id} was killed at its start."));
        }
        complaint(said, self.newborn.is_some(), &self.request)
    }

    /// The launcher's ends, once the process runs.
    fn streams(&mut self) -> io::Result<Streams> {
        if let (Some(console), Stdio::Terminal { rows, cols }) = (&self.ends.console, self.request.stdio) {
            return Streams::terminal(console.take(rows, cols)?);
        }
        self.ends.pair.take().map(|pair| pair.ours).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

impl Engine {
    /// A runtime has ended. What its process leaves behind is the launcher's child by now.
    pub(crate) fn runtime_ended(&mut self, id: &str, number: u32) -> Option<Progress> {
        let mut start = self.oci.starts.remove(&(id.to_owned(), number))?;
        let caller = start.caller;
        let done = start.finish();
        let outcome = match start.newborn.take_if(|_| done) {
            Some(newborn) => match self.made(id, start, newborn) {
                Ok(()) => return Some(Progress::Made(caller)),
                Err(failure) => Err(failure),
            },
            None if done => self.joined(id, number, start),
            None => {
                let killed = self.containers.get(id).is_some_and(|container| container.killed);
                let failure = start.failure(id, killed, &start.complaint());
                if let Some(newborn) = start.newborn {
                    self.unmake(id, newborn);
                }
                Err(failure)
            }
        };
        if outcome.is_err() && number == 0 {
            self.abandon(id, 0);
        }
        Some(Progress::Answer(caller, outcome))
    }

    /// The runtime has made the container: what is next is that its process 1 begins.
    fn made(&mut self, id: &str, mut start: Start, newborn: Newborn) -> Result<(), Failure> {
        let child = child_at(&self.oci.files(id).pid(None));
        newborn.mounter.kill_and_wait();
        let init = match child {
            Ok(init) => init,
            Err(error) => {
                self.unmake(id, newborn);
                return Err(untold(&error));
            }
        };
        if let Err(failure) = self.join_networks(&start, &init) {
            init.kill();
            self.unmake(id, newborn);
            return Err(failure);
        }
        let Newborn { request, range, lacks, addresses, sign, memory, disk, .. } = newborn;
        let container = Container {
            id: id.to_owned(),
            hostname: request.hostname,
            label: request.label,
            layers: request.layers,
            disk,
            capabilities: request.capabilities,
            new_privileges: request.new_privileges,
            engine: request.engine,
            limits: request.limits,
            life: Some(Life { init, range, devpts: None, memory, over: false }),
            kernel: String::new(),
            processes: [].into(),
            next_process: 1,
            steps: Vec::new(),
            lacks,
            addresses,
            frozen: None,
            out_of_memory: false,
            killed: false,
        };
        self.containers.insert(id.to_owned(), container);
        start.sign = Some(sign);
        self.oci.starts.insert((id.to_owned(), 0), start);
        Ok(())
    }

    /// Process 1 runs its program, or never will: has the first process started. Not before: as long as process 1 is still the
    /// runtime's own program the kernel lets nobody in who is root of the container and no more, and crun has become that by then.
    pub(crate) fn begun(&mut self, id: &str) -> Option<(Caller, Result<(), Failure>)> {
        let mut start = self.oci.starts.remove(&(id.to_owned(), 0))?;
        let (caller, sign) = (start.caller, start.sign.take());
        let begun = match (sign.as_ref().and_then(heard), self.containers.get_mut(id)) {
            (Some(kernel), Some(container)) if !container.killed => {
                container.begun(kernel);
                self.run_process(id, start)
            }
            (_, container) => {
                let killed = container.is_some_and(|container| container.killed);
                Err(start.failure(id, killed, "the container's process 1 has ended before it began"))
            }
        };
        let begun = begun.map(|start| drop(self.oci.starts.insert((id.to_owned(), 0), start)));
        Some((caller, begun))
    }

    /// The runtime has started a process.
    fn joined(&mut self, id: &str, number: u32, mut start: Start) -> Result<Reply, Failure> {
        let child = child_at(&self.oci.files(id).pid(Some(number))).map_err(|error| untold(&error))?;
        let streams = start.streams().map_err(|error| untold(&error))?;
        let steps = executed(&start.page, &start.steps, start.received);
        // It may hold secrets, and nobody reads it again.
        let _ = fs::remove_file(self.oci.files(id).process(number));
        let container = self.container(id)?;
        let pid = child.number();
        let process = Process {
            request: start.request,
            child: Some(child),
            streams: Some(streams),
            starting: None,
            ending: None,
        };
        container.processes.insert(number, process);
        if number > 0 {
            return Ok(Reply::Started { process: number, pid });
        }
        container.steps.clone_from(&steps);
        let (init_pid, lacks) = (container.init_pid().unwrap_or(0), container.lacks.clone());
        Ok(Reply::Launched { init_pid, pid, steps, lacks, addresses: container.addresses.clone() })
    }

    /// Takes back a container that the runtime could not make.
    fn unmake(&mut self, id: &str, newborn: Newborn) {
        newborn.mounter.kill_and_wait();
        self.end_cgroups(id);
        self.oci.clean(id);
        self.discard(id, Some(newborn.disk));
        self.ranges.give_back(&newborn.range);
        self.net.release(id);
    }

    /// Kills whatever is in a container's cgroups, now and until they can be removed.
    pub(crate) fn end_cgroups(&mut self, id: &str) {
        if !self.cgroups.end(id) {
            self.left.push(id.to_owned());
        }
    }

    /// A start by a runtime.
    pub(crate) fn start(&self, id: &str, number: u32) -> Option<&Start> {
        self.oci.starts.get(&(id.to_owned(), number))
    }

    /// Whether a runtime is making a container, or starting its first process.
    pub(crate) fn is_being_made(&self, id: &str) -> bool {
        self.oci.is_starting(id)
    }

    /// A start takes too long: ends whoever is waited for.
    pub(crate) fn runtime_late(&mut self, id: &str, number: u32) {
        if let Some(start) = self.oci.starts.get_mut(&(id.to_owned(), number)) {
            start.late = true;
            start.kill_runtime();
            if start.sign.is_some() {
                self.kill_start(id);
            }
        }
    }

    /// Ends the runtime that makes a container, or what it has made of it.
    pub(crate) fn kill_start(&mut self, id: &str) {
        if let Some(start) = self.start(id, 0) {
            start.kill_runtime();
        }
        if let Some(container) = self.containers.get_mut(id) {
            container.kill();
        }
    }

    /// Ends every runtime.
    pub(crate) fn kill_starts(&self) {
        self.oci.starts.values().for_each(Start::kill_runtime);
    }

    /// Whether a runtime is at work.
    pub(crate) fn has_starts(&self) -> bool {
        !self.oci.starts.is_empty()
    }
}

/// The process whose number a runtime has written to `path`: a child of ours since the runtime has ended, so that the number
/// is its own until it has been waited for.
fn child_at(path: &Path) -> io::Result<Child> {
    let text = fs::read_to_string(path)?;
    let pid = text.trim().parse().ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::PidFd(pidfd.as_fd()), look)?;
    Ok(Child { pid, pidfd })
}

fn untold(error: &io::Error) -> Failure {
    refused("The runtime has not told what it started", error)
}

/// What process 1 has said of its kernel; nothing when it has ended without a word.
fn heard(sign: &PipeReader) -> Option<String> {
    let mut bytes = vec![0; usize::try_from(LONGEST_WORD).unwrap_or_default()];
    let length = (&*sign).read(&mut bytes).ok().filter(|length| *length > 0)?;
    bytes.truncate(length);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// What was written there: memory of a fixed size, or a pipe whose reader has nothing else to read.
fn said(place: &OwnedFd) -> String {
    let mut bytes = vec![0; usize::try_from(LONGEST_WORD).unwrap_or_default()];
    let Ok(file) = place.try_clone().map(fs::File::from) else { return String::new() };
    let length = file.read_at(&mut bytes, 0).or_else(|_| {
        rustix::io::ioctl_fionbio(&file, true)?;
        (&file).read(&mut bytes)
    });
    bytes.truncate(length.unwrap_or(0));
    let text = String::from_utf8_lossy(&bytes);
    text.trim_end_matches('\0').trim().to_owned()
}

/// A runtime's last line as a failure. Its words are its own; only those that tell of the command are known.
fn complaint(said: &str, making: bool, request: &ProcessRequest) -> Failure {
    let line = last_words(said);
    let lower = line.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let command = request.argv[0].chars().take(200).collect::<String>();
    if !making && !has(&["chdir", "cwd"]) {
        if has(&["not found", "no such file", "error finding executable"]) {
            let message = format!("There is no command '{command}' in the container.");
            return failure(FailureKind::CommandNotFound, message);
        }
        if has(&["permission denied", "exec format error", "is a directory", "not executable"]) {
            let message = format!("The command '{command}' cannot be executed: {line}.");
            return failure(FailureKind::CommandNotExecutable, message);
        }
    }
    failure(FailureKind::Internal, format!("The runtime refused: {}.", line.trim_end_matches('.')))
}

/// The last line that a runtime has said, without what it wraps its sentences in.
pub(super) fn last_words(said: &str) -> String {
    let line = said
        .lines()
        .last()
        .unwrap_or("it ended without a word, as it does where the memory limit is too small for it");
    // logrus: time="…" level=error msg="…".
    let line = line.split_once("msg=\"").map_or(line, |(_, message)| message.trim_end_matches('"'));
    line.replace("\\\"", "'").chars().filter(|c| !c.is_control()).take(400).collect()
}

impl Container {
    /// Its process 1 runs its program. Our own asks to end with the launcher when it is told to, which its runtime's end would have
    /// been taken for before; what is not ours has the guard.
    fn begun(&mut self, kernel: String) {
        self.kernel = kernel;
        if let Some(life) = self.life.as_ref().filter(|_| self.engine != EngineKind::Runsc) {
            // Fails only when it is dead.
            let _ = pidfd_send_signal(&life.init.pidfd, Signal::POWER);
        }
    }

    /// What process 1 says of its kernel: `uname(2)` as four lines. Empty when it is no other than the host's by nature.
    pub(crate) fn uname(&self) -> String {
        if self.engine == EngineKind::Runsc { self.kernel.clone() } else { String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(said: &str) -> FailureKind {
        let request = ProcessRequest {
            argv: vec!["nope".to_owned()],
            env: Vec::new(),
            cwd: "/".to_owned(),
            uid: 0,
            gid: 0,
            groups: Vec::new(),
            stdio: Stdio::Pipes { stdin: false },
            tag: 0,
        };
        complaint(said, false, &request).kind
    }

    #[test]
    fn each_runtimes_words_for_a_command_that_is_not_there_are_known() {
        let runc = r#"time="2026-11-27T03:45:04Z" level=error msg="exec failed: unable to start container process: exec: \"nope\": executable file not found in $PATH""#;
        assert_eq!(kind(runc), FailureKind::CommandNotFound);
        assert_eq!(
            kind("executable file `nope` not found in $PATH: No such file or directory"),
            FailureKind::CommandNotFound
        );
        let runsc = r#"executing processes for container: executing command "nope" in sandbox: error finding executable "nope" in PATH [/bin]: no such file or directory"#;
        assert_eq!(kind(runsc), FailureKind::CommandNotFound);
        assert_eq!(kind("exec: \"/etc\": permission denied"), FailureKind::CommandNotExecutable);
        assert_eq!(kind("chdir to cwd (\"/x\") failed: no such file or directory"), FailureKind::Internal);
    }
}
