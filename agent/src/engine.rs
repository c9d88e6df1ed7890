//! What runs containers. The agent asks, an engine does; the only one so far is [`builtin::Builtin`], our own launcher.
//!
//! Engines take and return plain data and descriptors, so that neither HTTP nor terminals know which one is behind.

use std::os::fd::OwnedFd;

use futures_util::future::BoxFuture;
use porthole_launcher::wire::{
    Address, Ending, ExecutedStep, Failure, HostReport, KernelTexts, Known, LaunchRequest, Limits,
    ProcessRequest, Stdio, Usage,
};

pub mod builtin;

/// Why an engine did not do what it was asked for.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EngineError {
    /// It could not be done; nothing is left behind.
    #[error("{}", .0.message)]
    Failed(Failure),
    /// The engine is gone, and every container with it.
    #[error("the launcher is gone")]
    Gone,
    /// The engine's answer does not fit the request.
    #[error("the launcher gave an answer that does not fit the request")]
    Mismatch,
}

/// The result of asking an engine.
pub type Result<T> = std::result::Result<T, EngineError>;

/// The agent's ends of a process's standard streams.
#[derive(Debug)]
pub enum StdioFds {
    /// A terminal.
    Terminal {
        /// Its master.
        master: OwnedFd,
        /// The pipe that its output passes through; see [`Stdio`].
        transit: OwnedFd,
        /// What is typed.
        typed: TypedFds,
    },
    /// Pipes.
    Pipes {
        /// To read its standard output.
        stdout: OwnedFd,
        /// To read its standard error.
        stderr: OwnedFd,
        /// What is typed, when standard input is, or was, open.
        typed: Option<TypedFds>,
        /// To write its standard input, while that is open.
        stdin: Option<OwnedFd>,
    },
}

/// What outlives the agent of what is typed; see [`Stdio`].
#[derive(Debug)]
pub struct TypedFds {
    /// The pipe on the way to the process.
    pub input: OwnedFd,
    /// Who typed how much.
    pub ledger: OwnedFd,
}

/// A process that was started, or taken over by an agent that was restarted.
#[derive(Debug)]
pub struct StartedProcess {
    /// Its number in the container.
    pub number: u32,
    /// Its id on the host; 0 when it has ended.
    pub pid: u32,
    /// Its standard streams.
    pub stdio: StdioFds,
}

/// A container that was launched.
#[derive(Debug)]
pub struct Launched {
    /// Process 1, as the host numbers it.
    pub init_pid: u32,
    /// The first process.
    pub process: StartedProcess,
    /// What was done, in order.
    pub steps: Vec<ExecutedStep>,
    /// What this host could not provide.
    pub lacks: Vec<String>,
    /// Its addresses.
    pub addresses: Vec<Address>,
}

/// What an engine tells without being asked. Events of one container come in the order they happened.
#[derive(Clone, Debug)]
pub enum EngineEvent {
    /// A process has ended.
    Exited {
        /// Its container.
        container: String,
        /// Its number.
        process: u32,
        /// How.
        ending: Ending,
    },
    /// Nothing of the container is left but its writable layer.
    Ended {
        /// Which.
        container: String,
    },
}

impl EngineEvent {
    /// The container it is about.
    #[must_use]
    pub fn container(&self) -> &str {
        match self {
            Self::Exited { container, .. } | Self::Ended { container } => container,
        }
    }
}

/// What runs containers. Calls may overlap; those made one after the other are carried out in that order.
pub trait Engine: Send + Sync + 'static {
    /// Creates a container and starts its first process.
    fn launch(&self, request: LaunchRequest) -> BoxFuture<'_, Result<Launched>>;
    /// The steps a launch would take, without taking any.
    fn plan(&self, request: LaunchRequest) -> BoxFuture<'_, Result<Vec<porthole_launcher::plan::Step>>>;
    /// Starts a further process.
    fn exec(&self, container: String, process: ProcessRequest) -> BoxFuture<'_, Result<StartedProcess>>;
    /// The descriptors of a process that was started by an earlier agent, ended or not; none of one that was released.
    fn adopt(
        &self,
        container: String,
        process: u32,
        stdio: Stdio,
    ) -> BoxFuture<'_, Result<Option<StartedProcess>>>;
    /// Gives up what the engine keeps of a process that has ended.
    fn release(&self, container: String, process: u32) -> BoxFuture<'_, Result<()>>;
    /// Closes the engine's own copy of the write end of a process's standard input.
    fn close_input(&self, container: String, process: u32) -> BoxFuture<'_, Result<()>>;
    /// Changes the limits of a container to these, which are all, and keeps `label` from now on.
    fn update(&self, container: String, limits: Limits, label: Vec<u8>) -> BoxFuture<'_, Result<()>>;
    /// Sends a signal to a process.
    fn signal(&self, container: String, process: u32, signal: i32) -> BoxFuture<'_, Result<()>>;
    /// Kills everything in a container; [`EngineEvent::Ended`] follows.
    fn kill(&self, container: String) -> BoxFuture<'_, Result<()>>;
    /// Deletes what an ended container left.
    fn remove(&self, container: String) -> BoxFuture<'_, Result<()>>;
    /// What the kernel says about a container.
    fn inspect(&self, container: String) -> BoxFuture<'_, Result<KernelTexts>>;
    /// What listens in a container: `/proc/PID/net/tcp` and `tcp6` as its network namespace has them.
    fn listening(&self, container: String) -> BoxFuture<'_, Result<[String; 2]>>;
    /// A TCP socket in a container's network namespace, non-blocking, neither bound nor connected.
    fn socket(&self, container: String, ipv6: bool) -> BoxFuture<'_, Result<OwnedFd>>;
    /// Limits and use of a container.
    fn usage(&self, container: String) -> BoxFuture<'_, Result<Vec<Usage>>>;
    /// Every container that has not been removed.
    fn list(&self) -> BoxFuture<'_, Result<Vec<Known>>>;
    /// The sockets that containers ask for names at, on port 53: a UDP one, then a listening TCP one.
    fn resolver(&self) -> BoxFuture<'_, Result<[OwnedFd; 2]>>;
    /// What this host can do; with other engines `tried`, which takes a while.
    fn host(&self, tried: bool) -> BoxFuture<'_, Result<HostReport>>;
    /// Ends every container and the engine itself.
    fn shutdown(&self) -> BoxFuture<'_, Result<()>>;
}
