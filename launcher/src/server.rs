//! The launcher's only loop: one thread that waits for requests, for starts and for ends of processes.

mod agent;
mod launches;
mod requests;
mod sources;
mod working;

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use rustix::event::epoll;
use rustix::net::{SocketFlags, accept_with};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::container::Caller;
use crate::engine::Engine;
use crate::oci::Progress;
use crate::ranges::Ranges;
use crate::stage;
use crate::wire::{Event, Failure, Message, Reply};
use crate::worker::Programs;
use agent::Agent;
use launches::Launches;
use sources::{Source, Sources};
use working::Working;

/// Pause before a cgroup is tried to be removed again, whose last process is not quite dead.
const RETRY: Duration = Duration::from_millis(5);

/// What a launcher is started with.
#[derive(Debug)]
pub struct Config {
    /// The state directory.
    pub state: PathBuf,
    /// The listening `SOCK_SEQPACKET` socket that agents connect to.
    pub listener: OwnedFd,
    /// Whether the launcher is root of a user namespace only.
    pub rootless: bool,
    /// What is called in jails.
    pub programs: Programs,
    /// Number of the first range of 65,536 user ids this launcher may use, counted from host id 524288. Range 0 is the
    /// store's and never given to a container. Rootless: unused.
    pub first_range: u32,
    /// How many ranges. Rootless: how many ids the launcher's user namespace has.
    pub ranges: u32,
}

/// Why a launcher cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its surroundings cannot be prepared.
    #[error("the launcher cannot prepare {what}: {error}")]
    Prepare {
        /// What.
        what: &'static str,
        /// The kernel's reason.
        error: io::Error,
    },
    /// Waiting for events failed.
    #[error("the launcher cannot wait for events: {0}")]
    Wait(#[from] io::Error),
}

/// Serves agents, one after the other, until one of them asks for the shutdown. Containers outlive agents and die with the
/// caller's process, which must have a single thread: this enters a mount namespace and clones. Calls `ready` once all is
/// prepared, right before it waits for the first agent.
///
/// # Errors
/// [`ServeError`].
pub fn serve(config: Config, ready: impl FnOnce()) -> Result<(), ServeError> {
    let prepare = |what| move |error: io::Error| ServeError::Prepare { what, error };
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    // Several descriptors for each process: as many as this host lets it have.
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })
        .map_err(|errno| prepare("its limit of open files")(errno.into()))?;
    stage::enter(&config.state).map_err(prepare("its mount namespace"))?;
    let ranges = if config.rootless {
        Ranges::Shared { count: config.ranges }
    } else {
        Ranges::disjoint(config.first_range, config.ranges)
    };
    let mut engine = Engine::new(&config.state, config.rootless, ranges).map_err(prepare("its store"))?;
    engine.prepare();
    let server = Server::new(engine, config.listener, Working::new(config.programs))?;
    ready();
    Ok(server.run()?)
}

/// The launcher ends as soon as its containers have.
#[derive(Clone, Copy)]
struct Shutdown {
    /// The request for it, if that was not a signal.
    caller: Option<Caller>,
}

struct Server {
    engine: Engine,
    sources: Sources,
    listener: OwnedFd,
    agent: Option<Agent>,
    /// How many agents there have been.
    agents: u64,
    working: Working,
    launches: Launches,
    /// What tells of a wish to end.
    signals: SignalFd,
    shutdown: Option<Shutdown>,
}

