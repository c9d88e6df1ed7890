//! Requests that start something by a runtime: everything up to the moment when the runtime runs by itself.

use std::fs::{self, DirBuilder};
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::thread::UnshareFlags;

use super::bundle::{self, Paths};
use super::console::Console;
use super::runtime::{ENVIRONMENT, Files, Runtime};
use super::start::{Newborn, Start};
use crate::child::{self, Materials, NETWORK, USERS};
use crate::container::{Caller, Child};
use crate::engine::{Engine, failure, refused};
use crate::launch::{Birth, StepError, namespace_of};
use crate::net::Inside;
use crate::page::Page;
use crate::plan::{
    Action, Actor, Bundle, Join, Step, bundle_steps, plan, process_bundle_steps, process_steps,
};
use crate::program::Program;
use crate::ranges::Range;
use crate::streams::Pair;
use crate::sys::{self, Cloned};
use crate::wire::{Address, EngineKind, Failure, FailureKind, LaunchRequest, Limits, ProcessRequest, Stdio};

/// Bytes that are kept of what a runtime, or process 1, says.
pub(super) const LONGEST_WORD: u64 = 4096;

/// The streams of a process that a runtime starts.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) pair: Option<Pair>,
    pub(super) console: Option<Console>,
    /// Where the runtime tells why it could not, for a process on a terminal.
    pub(super) complaint: OwnedFd,
}

/// The steps of a launch, what this host lacks for it, and its bundle's two texts.
type Planned = (Vec<Step>, Vec<String>, [String; 2]);

impl Engine {
    /// The steps of a launch by a runtime, and its bundle.
    pub(crate) fn bundle(
        &mut self,
        request: &LaunchRequest,
        range: &Range,
        joins: &[Join],
    ) -> Result<Planned, Failure> {
        let runtime = self.oci.runtime(request.engine)?;
        let plan = plan(request, &self.host, range.ids, joins);
        let mut bundle =
            self.bundle_of(&runtime, &request.container, 0, request.process.stdio, &request.limits);
        bundle.run = runtime.run(&self.oci.files(&request.container), !joins.is_empty());
        bundle.takes_users = request.new_privileges && request.engine != EngineKind::Runsc;
        let [network, users] = [NETWORK, USERS].map(|place| self.oci.stage.join(place));
        let steps = bundle_steps(&plan.steps, request.process.stdio, &bundle);
        let paths = Paths {
            root: &self.oci.stage.join("root"),
            init: &self.oci.init(),
            network: (runtime.takes_network() && !joins.is_empty()).then_some(network.as_path()),
            users: bundle.takes_users.then_some(users.as_path()),
            cgroup: &self.host.cgroup_of(&request.container),
        };
        let config = bundle::config(&plan.steps, request.engine, &paths).map_err(unsaid)?;
        let process = bundle::process(&plan.steps, Actor::Process, &request.process).map_err(unsaid)?;
        Ok((steps, plan.lacks, [config.to_string(), process.to_string()]))
    }

    fn bundle_of(&self, runtime: &Runtime, id: &str, number: u32, stdio: Stdio, limits: &Limits) -> Bundle {
        let files = self.oci.files(id);
        let console = matches!(stdio, Stdio::Terminal { .. }).then(|| {
            self.oci.stage.join(format!("tty-{}", self.oci.consoles)).to_string_lossy().into_owned()
        });
        let join = self.host.serving(limits).hierarchies.into_iter();
        let join = join.filter(|h| h.version == 1 && runtime.is_put_into(&h.controllers, 1));
        Bundle {
            path: files.directory().to_string_lossy().into_owned(),
            join: join.map(|hierarchy| hierarchy.name).collect(),
            hidden: runtime.hidden(),
            takes_network: runtime.takes_network(),
            takes_users: false,
            run: Vec::new(),
            exec: runtime.exec(&files, number, console.clone()),
            console: console.unwrap_or_default(),
        }
    }

    /// Starts a container by a runtime; the answer follows when its first process runs.
    pub(crate) fn oci_launch(
        &mut self,
        caller: Caller,
        received: u64,
        request: &LaunchRequest,
    ) -> Result<(), Failure> {
        let joins = self.net.reserve(&request.container, &request.networks)?;
        let Some(range) = self.ranges.take() else {
            self.net.release(&request.container);
            return Err(crate::engine::no_range());
        };
        let begun = self.oci_begin(caller, received, request, &range, joins);
        begun.inspect_err(|_| {
            self.oci.clean(&request.container);
            self.ranges.give_back(&range);
            self.net.release(&request.container);
        })
    }

