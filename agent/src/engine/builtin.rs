//! The built-in engine: an asynchronous client of the launcher.
//!
//! [`connection`] is the task that owns the socket; this file turns calls into requests and replies into results.

use std::os::fd::OwnedFd;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryFutureExt};
use porthole_launcher::plan::Step;
use porthole_launcher::socket::Socket;
use porthole_launcher::wire::{
    Failure, FailureKind, HostReport, KernelTexts, Known, LaunchRequest, Limits, Place, ProcessRequest,
    Reply, RequestBody, Stdio, Unpacked, Usage,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Engine, EngineError, EngineEvent, Launched, Result, StartedProcess, StdioFds, TypedFds};
use crate::image::LayerStore;

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
    fds: Vec<OwnedFd>,
    answer: oneshot::Sender<Answer>,
}

/// A handle to the launcher; clones share one socket.
#[derive(Clone, Debug)]
pub struct Builtin {
    calls: mpsc::Sender<Call>,
    gone: CancellationToken,
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
        let gone = CancellationToken::new();
        let connection = connection::Connection::new(socket)?.run(call_receiver, event_sender);
        let ended = gone.clone().drop_guard();
        tasks.spawn(async move {
            connection.await;
            drop(ended);
        });
        Ok((Self { calls, gone }, events))
    }

    /// Resolves when the launcher is gone, and every container with it.
    pub async fn gone(&self) {
        self.gone.cancelled().await;
    }

    /// Sends one request and makes of its reply what `read` says; a [`Reply::Failed`] becomes an error.
    async fn ask<T>(
        &self,
        body: RequestBody,
        fds: Vec<OwnedFd>,
        read: impl FnOnce(Answer) -> Option<T> + Send,
    ) -> Result<T> {
        let (answer, reply) = oneshot::channel();
        self.calls.send(Call { body, fds, answer }).await.map_err(|_| EngineError::Gone)?;
        match reply.await.map_err(|_| EngineError::Gone)? {
            (Reply::Failed(failure), _) => Err(EngineError::Failed(failure)),
            answer => read(answer).ok_or(EngineError::Mismatch),
        }
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
            Some(StartedProcess { number: process, pid, stdio: stdio_fds(stdio, pid, fds)? })
        }
        _ => None,
    }
}

/// Gives the descriptors of a reply their meaning. The first is the pidfd of one that lives, which the agent has no use for: the
/// launcher tells how processes end.
fn stdio_fds(stdio: Stdio, pid: u32, fds: Vec<OwnedFd>) -> Option<StdioFds> {
    let mut fds = fds.into_iter().skip(usize::from(pid != 0));
    let stdio = match stdio {
        Stdio::Terminal { .. } => {
            let (master, transit) = (fds.next()?, fds.next()?);
            StdioFds::Terminal { master, transit, typed: typed(&mut fds)? }
        }
        Stdio::Pipes { .. } => {
            let (stdout, stderr) = (fds.next()?, fds.next()?);
            StdioFds::Pipes { stdout, stderr, typed: typed(&mut fds), stdin: fds.next() }
        }
    };
    fds.next().is_none().then_some(stdio)
}

fn typed(fds: &mut impl Iterator<Item = OwnedFd>) -> Option<TypedFds> {
    Some(TypedFds { input: fds.next()?, ledger: fds.next()? })
}

