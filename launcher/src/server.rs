//! The launcher's only loop: one thread that waits for requests, for starts and for ends of processes.

mod agent;
mod requests;
mod sources;
mod unpacking;

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::event::epoll;
use rustix::net::{SocketFlags, accept_with};

use crate::engine::Engine;
use crate::ranges::Ranges;
use crate::stage;
use crate::wire::{Event, Failure, Message, Reply};
use crate::worker::UnpackFn;
use agent::Agent;
use sources::{Source, Sources};
use unpacking::Unpacking;

/// What a launcher is started with.
#[derive(Debug)]
pub struct Config {
    /// The state directory.
    pub state: PathBuf,
    /// The listening `SOCK_SEQPACKET` socket that agents connect to.
    pub listener: OwnedFd,
    /// Whether the launcher is root of a user namespace only.
    pub rootless: bool,
    /// Unpacks an archive in a jail.
    pub unpack: UnpackFn,
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
    stage::enter(&config.state).map_err(prepare("its mount namespace"))?;
    let ranges = if config.rootless {
        Ranges::Shared { count: config.ranges }
    } else {
        Ranges::disjoint(config.first_range, config.ranges)
    };
    let engine = Engine::new(&config.state, config.rootless, ranges).map_err(prepare("its store"))?;
    let server = Server::new(engine, config.listener, Unpacking::new(config.unpack))?;
    ready();
    Ok(server.run()?)
}

struct Server {
    engine: Engine,
    sources: Sources,
    listener: OwnedFd,
    agent: Option<Agent>,
    unpacking: Unpacking,
    /// The request for the shutdown, while containers end.
    shutdown: Option<u32>,
}

impl Server {
    fn new(engine: Engine, listener: OwnedFd, unpacking: Unpacking) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&listener, true)?;
        let mut sources = Sources::new()?;
        sources.watch(&listener, Source::Listener, epoll::EventFlags::IN)?;
        Ok(Self { engine, sources, listener, agent: None, unpacking, shutdown: None })
    }

    fn run(mut self) -> io::Result<()> {
        loop {
            for (source, flags) in self.sources.wait(None)? {
                self.handle(source, flags)?;
            }
            if let Some(seq) = self.shutdown
                && self.engine.containers.values().all(|container| container.life.is_none())
            {
                self.reply(seq, Ok((Reply::Done, Vec::new())));
                return Ok(());
            }
        }
    }

    fn handle(&mut self, source: Source, flags: epoll::EventFlags) -> io::Result<()> {
        match source {
            Source::Listener => self.accept()?,
            Source::Agent => self.serve_agent(flags),
            Source::Started { container, process } => self.process_started(&container, process),
            Source::Process { container, process } => self.process_ended(&container, process),
            Source::Unpacked { layer } => self.unpacked(&layer),
            Source::Init { container } => {
                if let Some(event) = self.engine.init_ended(&container) {
                    self.event(event);
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
        let agent = Agent::new(connection);
        self.sources.watch(&agent.fd(), Source::Agent, agent.interest())?;
        self.agent = Some(agent);
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
            // Containers go on; a new agent may come.
            self.agent = None;
        }
    }

    fn update_agent(&mut self) -> io::Result<()> {
        match &self.agent {
            Some(agent) => self.sources.update(&agent.fd(), Source::Agent, agent.interest()),
            None => Ok(()),
        }
    }

    fn process_started(&mut self, container: &str, process: u32) {
        let Some((seq, outcome)) = self.engine.started(container, process) else { return };
        if outcome.is_err() && process == 0 {
            self.engine.abandon(container);
        }
        let outcome = outcome.map(|reply| (reply, self.engine.descriptors(container, process)));
        self.reply(seq, outcome);
    }

    fn process_ended(&mut self, container: &str, process: u32) {
        // Its start is answered first, whichever the kernel has reported first.
        self.process_started(container, process);
        if let Some(event) = self.engine.process_ended(container, process) {
            self.event(event);
        }
    }

    fn reply(&mut self, seq: u32, outcome: Result<(Reply, Vec<OwnedFd>), Failure>) {
        let (reply, fds) = outcome.unwrap_or_else(|failure| (Reply::Failed(failure), Vec::new()));
        self.send(Message::Reply { seq, reply }, fds);
    }

    fn event(&mut self, event: Event) {
        self.send(Message::Event(event), Vec::new());
    }

    fn send(&mut self, message: Message, fds: Vec<OwnedFd>) {
        if let Some(agent) = &mut self.agent
            && agent.send(message, fds).is_err()
        {
            self.agent = None;
        }
    }
}