    fn oci_begin(
        &mut self,
        caller: Caller,
        received: u64,
        request: &LaunchRequest,
        range: &Range,
        joins: Vec<Join>,
    ) -> Result<(), Failure> {
        self.oci.prepare().map_err(internal)?;
        self.oci.consoles += 1;
        let (steps, lacks, texts) = self.bundle(request, range, &joins)?;
        let runtime = self.oci.runtime(request.engine)?;
        let files = self.oci.files(&request.container);
        self.oci.guard(&request.container, &self.cgroups).map_err(internal)?;
        let birth = Birth::new(self, request, range.clone()).map_err(internal)?;
        let birth = OciBirth { birth, files, runtime, sign: None, ends: None, started: None };
        let addresses = joins.into_iter().map(|join| join.address).collect();
        let start = birth.execute(steps, texts, caller, received, (lacks, addresses));
        let start =
            start.map_err(|(step, StepError { error, .. })| crate::engine::step_failed(&step, &error))?;
        self.oci.starts.insert((request.container.clone(), 0), start);
        Ok(())
    }

    /// Starts a further process by a runtime; the answer follows when it runs. Returns its number.
    pub(crate) fn oci_exec(
        &mut self,
        caller: Caller,
        received: u64,
        id: &str,
        request: ProcessRequest,
    ) -> Result<u32, Failure> {
        self.oci.consoles += 1;
        let container = self.container(id)?;
        let (kind, capabilities, number) = (container.engine, container.capabilities, container.next_process);
        let (limits, new_privileges) = (container.limits.clone(), container.new_privileges);
        container.next_process += 1;
        let runtime = self.oci.runtime(kind)?;
        let plan = process_steps(&request, capabilities, new_privileges, &self.host.serving(&limits));
        let text = bundle::process(&plan, Actor::Process, &request).map_err(unsaid)?.to_string();
        let bundle = self.bundle_of(&runtime, id, number, request.stdio, &limits);
        let steps = process_bundle_steps(&bundle, request.stdio);
        let page = Page::new().map_err(internal)?;
        let files = self.oci.files(id);
        fs::write(files.process(number), text).map_err(internal)?;
        let ends = Ends::make(&request, &steps).map_err(internal)?;
        let start = Start::new(caller, received, request, page, steps, ends).map_err(internal)?;
        let start = self.run_process(id, start)?;
        self.oci.starts.insert((id.to_owned(), number), start);
        Ok(number)
    }

    /// Sends a signal to a process that is in a sandbox of its own. Its end is told as any other.
    pub(crate) fn oci_signal(&mut self, id: &str, number: u32, signal: i32) -> Result<(), Failure> {
        let kind = self.container(id)?.engine;
        let runtime = self.oci.runtime(kind)?;
        let files = self.oci.files(id);
        let inside = fs::read_to_string(files.pid_inside(number)).map_err(internal)?;
        let arguments = runtime.kill(&files, inside.trim(), signal);
        let steps = vec![Step::process(Action::RunProcess { arguments })];
        let page = Page::new().map_err(internal)?;
        // Nobody waits for it: it is reaped as what runtimes leave.
        run(&steps, Actor::Process, &page, &[], None, Given::default(), [None; 3]).map(drop).map_err(internal)
    }

    /// Takes the launcher's steps that come after the runtime: process 1 is there, and with it the network namespace that the
    /// runtime has made.
    pub(super) fn join_networks(&mut self, start: &Start, init: &Child) -> Result<(), Failure> {
        let runtime = runtime_of(&start.steps);
        let own = start.steps.iter().enumerate().filter(|(_, step)| step.actor == Actor::Launcher);
        let mut inside = None;
        for (index, step) in own.filter(|(index, _)| *index > runtime) {
            start.page.begin(index);
            let done = match (&step.action, &inside) {
                (Action::OpenNetwork, _) => namespace_of(init, "net").and_then(|netns| {
                    inside = Some(self.net.open(netns)?);
                    Ok(())
                }),
                (other, Some(inside)) => self.net.perform(other, inside),
                _ => Err(io::ErrorKind::InvalidInput.into()),
            };
            done.map_err(|error| crate::engine::step_failed(step, &error))?;
            start.page.end(index);
        }
        Ok(())
    }

    /// Runs the runtime that starts the process of `start`.
    pub(super) fn run_process(&mut self, id: &str, mut start: Start) -> Result<Start, Failure> {
        let container = self.container(id)?;
        let (kind, limits) = (container.engine, container.limits.clone());
        let runtime = self.oci.runtime(kind)?;
        let (entrances, cgroup) = self.entrances(&runtime, id, &limits).map_err(internal)?;
        let [stdin, stdout, stderr] = start.theirs();
        let runtime = run(
            &start.steps,
            Actor::Process,
            &start.page,
            &entrances,
            cgroup.as_ref().map(AsFd::as_fd),
            Given::default(),
            [stdin, stdout, stderr],
        );
        start.runtime = Some(runtime.map_err(internal)?);
        Ok(start)
    }

