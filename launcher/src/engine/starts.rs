//! Requests that start something.

use std::os::fd::AsFd;

use rustix::io::Errno;

use super::answers::no_container;
use super::{Engine, failure, reason, refused};
use crate::container::{Caller, Child, Container, Life, Process, Starting};
use crate::launch::{Birth, StepError};
use crate::page::{Page, Signal};
use crate::plan::{Action, Step, plan, process_steps};
use crate::program::Program;
use crate::spawn::Spawn;
use crate::streams::Pair;
use crate::wire::{EngineKind, Failure, FailureKind, LaunchRequest, ProcessRequest, Reply};

impl Engine {
    /// The steps of a launch that is not made.
    pub(crate) fn plan(&mut self, request: &LaunchRequest) -> Result<Reply, Failure> {
        self.require_limits(&request.limits)?;
        let range = self.ranges.next().ok_or_else(no_range)?;
        let joins = self.net.foresee(&request.networks)?;
        if request.engine != EngineKind::Builtin {
            return Ok(Reply::Plan(self.bundle(request, &range, &joins)?.0));
        }
        Ok(Reply::Plan(plan(request, &self.host, range.ids, &joins).steps))
    }

    /// Refuses a launch that could not succeed now.
    pub(crate) fn require_launchable(&self, request: &LaunchRequest) -> Result<(), Failure> {
        let id = &request.container;
        if self.containers.contains_key(id) || self.left.contains(id) || self.is_being_made(id) {
            return Err(failure(
                FailureKind::InUse,
                format!("There is a container {} already.", request.container),
            ));
        }
        self.require_layers(&request.layers)?;
        self.require_limits(&request.limits)?;
        self.require_space()
    }

    /// Starts a container; the answer follows when its first process has become its command.
    pub(crate) fn launch(
        &mut self,
        caller: Caller,
        received: u64,
        request: &LaunchRequest,
    ) -> Result<(), Failure> {
        self.require_launchable(request)?;
        if request.engine != EngineKind::Builtin {
            return self.oci_launch(caller, received, request);
        }
        let joins = self.net.reserve(&request.container, &request.networks)?;
        let Some(range) = self.ranges.take() else {
            self.net.release(&request.container);
            return Err(no_range());
        };
        let plan = plan(request, &self.host, range.ids, &joins);
        let steps = plan.steps.clone();
        let born = Birth::new(self, request, range.clone())
            .map_err(|error| StepError { step: 0, error })
            .and_then(|birth| birth.execute(plan.steps, caller, received));
        let born = match born {
            Ok(born) => born,
            Err(StepError { step, error }) => {
                self.ranges.give_back(&range);
                self.net.release(&request.container);
                return Err(step_failed(&steps[step], &error));
            }
        };
        let container = Container {
            id: request.container.clone(),
            hostname: request.hostname.clone(),
            label: request.label.clone(),
            layers: request.layers.clone(),
            disk: born.disk,
            capabilities: request.capabilities,
            new_privileges: request.new_privileges,
            engine: request.engine,
            kernel: String::new(),
            limits: request.limits.clone(),
            life: Some(Life {
                init: born.init,
                range,
                devpts: Some(born.devpts),
                memory: born.memory,
                over: false,
            }),
            processes: [(0, born.process)].into(),
            next_process: 1,
            steps: Vec::new(),
            lacks: plan.lacks,
            addresses: joins.into_iter().map(|join| join.address).collect(),
            frozen: None,
            out_of_memory: false,
            killed: false,
        };
        self.containers.insert(request.container.clone(), container);
        Ok(())
    }

