//! The built-in engine: an asynchronous client of the launcher.
//!
//! [`connection`] is the task that owns the socket; this file turns calls into requests and replies into results.

use std::os::fd::OwnedFd;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use porthole_launcher::plan::Step;
use porthole_launcher::socket::Socket;
use porthole_launcher::wire::{
    HostReport, KernelTexts, Known, LaunchRequest, ProcessRequest, Reply, RequestBody, Stdio, Usage,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use super::{Engine, EngineError, EngineEvent, Launched, Result, StartedProcess, StdioFds};

mod connection;

/// Calls waiting for the socket, before callers wait with them.
const CALLS: usize = 64;

/// Events waiting for their container, before the socket waits with them.
const EVENTS: usize = 256;

/// A reply and the descriptors beside it.
type Answer = (Reply, Vec<OwnedFd>);

/// A request on its way to the launcher, and where its answer goes.
#[derive(Debug)]
struct Call {
    body: RequestBody,
    fd: Option<OwnedFd>,
    answer: oneshot::Sender<Answer>,
}

/// A handle to the launcher; clones share one socket.
#[derive(Clone, Debug)]
pub struct Builtin {
    calls: mpsc::Sender<Call>,
}

impl Builtin {
    /// Starts the task that owns the socket. Events must be received without waiting for any call to this engine, or
    /// both wait for ever. Their channel closes when the launcher is gone.
    ///
    /// # Errors
    /// When the socket cannot be registered with the runtime.
    pub fn start(
        socket: Socket,
        tasks: &TaskTracker,
    ) -> std::io::Result<(Self, mpsc::Receiver<EngineEvent>)> {
        let (calls, call_receiver) = mpsc::channel(CALLS);
        let (event_sender, events) = mpsc::channel(EVENTS);
        tasks.spawn(connection::Connection::new(socket)?.run(call_receiver, event_sender));
        Ok((Self { calls }, events))
    }

    /// Sends one request and makes of its reply what `read` says; a [`Reply::Failed`] becomes an error.
    async fn ask<T>(
        &self,
        body: RequestBody,
        fd: Option<OwnedFd>,
        read: impl FnOnce(Answer) -> Option<T> + Send,
    ) -> Result<T> {
        let (answer, reply) = oneshot::channel();
        self.calls.send(Call { body, fd, answer }).await.map_err(|_| EngineError::Gone)?;
        match reply.await.map_err(|_| EngineError::Gone)? {
            (Reply::Failed(failure), _) => Err(EngineError::Failed(failure)),
            answer => read(answer).ok_or(EngineError::Mismatch),
        }
    }

    /// Unpacks an uncompressed tar archive into a new layer; answers its unpacked bytes and entries.
    ///
    /// # Errors
    /// `BadArchive` when the archive is broken or hostile, `InUse` when the layer exists. Nothing is left then.
    pub async fn unpack(&self, layer: String, archive: OwnedFd) -> Result<(u64, u64)> {
        self.ask(RequestBody::Unpack { layer }, Some(archive), |(reply, _)| match reply {
            Reply::Unpacked { bytes, entries } => Some((bytes, entries)),
            _ => None,
        })
        .await
    }

    /// Deletes a layer.
    ///
    /// # Errors
    /// `InUse` while a container uses it.
    pub async fn remove_layer(&self, layer: String) -> Result<()> {
        self.ask(RequestBody::RemoveLayer { layer }, None, done).await
    }

    /// Opens a regular file of an image, as a container of these layers (topmost first) would see it.
    ///
    /// # Errors
    /// `NoSuchFile` when there is none.
    pub async fn open_file(&self, layers: Vec<String>, path: String) -> Result<OwnedFd> {
        self.ask(RequestBody::OpenFile { layers, path }, None, |(reply, mut fds)| match reply {
            Reply::File => fds.pop(),
            _ => None,
        })
        .await
    }
}

/// Reads [`Reply::Done`].
fn done((reply, _): Answer) -> Option<()> {
    matches!(reply, Reply::Done).then_some(())
}

/// Reads [`Reply::Started`] with the descriptors of such a process.
fn started(stdio: Stdio) -> impl FnOnce(Answer) -> Option<StartedProcess> + Send {
    move |(reply, fds)| match reply {
        Reply::Started { process, pid } => {
            Some(StartedProcess { number: process, pid, stdio: stdio_fds(stdio, fds)? })
        }
        _ => None,
    }
}

/// Gives the descriptors of a reply their meaning. The first is the pidfd, which the agent has no use for: the launcher
/// tells how processes end.
fn stdio_fds(stdio: Stdio, fds: Vec<OwnedFd>) -> Option<StdioFds> {
    let mut fds = fds.into_iter().skip(1);
    match (stdio, fds.next(), fds.next(), fds.next()) {
        (Stdio::Terminal { .. }, Some(master), None, None) => Some(StdioFds::Terminal(master)),
        (Stdio::Pipes { .. }, Some(stdout), Some(stderr), stdin) => {
            Some(StdioFds::Pipes { stdout, stderr, stdin })
        }
        _ => None,
    }
}

impl Engine for Builtin {
    fn launch(&self, request: LaunchRequest) -> BoxFuture<'_, Result<Launched>> {
        let stdio = request.process.stdio;
        self.ask(RequestBody::Launch(Box::new(request)), None, move |(reply, fds)| match reply {
            Reply::Launched { init_pid, pid, steps, lacks } => {
                let process = StartedProcess { number: 0, pid, stdio: stdio_fds(stdio, fds)? };
                Some(Launched { init_pid, process, steps, lacks })
            }
            _ => None,
        })
        .boxed()
    }

    fn plan(&self, request: LaunchRequest) -> BoxFuture<'_, Result<Vec<Step>>> {
        self.ask(RequestBody::Plan(Box::new(request)), None, |(reply, _)| match reply {
            Reply::Plan(steps) => Some(steps),
            _ => None,
        })
        .boxed()
    }

    fn exec(&self, container: String, process: ProcessRequest) -> BoxFuture<'_, Result<StartedProcess>> {
        let stdio = process.stdio;
        self.ask(RequestBody::Exec { container, process }, None, started(stdio)).boxed()
    }

    fn adopt(&self, container: String, process: u32, stdio: Stdio) -> BoxFuture<'_, Result<StartedProcess>> {
        self.ask(RequestBody::Adopt { container, process }, None, started(stdio)).boxed()
    }

    fn signal(&self, container: String, process: u32, signal: i32) -> BoxFuture<'_, Result<()>> {
        self.ask(RequestBody::Signal { container, process, signal }, None, done).boxed()
    }

    fn kill(&self, container: String) -> BoxFuture<'_, Result<()>> {
        self.ask(RequestBody::Kill { container }, None, done).boxed()
    }

    fn remove(&self, container: String) -> BoxFuture<'_, Result<()>> {
        self.ask(RequestBody::Remove { container }, None, done).boxed()
    }

    fn inspect(&self, container: String) -> BoxFuture<'_, Result<KernelTexts>> {
        self.ask(RequestBody::Inspect { container }, None, |(reply, _)| match reply {
            Reply::Kernel(texts) => Some(*texts),
            _ => None,
        })
        .boxed()
    }

    fn usage(&self, container: String) -> BoxFuture<'_, Result<Vec<Usage>>> {
        self.ask(RequestBody::Usage { container }, None, |(reply, _)| match reply {
            Reply::Usage(usage) => Some(usage),
            _ => None,
        })
        .boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Known>>> {
        self.ask(RequestBody::List, None, |(reply, _)| match reply {
            Reply::Containers(known) => Some(known),
            _ => None,
        })
        .boxed()
    }

    fn host(&self) -> BoxFuture<'_, Result<HostReport>> {
        self.ask(RequestBody::Host, None, |(reply, _)| match reply {
            Reply::Host(report) => Some(*report),
            _ => None,
        })
        .boxed()
    }

    fn shutdown(&self) -> BoxFuture<'_, Result<()>> {
        self.ask(RequestBody::Shutdown, None, done).boxed()
    }
}