    /// How the runtime's processes get into the container's cgroups.
    fn entrances(
        &self,
        runtime: &Runtime,
        id: &str,
        limits: &Limits,
    ) -> io::Result<(Vec<OwnedFd>, Option<OwnedFd>)> {
        let version_1 = self.host.serving(limits).hierarchies.into_iter().filter(|h| h.version == 1);
        let entrances = version_1.zip(self.cgroups.entrances(id)?);
        let entrances = entrances.filter(|(h, _)| runtime.is_put_into(&h.controllers, 1));
        let entrances = entrances.map(|(_, entrance)| entrance).collect();
        let cgroup = if runtime.is_put_into(&[], 2) { self.cgroups.directory(id)? } else { None };
        Ok((entrances, cgroup))
    }
}

/// A container on its way to its runtime.
struct OciBirth<'a> {
    birth: Birth<'a>,
    files: Files,
    runtime: Runtime,
    sign: Option<PipeReader>,
    ends: Option<Ends>,
    started: Option<(Child, OwnedFd)>,
}

impl OciBirth<'_> {
    fn execute(
        mut self,
        steps: Vec<Step>,
        texts: [String; 2],
        caller: Caller,
        received: u64,
        (lacks, addresses): (Vec<String>, Vec<Address>),
    ) -> Result<Start, (Step, StepError)> {
        // What comes after the runtime waits for it.
        let runtime = runtime_of(&steps);
        let own = steps.iter().enumerate().filter(|(_, step)| step.actor == Actor::Launcher);
        for (index, step) in own.take_while(|(index, _)| *index <= runtime) {
            self.birth.page.begin(index);
            if let Err(error) = self.perform(&step.action, &steps, &texts) {
                self.birth.undo();
                let _ = fs::remove_dir_all(self.files.directory());
                return Err((step.clone(), StepError { step: index, error }));
            }
            self.birth.page.end(index);
        }
        let (Some(mounter), Some(ends), Some((runtime, complaint)), Some(sign), Some(disk)) =
            (self.birth.init.take(), self.ends, self.started, self.sign, self.birth.disk.take())
        else {
            unreachable!("every plan of a bundle makes streams, a mounter and a runtime")
        };
        let Birth { page, range, request, memory, .. } = self.birth;
        let newborn = Newborn {
            request: request.clone(),
            range,
            lacks,
            addresses,
            mounter,
            sign,
            complaint,
            memory,
            disk,
        };
        let start = Start::new(caller, received, request.process.clone(), page, steps, ends);
        let mut start =
            start.map_err(|error| (Step::launcher(Action::CloneRuntime), StepError { step: 0, error }))?;
        start.runtime = Some(runtime);
        start.newborn = Some(newborn);
        Ok(start)
    }

    fn perform(&mut self, action: &Action, steps: &[Step], texts: &[String; 2]) -> io::Result<()> {
        match action {
            Action::WriteBundle { .. } => {
                DirBuilder::new().mode(0o700).create(self.files.directory())?;
                fs::write(self.files.config(), &texts[0])?;
                fs::write(self.files.process(0), &texts[1])
            }
            Action::OpenConsole { .. } | Action::OpenPipes { .. } => {
                self.ends = Some(Ends::make(&self.birth.request.process, steps)?);
                Ok(())
            }
            Action::CloneMounter => self.clone_mounter(steps),
            Action::CloneRuntime => self.clone_runtime(steps),
            other => self.birth.perform(other, steps),
        }
    }

    fn clone_mounter(&mut self, steps: &[Step]) -> io::Result<()> {
        let flags = UnshareFlags::NEWUSER | UnshareFlags::NEWNS;
        match sys::clone(flags.bits().into(), None)? {
            Cloned::Child => {
                let program = Program::command(&self.birth.request.process);
                let materials = Materials {
                    entrances: &[],
                    layers: &self.birth.layers,
                    devpts: None,
                    stdio: [None; 3],
                    init: None,
                    network: None,
                    users: None,
                    init_open: None,
                    filter: &self.birth.engine.filter,
                    program: &program,
                };
                child::run(Actor::Mounter, steps, &self.birth.page, &materials)
            }
            Cloned::Parent { pid, pidfd } => {
                self.birth.init = Some(Child { pid, pidfd });
                Ok(())
            }
        }
    }

    fn clone_runtime(&mut self, steps: &[Step]) -> io::Result<()> {
        let (sign, theirs) = io::pipe()?;
        rustix::io::ioctl_fionbio(&sign, true)?;
        let complaint = word("porthole-runtime")?;
        let (entrances, cgroup) = self.birth.engine.entrances(
            &self.runtime,
            &self.birth.request.container,
            &self.birth.request.limits,
        )?;
        let mounter = self.birth.init.as_ref();
        let takes_users = steps.iter().any(|step| matches!(step.action, Action::TakeUsers));
        let users =
            mounter.filter(|_| takes_users).map(|mounter| namespace_of(mounter, "user")).transpose()?;
        let runtime = run(
            steps,
            Actor::Runtime,
            &self.birth.page,
            &entrances,
            cgroup.as_ref().map(AsFd::as_fd),
            Given {
                mounter: mounter.map(|mounter| mounter.pidfd.as_fd()),
                network: self.birth.inside.as_ref().map(Inside::netns),
                users: users.as_ref().map(AsFd::as_fd),
            },
            [None, Some(theirs.as_fd()), Some(complaint.as_fd())],
        )?;
        self.sign = Some(sign);
        self.started = Some((runtime, complaint));
        Ok(())
    }
}