    /// Starts a further process; the answer follows when it has become its command. Returns its number.
    pub(crate) fn exec(
        &mut self,
        caller: Caller,
        received: u64,
        id: &str,
        request: ProcessRequest,
    ) -> Result<u32, Failure> {
        let container = self.containers.get(id).ok_or_else(|| no_container(id))?;
        let life = container.running()?;
        let Some(devpts) = &life.devpts else { return self.oci_exec(caller, received, id, request) };
        let host = self.host.serving(&container.limits);
        let steps = process_steps(&request, container.capabilities, container.new_privileges, &host);
        let internal = |error| refused("The process cannot be started", &error);
        let page = Page::new().map_err(internal)?;
        let streams = Pair::make(&request, devpts.as_fd(), life.range.ids).map_err(internal)?;
        let program = Program::command(&request);
        let entrances = self.cgroups.entrances(id).map_err(internal)?;
        let cgroup = self.cgroups.directory(id).map_err(internal)?;
        page.raise(Signal::RootReady);
        let (child, done) = Spawn {
            init: life.init.pidfd.as_fd(),
            init_open: None,
            home: self.home.as_ref().map(AsFd::as_fd),
            entrances: &entrances,
            cgroup: cgroup.as_ref().map(AsFd::as_fd),
            stdio: streams.theirs(),
            filter: &self.filter,
            program: &program,
            steps: &steps,
            page: &page,
        }
        .spawn()
        .map_err(internal)?;
        let process = Process {
            request,
            child: Some(child),
            streams: Some(streams.ours),
            starting: Some(Starting { caller, received, done, page, steps }),
            ending: None,
        };
        let container = self.container(id)?;
        let number = container.next_process;
        container.next_process += 1;
        container.processes.insert(number, process);
        Ok(number)
    }

    /// Processes of a container that have not become their commands yet.
    pub(crate) fn starting(&self, id: &str) -> Vec<u32> {
        let processes = self.containers.get(id).into_iter().flat_map(|container| &container.processes);
        processes.filter(|(_, process)| process.starting.is_some()).map(|(number, _)| *number).collect()
    }

    /// What became of a process whose descriptor `done` has been closed: the answer for its request.
    pub(crate) fn started(&mut self, id: &str, number: u32) -> Option<(Caller, Result<Reply, Failure>)> {
        let container = self.containers.get_mut(id)?;
        let process = container.processes.get_mut(&number)?;
        let starting = process.starting.take()?;
        let caller = starting.caller;
        if let Some(failure) = starting.failure() {
            return Some((caller, Err(failure)));
        }
        let pid = process.child.as_ref().map_or(0, Child::number);
        if number > 0 {
            return Some((caller, Ok(Reply::Started { process: number, pid })));
        }
        container.steps = starting.executed();
        let init_pid = container.init_pid().unwrap_or(0);
        let (steps, lacks) = (container.steps.clone(), container.lacks.clone());
        let addresses = container.addresses.clone();
        Some((caller, Ok(Reply::Launched { init_pid, pid, steps, lacks, addresses })))
    }
}

impl Starting {
    /// Why the process did not become its command, if so.
    fn failure(&self) -> Option<Failure> {
        if let Some((step, errno)) = self.page.failure() {
            let step = &self.steps[step.min(self.steps.len() - 1)];
            return Some(child_failed(step, errno));
        }
        // Closed without a failure: it has become its command, unless it was killed before it came to that.
        let last = self.steps.len() - 1;
        if self.page.times(last).0.is_some() {
            return None;
        }
        let reached = (0..last).rev().find(|&step| self.page.times(step).0.is_some());
        let call = reached.map_or("its first step".to_owned(), |step| self.steps[step].call());
        Some(failure(FailureKind::Internal, format!("The container was killed at its start, during {call}.")))
    }
}

fn child_failed(step: &Step, errno: Errno) -> Failure {
    let command = match &step.action {
        Action::Execute { command } => command,
        Action::EnterDirectory { path } => {
            let message =
                format!("The working directory '{path}' cannot be entered: {}.", reason(&errno.into()));
            return failure(FailureKind::BadRequest, message);
        }
        _ => return step_failed(step, &errno.into()),
    };
    match errno {
        Errno::NOENT | Errno::NOTDIR => failure(
            FailureKind::CommandNotFound,
            format!("There is no command '{command}' in the container."),
        ),
        Errno::NOEXEC => failure(
            FailureKind::CommandNotExecutable,
            format!("The command '{command}' is not a program of this machine's kind."),
        ),
        _ => failure(
            FailureKind::CommandNotExecutable,
            format!("The command '{command}' cannot be executed: {}.", reason(&errno.into())),
        ),
    }
}

/// The failure that a refused step is.
pub(crate) fn step_failed(step: &Step, error: &std::io::Error) -> Failure {
    refused(format_args!("The kernel refused the {}'s step {}", step.actor, step.call()), error)
}

pub(crate) fn no_range() -> Failure {
    failure(FailureKind::TooMany, "All ranges of user ids are in use by containers.")
}