impl Server {
    fn new(engine: Engine, listener: OwnedFd, working: Working) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&listener, true)?;
        let mut sources = Sources::new()?;
        sources.watch(&listener, Source::Listener, epoll::EventFlags::IN)?;
        // Told by the loop instead of at any moment; children unblock all before they become something else.
        let ending = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGCHLD]);
        ending.thread_block()?;
        let signals = SignalFd::with_flags(&ending, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        sources.watch(&signals, Source::Signal, epoll::EventFlags::IN)?;
        Ok(Self {
            engine,
            sources,
            listener,
            agent: None,
            agents: 0,
            working,
            launches: Launches::default(),
            signals,
            shutdown: None,
        })
    }

    fn run(mut self) -> io::Result<()> {
        let mut patience = Some(Duration::ZERO);
        loop {
            let ready = self.sources.wait(patience)?;
            let idle = ready.is_empty();
            for (source, flags) in ready {
                self.handle(source, flags)?;
            }
            patience = if idle { self.tidy()? } else { Some(Duration::ZERO) };
            if let Some(Shutdown { caller }) = self.shutdown.filter(|_| self.engine.is_empty()) {
                self.engine.net.close();
                if let Some(caller) = caller {
                    self.reply(caller, Ok((Reply::Done, Vec::new())));
                }
                return Ok(());
            }
        }
    }

    /// What can wait until nobody asks for anything. Returns how long to wait for the next event.
    fn tidy(&mut self) -> io::Result<Option<Duration>> {
        let (events, left) = self.engine.tidy();
        events.into_iter().for_each(|event| self.event(event));
        self.update_agent()?;
        if self.shutdown.is_some() {
            self.engine.remove_ended();
        }
        if self.engine.take_trash() {
            self.empty_trash()?;
        }
        self.engine.prepare();
        self.make_disks(true);
        let turn = self.engine.weigh();
        Ok(if left { Some(RETRY) } else { turn })
    }

    fn empty_trash(&mut self) -> io::Result<()> {
        let once = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
        match self.engine.empty_trash()? {
            Some(deleter) => self.sources.watch(&deleter, Source::Trash, once),
            None => Ok(()),
        }
    }

    fn handle(&mut self, source: Source, flags: epoll::EventFlags) -> io::Result<()> {
        match source {
            Source::Listener => self.accept()?,
            Source::Signal => {
                let told = self.signals.read_signal()?;
                // A child has ended: if nobody waits for it, that is done when there is nothing else to do.
                let is_child = |signal: &siginfo| signal.ssi_signo == Signal::SIGCHLD as u32;
                if told.as_ref().is_some_and(|signal| !is_child(signal)) {
                    self.shut_down(None);
                }
            }
            Source::Agent => self.serve_agent(flags),
            Source::Started { container, process } => self.process_started(&container, process),
            Source::Process { container, process } => self.process_ended(&container, process),
            Source::Unpacked { layer } => self.unpacked(&layer),
            Source::Worked { job } => self.worked(job),
            Source::Made { maker } => self.made(maker),
            Source::Init { container } => {
                // The answer to a start comes before anything else that is said of it.
                let numbers = self.engine.starting(&container);
                numbers.into_iter().for_each(|number| self.process_started(&container, number));
                self.engine.init_ended(&container).into_iter().for_each(|event| self.event(event));
            }
            Source::Memory { container } => self.engine.memory_event(&container),
            Source::Begun { container } => self.begun(&container),
            Source::Runtime { container, process } => self.runtime_ended(&container, process),
            Source::Late { container, process } => self.engine.runtime_late(&container, process),
            Source::Trash => {
                if self.engine.trash.emptied() {
                    self.empty_trash()?;
                }
            }
        }
        self.update_agent()
    }

    /// Takes a new connection, unless the agent is there: there is only one.
    fn accept(&mut self) -> io::Result<()> {
        let connection = match accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            Ok(connection) => connection,
            // Gone before it was taken.
            Err(_) => return Ok(()),
        };
        if self.agent.as_ref().is_some_and(Agent::is_alive) {
            return Ok(());
        }
        self.disconnect();
        let agent = Agent::new(connection);
        self.sources.watch(&agent.fd(), Source::Agent, agent.interest())?;
        self.agent = Some(agent);
        self.agents += 1;
        Ok(())
    }

    fn serve_agent(&mut self, flags: epoll::EventFlags) {
        let received = crate::page::now();
        let Some(agent) = &mut self.agent else { return };
        let mut gone = flags.contains(epoll::EventFlags::OUT) && agent.flush().is_err();
        while !gone {
            match self.agent.as_ref().map(Agent::receive) {
                Some(Ok(Some((request, fds)))) => self.request(request, fds, received),
                Some(Ok(None)) | None => break,
                Some(Err(agent::Gone)) => gone = true,
            }
        }
        if gone {
            self.disconnect();
        }
    }

    /// The agent is gone. Containers go on, its workers do not; a new agent may come.
    fn disconnect(&mut self) {
        if let Some(agent) = self.agent.take() {
            self.sources.forget(&agent.fd());
            self.abandon_work();
            self.abandon_launches();
        }
    }

    fn update_agent(&mut self) -> io::Result<()> {
        match &self.agent {
            Some(agent) => self.sources.update(&agent.fd(), agent.interest()),
            None => Ok(()),
        }
    }

    /// Ends every container; the loop ends when they have.
    fn shut_down(&mut self, caller: Option<Caller>) {
        self.engine.kill_starts();
        self.engine.containers.values_mut().for_each(crate::container::Container::kill);
        self.refuse_launches();
        self.shutdown = Some(Shutdown { caller });
    }

    fn process_started(&mut self, container: &str, process: u32) {
        let Some((caller, outcome)) = self.engine.started(container, process) else { return };
        if outcome.is_err() {
            self.engine.abandon(container, process);
        }
        let outcome = outcome.map(|reply| (reply, self.engine.descriptors(container, process)));
        self.reply(caller, outcome);
    }

    /// A runtime has ended: waits for what it has left, and answers when that is all.
    fn runtime_ended(&mut self, container: &str, process: u32) {
        let Some(progress) = self.engine.runtime_ended(container, process) else { return };
        let (caller, mut outcome) = match progress {
            Progress::Made(caller) => match self.watch_made(container) {
                Ok(()) => return,
                Err(failure) => (caller, Err(failure)),
            },
            Progress::Answer(caller, outcome) => (caller, outcome),
        };
        if outcome.is_ok() {
            outcome = self.watch_end(container, process).and(outcome);
        }
        // Nobody waits for it where a new agent has come, which has looked already at what there is.
        if outcome.is_err() || caller.agent != self.agents {
            self.engine.abandon(container, process);
        }
        let outcome = outcome.map(|reply| (reply, self.engine.descriptors(container, process)));
        self.reply(caller, outcome);
    }

    /// Process 1 of a container by a runtime has begun: waits for the runtime that starts the first process.
    fn begun(&mut self, container: &str) {
        let Some((caller, begun)) = self.engine.begun(container) else { return };
        if let Err(failure) = begun.and_then(|()| self.watch_runtime(container, 0)) {
            self.engine.abandon(container, 0);
            self.reply(caller, Err(failure));
        }
    }

    fn process_ended(&mut self, container: &str, process: u32) {
        // Its start is answered first, whichever the kernel has reported first.
        self.process_started(container, process);
        if let Some(event) = self.engine.process_ended(container, process) {
            self.event(event);
        }
    }

    fn reply(&mut self, caller: Caller, outcome: Result<(Reply, Vec<OwnedFd>), Failure>) {
        if caller.agent == self.agents {
            let (reply, fds) = outcome.unwrap_or_else(|failure| (Reply::Failed(failure), Vec::new()));
            self.send(Message::Reply { seq: caller.seq, reply }, fds);
        }
    }

    fn event(&mut self, event: Event) {
        self.send(Message::Event(event), Vec::new());
    }

    fn send(&mut self, message: Message, fds: Vec<OwnedFd>) {
        if let Some(agent) = &mut self.agent
            && agent.send(message, fds).is_err()
        {
            self.disconnect();
        }
    }
}
