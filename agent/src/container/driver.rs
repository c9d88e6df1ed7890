//! The task of one container: the only place where it changes.
//!
//! It never awaits the engine itself: calls run beside it and come back as events. So it always takes what the engine
//! tells, and the engine never waits for a container that waits for the engine.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use porthole_launcher::wire::{Ending, ProcessRequest, Stdio};
use porthole_protocol::http::{ContainerDetail, ContainerState, EndReason, Exit, ProcessSummary};
use porthole_protocol::ids::{ContainerId, ProcessNumber};
use porthole_protocol::limits::MAX_PROCESSES;
use porthole_protocol::spec::{Limits, Size};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::limits::Bounds;
use super::record::Record;
use super::shares::Edit;
use super::signal::HUP;
use super::state::{Effect, Phase, State, Told};
use super::times::{Look, Times};
use super::{Attachable, Command, ContainerError, NOBODY, Result, View, now_ms};
use crate::engine::{self, Engine, EngineEvent, StartedProcess};
use crate::session::Ticket;
use crate::terminal::log::{ContainerLogs, ProcessRecord};
use crate::terminal::{Ends, Terminal};

mod change;

/// How a process counts whose end nobody told before its container's: killed with it.
const KILLED: Exit = Exit { code: 137, signal: Some(9), out_of_memory: false };

/// What a driver is made with.
pub(super) struct Parts {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) tasks: TaskTracker,
    pub(super) detail: ContainerDetail,
    /// What the next agent will know.
    pub(super) record: Record,
    /// The right of the session that owns it.
    pub(super) ticket: Option<Ticket>,
    pub(super) bounds: Arc<Bounds>,
    /// Where its processes' output is kept.
    pub(super) logs: Arc<ContainerLogs>,
    /// Cancelled at its end; see [`Inside::life`](crate::ports::Inside::life).
    pub(super) life: CancellationToken,
    /// Told by every change of the view.
    pub(super) changed: watch::Sender<u64>,
}

/// Owns one container.
pub(super) struct Driver {
    id: ContainerId,
    engine: Arc<dyn Engine>,
    tasks: TaskTracker,
    record: Record,
    /// Given back at its end.
    ticket: Option<Ticket>,
    bounds: Arc<Bounds>,
    logs: Arc<ContainerLogs>,
    /// Whether the engine is changing its limits or its record, and what is to be changed then.
    updating: bool,
    edits: VecDeque<(Edit, UpdateAnswer)>,
    life: CancellationToken,
    /// Everything that reaches into it ends with it, however this task ends.
    _life_ends: DropGuard,
    state: State,
    view: watch::Sender<Arc<View>>,
    changed: watch::Sender<u64>,
    calls: JoinSet<Called>,
    grace: Option<Instant>,
    /// When to look whether its time is over, and what the look that stopped it said.
    next_look: Option<Instant>,
    over: Option<Look>,
    /// Why it ends, or has ended, unless its first process does so by itself.
    why: Option<EndReason>,
    /// Who waits for the removal.
    removers: Vec<oneshot::Sender<Result<()>>>,
    /// Ends told before the process's start was: the reply and the event take different ways here.
    early: HashMap<ProcessNumber, Exit>,
    /// Processes being started.
    starting: usize,
    /// Typists for whom one is being started, and who has asked for the same meanwhile.
    asked: HashMap<u64, Vec<(Box<ProcessRequest>, ExecAnswer)>>,
}

/// Who waits for a process to start.
type ExecAnswer = oneshot::Sender<Result<(ProcessNumber, Terminal)>>;

/// Who waits for limits to change.
type UpdateAnswer = oneshot::Sender<Result<()>>;

/// A call to the engine that has come back.
enum Called {
    Update(Box<Record>, UpdateAnswer, engine::Result<()>),
    Exec(Box<ProcessRequest>, ExecAnswer, engine::Result<StartedProcess>),
    Signal(engine::Result<()>),
    Remove(engine::Result<()>),
}

/// What wakes this task.
enum Event {
    Command(Option<Command>),
    Engine(Option<EngineEvent>),
    Called(Called),
    GraceOver,
    Look,
}