impl Ends {
    fn make(request: &ProcessRequest, steps: &[Step]) -> io::Result<Self> {
        match request.stdio {
            Stdio::Terminal { .. } => {
                let path = console_path(steps).ok_or(io::ErrorKind::InvalidInput)?;
                let console = Console::listen(path.into())?;
                Ok(Self { pair: None, console: Some(console), complaint: word("porthole-runtime")? })
            }
            Stdio::Pipes { stdin } => {
                let pair = Pair::pipes(stdin)?;
                let complaint = pair.complaint()?;
                Ok(Self { pair: Some(pair), console: None, complaint })
            }
        }
    }
}

/// Where the command line of these steps has the terminal sent.
fn console_path(steps: &[Step]) -> Option<String> {
    steps.iter().find_map(|step| match &step.action {
        Action::RunProcess { arguments } => arguments.iter().find_map(|argument| {
            argument.trim_start_matches('-').strip_prefix("console-socket=").map(str::to_owned)
        }),
        _ => None,
    })
}

/// Where the runtime is started: the launcher's steps behind it wait for its end.
fn runtime_of(steps: &[Step]) -> usize {
    steps
        .iter()
        .position(|step| matches!(step.action, Action::CloneRuntime))
        .expect("every plan of a bundle starts the runtime")
}

/// What a runtime that makes a container is given.
#[derive(Clone, Copy, Default)]
struct Given<'a> {
    mounter: Option<BorrowedFd<'a>>,
    network: Option<BorrowedFd<'a>>,
    users: Option<BorrowedFd<'a>>,
}

/// Clones the process that takes the steps of `actor` and becomes the runtime.
fn run(
    steps: &[Step],
    actor: Actor,
    page: &Page,
    entrances: &[OwnedFd],
    cgroup: Option<BorrowedFd<'_>>,
    given: Given<'_>,
    stdio: [Option<BorrowedFd<'_>>; 3],
) -> io::Result<Child> {
    let arguments = steps.iter().filter(|step| step.actor == actor).find_map(|step| match &step.action {
        Action::RunBundle { arguments } | Action::RunProcess { arguments } => Some(arguments.clone()),
        _ => None,
    });
    let program = Program::command(&ProcessRequest {
        argv: arguments.ok_or(io::ErrorKind::InvalidInput)?,
        env: ENVIRONMENT.map(str::to_owned).to_vec(),
        cwd: "/".to_owned(),
        uid: 0,
        gid: 0,
        groups: Vec::new(),
        stdio: Stdio::Pipes { stdin: false },
        tag: 0,
    });
    match sys::clone(UnshareFlags::NEWNS.bits().into(), cgroup)? {
        Cloned::Child => {
            let materials = Materials {
                entrances,
                layers: &[],
                devpts: None,
                stdio,
                init: given.mounter,
                network: given.network,
                users: given.users,
                init_open: None,
                filter: &[],
                program: &program,
            };
            child::run(actor, steps, page, &materials)
        }
        Cloned::Parent { pid, pidfd } => Ok(Child { pid, pidfd }),
    }
}

/// Memory of a fixed size for what somebody says. A container's process 1 keeps it open: it cannot grow.
fn word(name: &str) -> io::Result<OwnedFd> {
    let memory =
        memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::NOEXEC_SEAL)
            // Kernels before 6.3 do not know the flag.
            .or_else(|_| memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING))?;
    ftruncate(&memory, LONGEST_WORD)?;
    fcntl_add_seals(&memory, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW)?;
    Ok(memory)
}

pub(super) fn internal(error: io::Error) -> Failure {
    refused("The runtime cannot be started", &error)
}

fn unsaid(step: String) -> Failure {
    failure(FailureKind::Unsupported, format!("An OCI runtime cannot take the step {step}."))
}