impl Engine for Builtin {
    fn launch(&self, request: LaunchRequest) -> BoxFuture<'_, Result<Launched>> {
        let stdio = request.process.stdio;
        self.ask(RequestBody::Launch(Box::new(request)), Vec::new(), move |(reply, fds)| match reply {
            Reply::Launched { init_pid, pid, steps, lacks, addresses } => {
                let process = StartedProcess { number: 0, pid, stdio: stdio_fds(stdio, pid, fds)? };
                Some(Launched { init_pid, process, steps, lacks, addresses })
            }
            _ => None,
        })
        .boxed()
    }

    fn plan(&self, request: LaunchRequest) -> BoxFuture<'_, Result<Vec<Step>>> {
        self.ask(RequestBody::Plan(Box::new(request)), Vec::new(), |(reply, _)| match reply {
            Reply::Plan(steps) => Some(steps),
            _ => None,
        })
        .boxed()
    }

    fn exec(&self, container: String, process: ProcessRequest) -> BoxFuture<'_, Result<StartedProcess>> {
        let stdio = process.stdio;
        self.ask(RequestBody::Exec { container, process }, Vec::new(), started(stdio)).boxed()
    }

    fn adopt(
        &self,
        container: String,
        process: u32,
        stdio: Stdio,
    ) -> BoxFuture<'_, Result<Option<StartedProcess>>> {
        self.ask(RequestBody::Adopt { container, process }, Vec::new(), move |(reply, fds)| match reply {
            Reply::Started { pid: 0, .. } if fds.is_empty() => Some(None),
            reply => started(stdio)((reply, fds)).map(Some),
        })
        .boxed()
    }

    fn release(&self, container: String, process: u32) -> BoxFuture<'_, Result<()>> {
        self.ask(RequestBody::Release { container, process }, Vec::new(), done).boxed()
    }

    fn close_input(&self, container: String, process: u32) -> BoxFuture<'_, Result<()>> {
        self.ask(RequestBody::CloseInput { container, process }, Vec::new(), done).boxed()
    }

    fn update(&self, container: String, limits: Limits, label: Vec<u8>) -> BoxFuture<'_, Result<()>> {
        let limits = Box::new(limits);
        self.ask(RequestBody::Update { container, limits, label }, Vec::new(), done).boxed()
    }

    fn signal(&self, container: String, process: u32, signal: i32) -> BoxFuture<'_, Result<()>> {
        self.ask(RequestBody::Signal { container, process, signal }, Vec::new(), done).boxed()
    }

    fn kill(&self, container: String) -> BoxFuture<'_, Result<()>> {
        self.ask(RequestBody::Kill { container }, Vec::new(), done).boxed()
    }

    fn remove(&self, container: String) -> BoxFuture<'_, Result<()>> {
        self.ask(RequestBody::Remove { container }, Vec::new(), done).boxed()
    }

    fn inspect(&self, container: String) -> BoxFuture<'_, Result<KernelTexts>> {
        self.ask(RequestBody::Inspect { container }, Vec::new(), |(reply, _)| match reply {
            Reply::Kernel(texts) => Some(*texts),
            _ => None,
        })
        .boxed()
    }

    fn listening(&self, container: String) -> BoxFuture<'_, Result<[String; 2]>> {
        self.ask(RequestBody::Listening { container }, Vec::new(), |(reply, _)| match reply {
            Reply::Listening(tables) => Some(tables),
            _ => None,
        })
        .boxed()
    }

    fn socket(&self, container: String, ipv6: bool) -> BoxFuture<'_, Result<OwnedFd>> {
        self.ask(RequestBody::Socket { container, ipv6 }, Vec::new(), |(reply, mut fds)| match reply {
            Reply::Socket => fds.pop(),
            _ => None,
        })
        .boxed()
    }

    fn usage(&self, container: String) -> BoxFuture<'_, Result<Vec<Usage>>> {
        self.ask(RequestBody::Usage { container }, Vec::new(), |(reply, _)| match reply {
            Reply::Usage(usage) => Some(usage),
            _ => None,
        })
        .boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Known>>> {
        async {
            let mut all: Vec<Known> = Vec::new();
            loop {
                let after = all.last().map(|known| known.container.clone());
                let some = self.ask(RequestBody::List { after }, Vec::new(), |(reply, _)| match reply {
                    Reply::Containers(known) => Some(known),
                    _ => None,
                });
                match some.await? {
                    none if none.is_empty() => return Ok(all),
                    some => all.extend(some),
                }
            }
        }
        .boxed()
    }

    fn resolver(&self) -> BoxFuture<'_, Result<[OwnedFd; 2]>> {
        self.ask(RequestBody::Resolver, Vec::new(), |(reply, fds)| match reply {
            Reply::Resolver => fds.try_into().ok(),
            _ => None,
        })
        .boxed()
    }

    fn host(&self, tried: bool) -> BoxFuture<'_, Result<HostReport>> {
        self.ask(RequestBody::Host { tried }, Vec::new(), |(reply, _)| match reply {
            Reply::Host(report) => Some(*report),
            _ => None,
        })
        .boxed()
    }

    fn shutdown(&self) -> BoxFuture<'_, Result<()>> {
        self.ask(RequestBody::Shutdown, Vec::new(), done).boxed()
    }
}

/// What the image store needs of the launcher.
impl LayerStore for Builtin {
    fn unpack(&self, layer: String, tar: OwnedFd) -> BoxFuture<'_, std::result::Result<Unpacked, Failure>> {
        let asked = self.ask(RequestBody::Unpack { layer }, vec![tar], |(reply, _)| match reply {
            Reply::Unpacked(unpacked) => Some(unpacked),
            _ => None,
        });
        asked.map_err(failure).boxed()
    }

    fn remove_layer(&self, layer: String) -> BoxFuture<'_, std::result::Result<(), Failure>> {
        self.ask(RequestBody::RemoveLayer { layer }, Vec::new(), done).map_err(failure).boxed()
    }

    fn open_file(
        &self,
        layers: Vec<String>,
        path: String,
    ) -> BoxFuture<'_, std::result::Result<OwnedFd, Failure>> {
        let asked =
            self.ask(RequestBody::OpenFile { layers, path }, Vec::new(), |(reply, mut fds)| match reply {
                Reply::File => fds.pop(),
                _ => None,
            });
        asked.map_err(failure).boxed()
    }

    fn work(
        &self,
        place: Place,
        pause: bool,
        job: Vec<u8>,
        input: OwnedFd,
        output: OwnedFd,
    ) -> BoxFuture<'_, std::result::Result<(), Failure>> {
        let asked = self.ask(RequestBody::Work { place, pause, job }, vec![input, output], done);
        asked.map_err(failure).boxed()
    }
}

/// An error of the engine as one of the launcher's own.
fn failure(error: EngineError) -> Failure {
    match error {
        EngineError::Failed(failure) => failure,
        EngineError::Gone | EngineError::Mismatch => {
            Failure { kind: FailureKind::Internal, message: error.to_string() }
        }
    }
}