impl Driver {
    /// The driver of a container that runs, and what its handles read.
    pub(super) fn new(parts: Parts) -> (Self, watch::Receiver<Arc<View>>) {
        let Parts { engine, tasks, detail, record, ticket, bounds, logs, life, changed } = parts;
        let (id, remove) = (detail.summary.id.clone(), detail.spec.remove);
        let (view, reader) = watch::channel(Arc::new(View {
            detail,
            terminals: Vec::new(),
            shares: record.shares.clone(),
            ended: false,
        }));
        let driver = Self {
            id,
            engine,
            tasks,
            record,
            ticket,
            bounds,
            logs,
            updating: false,
            edits: VecDeque::new(),
            _life_ends: life.clone().drop_guard(),
            life,
            state: State::new(remove),
            view,
            changed,
            calls: JoinSet::new(),
            grace: None,
            next_look: None,
            over: None,
            why: None,
            removers: Vec::new(),
            early: HashMap::new(),
            starting: 0,
            asked: HashMap::new(),
        };
        (driver, reader)
    }

    /// Adds a process that has been started.
    ///
    /// # Errors
    /// When its descriptors cannot be watched.
    pub(super) fn started(
        &mut self,
        request: &ProcessRequest,
        process: StartedProcess,
    ) -> io::Result<Terminal> {
        let size = match request.stdio {
            Stdio::Terminal { rows, cols } => Size { rows, cols },
            Stdio::Pipes { .. } => Size::default(),
        };
        let number = process.number;
        let terminal = Terminal::start(process.stdio, &self.logs, number, size, &self.tasks)?;
        self.tasks.spawn(self.keep(request, number, terminal.ends()));
        self.add(request, number, terminal.clone(), None);
        if let Some(exit) = self.early.remove(&process.number) {
            self.process_exited(process.number, exit);
        }
        Ok(terminal)
    }

    /// Adds the processes of a container that an earlier agent launched.
    pub(super) async fn adopt(
        &mut self,
        processes: Vec<(u32, ProcessRequest, Option<Ending>)>,
        running: bool,
    ) {
        self.why = self.logs.end_noted();
        for (number, request, ending) in processes {
            let ended = ending.map(exit_of).or((!running).then_some(KILLED));
            let adopted = self.engine.adopt(self.id.to_string(), number, request.stdio).await;
            let added = adopted
                .map_err(ContainerError::from)
                .and_then(|process| process.map(|process| Ok(self.started(&request, process)?)).transpose());
            match (added, ended) {
                (Ok(Some(_)), None) => {}
                // What it left is read yet.
                (Ok(Some(_)), Some(exit)) => self.process_exited(number, exit),
                (Ok(None), ended) => self.add_ended(&request, number, ended.unwrap_or(KILLED)),
                (Err(error), ended) => {
                    tracing::error!(container = %self.id, process = number, %error, "a process cannot be adopted");
                    self.add_ended(&request, number, ended.unwrap_or(KILLED));
                }
            }
        }
        self.remember();
        if !running {
            self.ended();
        }
    }

    /// Adds the processes that the engine has forgotten.
    fn remember(&mut self) {
        let known = self.view.borrow().clone();
        for (number, record) in self.logs.records() {
            if known.terminals.iter().any(|process| process.number == number) {
                continue;
            }
            let ProcessRecord { command, terminal, tag, exit } = record;
            let process = ProcessSummary { number, command, terminal, exit: Some(exit), recording: None };
            self.add_process(process, Terminal::ended(terminal, exit, &self.logs, number), tag);
        }
        self.change(|view| {
            view.detail.summary.processes.sort_by_key(|process| process.number);
            view.terminals.sort_by_key(|process| process.number);
        });
    }

    fn add_ended(&mut self, request: &ProcessRequest, number: ProcessNumber, exit: Exit) {
        let is_terminal = matches!(request.stdio, Stdio::Terminal { .. });
        self.add(request, number, Terminal::ended(is_terminal, exit, &self.logs, number), Some(exit));
        if number == 0 {
            self.tell(Told::FirstExited(exit));
        }
    }

    /// What is done for a process beside its output: its input is closed where the engine keeps it open too, and when it has
    /// ended and all of its output is kept, that is written down, and the engine need not keep anything of it any more.
    fn keep(
        &self,
        request: &ProcessRequest,
        number: ProcessNumber,
        ends: Ends,
    ) -> impl Future<Output = ()> + use<> {
        let (engine, container) = (Arc::clone(&self.engine), self.id.to_string());
        let (logs, command, tag) = (Arc::clone(&self.logs), request.argv.clone(), request.tag);
        let is_terminal = matches!(request.stdio, Stdio::Terminal { .. });
        async move {
            let exit = tokio::select! {
                exit = ends.finished() => exit,
                () = ends.input_over() => {
                    // One that has ended meanwhile has no input.
                    let _ = engine.close_input(container.clone(), number).await;
                    ends.finished().await
                }
            };
            let Some(exit) = exit else { return };
            logs.ended(number);
            // The engine remembers the first one as long as the container.
            if number > 0 {
                let record = ProcessRecord { command, terminal: is_terminal, tag, exit };
                let _ = tokio::task::spawn_blocking(move || logs.record(number, &record)).await;
            }
            // The container may be gone, and with it all that was kept.
            let _ = engine.release(container, number).await;
        }
    }

    /// Ends and removes a container that nobody can use.
    pub(super) fn give_up(&mut self) {
        self.tell(Told::Remove);
    }

    /// Runs until the container is removed or the engine is gone.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut events: mpsc::Receiver<EngineEvent>,
    ) {
        self.look();
        while self.state.phase() != Phase::Gone {
            let event = tokio::select! {
                event = events.recv() => Event::Engine(event),
                command = commands.recv() => Event::Command(command),
                Some(called) = self.calls.join_next() => match called {
                    Ok(called) => Event::Called(called),
                    Err(_) => continue,
                },
                () = sleep_until(self.grace), if self.grace.is_some() => Event::GraceOver,
                () = sleep_until(self.next_look), if self.next_look.is_some() => Event::Look,
            };
            match event {
                Event::Engine(Some(EngineEvent::Exited { process, ending, .. })) => {
                    self.process_exited(process, exit_of(ending));
                }
                Event::Engine(Some(EngineEvent::Ended { .. })) => self.ended(),
                Event::Engine(None) | Event::Command(None) => return,
                Event::Command(Some(command)) => self.command(command),
                Event::Called(called) => self.called(called),
                Event::GraceOver => {
                    self.grace = None;
                    self.tell(Told::GraceOver);
                }
                Event::Look => self.look(),
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Exec(request, answer) => self.exec(request, answer),
            Command::Update(limits, answer) => self.update(&limits, answer),
            Command::Edit(edit, answer) => self.edit(edit, answer),
            Command::Mark(process, recording) => self.change(|view| {
                let processes = &mut view.detail.summary.processes;
                if let Some(process) = processes.iter_mut().find(|known| known.number == process) {
                    process.recording = recording;
                }
            }),
            Command::Stop(grace) => {
                self.ends_for(EndReason::Stopped);
                self.tell(Told::Stop(grace));
            }
            Command::Remove(answer) => {
                self.removers.push(answer);
                self.tell(Told::Remove);
            }
        }
    }

    /// Stops the container when its time is over; else looks again when it may be.
    fn look(&mut self) {
        self.next_look = None;
        if self.state.phase() != Phase::Running || self.over.is_some() {
            return;
        }
        match self.times().look(now_ms(), self.quiet_ms()) {
            Look::Never => {}
            Look::Again(after) => self.next_look = Some(deadline(after)),
            over => {
                self.over = Some(over);
                let why = if over == Look::IdleOver { EndReason::Idle } else { EndReason::Lifetime };
                self.ends_for(why);
                self.tell(Told::TimeOver);
            }
        }
    }

    /// Takes note of why it ends; the first reason counts.
    fn ends_for(&mut self, why: EndReason) {
        if self.state.phase() == Phase::Running {
            self.why.get_or_insert(why);
        }
    }

    fn times(&self) -> Times {
        let Limits { lifetime_ms, idle_ms, .. } = self.record.limits;
        Times { lifetime_ms, expires_ms: self.record.expires_ms, idle_ms }
    }

    /// For how many milliseconds nobody has been attached; none while somebody is.
    fn quiet_ms(&self) -> Option<u64> {
        let view = self.view.borrow();
        let quiet = view.terminals.iter().map(|process| process.terminal.quiet_for());
        let least = quiet.reduce(|one, other| Some(one?.min(other?))).unwrap_or(Some(Duration::ZERO));
        least.map(|quiet| u64::try_from(quiet.as_millis()).unwrap_or(u64::MAX))
    }

    fn exec(&mut self, request: Box<ProcessRequest>, answer: ExecAnswer) {
        if request.tag != NOBODY {
            let view = self.view.borrow().clone();
            if let Some(before) = view.terminals.iter().find(|before| before.tag == request.tag) {
                let _ = answer.send(Ok((before.number, before.terminal.clone())));
                return;
            }
            if let Some(others) = self.asked.get_mut(&request.tag) {
                return others.push((request, answer));
            }
        }
        let refusal = if self.state.phase() != Phase::Running {
            Some(ContainerError::NotRunning(self.id.clone()))
        } else if !self.make_room() {
            Some(ContainerError::TooMany(MAX_PROCESSES, "processes in this container"))
        } else {
            None
        };
        if let Some(error) = refusal {
            let _ = answer.send(Err(error));
            return;
        }
        self.starting += 1;
        if request.tag != NOBODY {
            self.asked.insert(request.tag, Vec::new());
        }
        let (engine, container) = (Arc::clone(&self.engine), self.id.to_string());
        self.calls.spawn(async move {
            let started = engine.exec(container, (*request).clone()).await;
            Called::Exec(request, answer, started)
        });
    }

    /// Whether one more process may be held; forgets the one that ended first where that makes room.
    fn make_room(&self) -> bool {
        let view = self.view.borrow().clone();
        let further = view.detail.summary.processes.iter().filter(|process| process.number != 0);
        if further.clone().count() + self.starting < MAX_PROCESSES {
            return true;
        }
        let Some(oldest) =
            further.clone().find(|process| process.exit.is_some()).map(|process| process.number)
        else {
            return false;
        };
        self.change(|view| {
            view.detail.summary.processes.retain(|process| process.number != oldest);
            view.terminals.retain(|process| process.number != oldest);
        });
        let logs = Arc::clone(&self.logs);
        self.tasks.spawn_blocking(move || logs.forget(oldest));
        true
    }

    fn called(&mut self, called: Called) {
        match called {
            Called::Exec(request, answer, started) => {
                self.starting -= 1;
                let number = started.as_ref().map(|process| process.number).unwrap_or_default();
                let terminal = match started {
                    Ok(process) => self.started(&request, process).map_err(ContainerError::from),
                    Err(error) => Err(error.into()),
                };
                let _ = answer.send(terminal.map(|terminal| (number, terminal)));
                for (request, answer) in self.asked.remove(&request.tag).unwrap_or_default() {
                    self.exec(request, answer);
                }
            }
            Called::Update(record, answer, updated) => self.updated(*record, answer, updated),
            Called::Signal(Ok(())) => {}
            Called::Signal(Err(error)) => {
                tracing::debug!(container = %self.id, %error, "a signal cannot be sent");
            }
            Called::Remove(result) => {
                self.tell(Told::Removed(result.is_ok()));
                for remover in self.removers.drain(..) {
                    let _ = remover.send(result.clone().map_err(ContainerError::from));
                }
            }
        }
    }

    fn process_exited(&mut self, number: ProcessNumber, exit: Exit) {
        let view = self.view.borrow().clone();
        let Some(process) = view.terminals.iter().find(|known| known.number == number) else {
            self.early.insert(number, exit);
            return;
        };
        process.terminal.exited(exit);
        self.change(|view| {
            if let Some(process) =
                view.detail.summary.processes.iter_mut().find(|process| process.number == number)
            {
                process.exit = Some(exit);
            }
        });
        if number == 0 {
            self.tell(Told::FirstExited(exit));
        }
    }

    /// Nothing of the container is left: no process can be either.
    fn ended(&mut self) {
        let view = self.view.borrow().clone();
        let unseen = view.detail.summary.processes.iter().filter(|process| process.exit.is_none());
        for number in unseen.map(|process| process.number) {
            self.process_exited(number, KILLED);
        }
        self.tell(Told::Ended);
        self.ticket = None;
    }

    /// Tells the machine, publishes where the container is now, and does what the machine says.
    fn tell(&mut self, told: Told) {
        let before = self.state.phase();
        let effects = self.state.step(told);
        if self.state.phase() != Phase::Running {
            self.life.cancel();
        }
        if let (Phase::Running, Phase::Exited(exit) | Phase::Ended(exit)) = (before, self.state.phase()) {
            self.tell_why(exit);
        }
        match self.state.phase() {
            phase if phase == before => {}
            Phase::Exited(exit) => {
                self.change(|view| view.detail.summary.state = ContainerState::Exited(exit))
            }
            Phase::Ended(exit) => self.change(|view| {
                view.detail.summary.state = ContainerState::Exited(exit);
                view.ended = true;
            }),
            Phase::Running | Phase::Gone => {}
        }
        for effect in effects {
            self.carry_out(effect);
        }
    }

    /// Publishes why it has ended, also to the next agent.
    fn tell_why(&mut self, exit: Exit) {
        if exit.out_of_memory {
            self.why = Some(EndReason::OutOfMemory);
        }
        let Some(why) = self.why else { return };
        self.change(|view| view.detail.summary.why = Some(why));
        let logs = Arc::clone(&self.logs);
        self.tasks.spawn_blocking(move || logs.note_end(why));
    }

    fn carry_out(&mut self, effect: Effect) {
        let (engine, container) = (Arc::clone(&self.engine), self.id.to_string());
        let signal = self.record.stop_signal;
        match effect {
            Effect::Explain => {
                let line = self.over.and_then(|over| self.times().farewell(over));
                let view = self.view.borrow();
                line.iter()
                    .for_each(|line| view.terminals.iter().for_each(|process| process.terminal.say(line)));
            }
            Effect::StopSignal => {
                let on_terminal =
                    self.view.borrow().detail.summary.processes.iter().any(|p| p.number == 0 && p.terminal);
                self.calls.spawn(async move {
                    let asked = engine.signal(container.clone(), 0, signal).await;
                    if asked.is_ok() && on_terminal {
                        // An interactive shell ignores SIGTERM, and ends when its terminal hangs up. One that has ended
                        // meanwhile needs no second word.
                        let _ = engine.signal(container, 0, HUP).await;
                    }
                    Called::Signal(asked)
                });
            }
            Effect::ArmGrace(grace) => self.grace = Some(deadline(grace)),
            Effect::Kill => {
                self.calls.spawn(async move { Called::Signal(engine.kill(container).await) });
            }
            Effect::Remove => {
                self.calls.spawn(async move { Called::Remove(engine.remove(container).await) });
            }
        }
    }

    fn add(&self, request: &ProcessRequest, number: ProcessNumber, terminal: Terminal, exit: Option<Exit>) {
        let is_terminal = matches!(request.stdio, Stdio::Terminal { .. });
        let process = ProcessSummary {
            number,
            command: request.argv.clone(),
            terminal: is_terminal,
            exit,
            recording: None,
        };
        self.add_process(process, terminal, request.tag);
    }

    fn add_process(&self, process: ProcessSummary, terminal: Terminal, tag: u64) {
        let number = process.number;
        self.change(|view| {
            view.detail.summary.processes.push(process);
            view.terminals.push(Attachable { number, terminal, tag });
        });
    }

    fn change(&self, edit: impl FnOnce(&mut View)) {
        self.view.send_modify(|view| edit(Arc::make_mut(view)));
        self.changed.send_modify(|count| *count += 1);
    }
}

/// A deadline so far ahead that the clock cannot hold it is as good as a century.
fn deadline(after: Duration) -> Instant {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
    Instant::now() + after.min(CENTURY)
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn exit_of(Ending { code, signal, out_of_memory }: Ending) -> Exit {
    Exit { code, signal, out_of_memory }
}
