//! Containers: launched, listed, stopped, removed.
//!
//! The [`registry`] knows them by id and name; each has one task, the [`driver`], which tells the pure [`state`] machine
//! what happens and does what it says. Everyone else holds a [`Container`], a handle that reads the task's newest
//! [`View`] and sends it commands.

use std::sync::Arc;
use std::time::Duration;

use porthole_launcher::wire::{KernelTexts, ProcessRequest, Usage};
use porthole_protocol::http::{ContainerDetail, ContainerState};
use porthole_protocol::ids::{ContainerId, InvalidId, ProcessNumber, Typist};
use porthole_protocol::spec::{Limits, ProcessSpec};
use tokio::sync::{mpsc, oneshot, watch};

use crate::admission::Place;
use crate::engine::{Engine, EngineError};
use crate::image::{Image, ImageError};
use crate::ports::Inside;
use crate::session::SessionError;
use crate::share::KeptShare;
use crate::terminal::Terminal;

mod birth;
mod driver;
mod launch;
pub(crate) mod limits;
mod names;
mod record;
pub(crate) mod registry;
mod request;
mod shares;
pub(crate) mod signal;
mod state;
mod times;

pub(crate) use birth::plan_step;
pub(crate) use launch::{Prepared, now_ms};
use shares::Edit;

/// Why something could not be done with a container.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContainerError {
    /// A value outside its limits; the sentence says which.
    #[error("{0}")]
    BadRequest(String),
    /// A name that cannot be one.
    #[error("This is not a container's name: {0}.")]
    BadName(#[from] InvalidId),
    /// No container by that id, beginning of an id, or name.
    #[error("There is no container '{0}'.")]
    NoSuchContainer(String),
    /// The digits begin several ids.
    #[error("'{0}' begins the ids of several containers.")]
    Ambiguous(String),
    /// No process by that number.
    #[error("Container {0} has no process {1}.")]
    NoSuchProcess(ContainerId, ProcessNumber),
    /// The name is taken.
    #[error("The name '{0}' is taken.")]
    NameInUse(String),
    /// The port on the agent's side is taken.
    #[error("The port {0} is taken on the agent's side.")]
    PortInUse(u16),
    /// The same client has asked for this launch before.
    #[error("This was launched already, and the container has been removed.")]
    LaunchedBefore,
    /// It has ended.
    #[error("Container {0} has ended.")]
    NotRunning(ContainerId),
    /// It has not ended.
    #[error("Container {0} still runs.")]
    StillRunning(ContainerId),
    /// A number of things reached its limit; the words say which.
    #[error("There are {0} {1} already.")]
    TooMany(usize, &'static str),
    /// Its limits are being changed for somebody else.
    #[error("The limits of container {0} are being changed already.")]
    Updating(ContainerId),
    /// No further launch may wait.
    #[error("{} launches wait already. {}", .0.position - 1, .0.reason)]
    QueueFull(Place),
    /// A launch has waited for as long as one over HTTP does.
    #[error("There is no room yet: this launch was number {} of those that wait. {}", .0.position, .0.reason)]
    StillWaiting(Place),
    /// No share by that id.
    #[error("This container has no such share.")]
    NoSuchShare,
    /// The agent is stopping.
    #[error("The agent is stopping.")]
    ShuttingDown,
    /// The visitor's session has no room for it.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The image or its user cannot be had.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The engine could not do its part.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A process's descriptors cannot be watched.
    #[error("The process's streams cannot be watched: {0}.")]
    Streams(#[from] std::io::Error),
}

/// The tag of a process that no typist asked for.
const NOBODY: u64 = 0;

/// The result of doing something with a container.
pub(crate) type Result<T> = std::result::Result<T, ContainerError>;

/// A container as its task last described it.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// Everything the API tells.
    pub(crate) detail: ContainerDetail,
    /// Its processes' terminals (or pipes), in the order of `detail.summary.processes`.
    terminals: Vec<Attachable>,
    /// Who else may come to its terminals.
    pub(crate) shares: Vec<KeptShare>,
    /// Whether nothing but its writable layer is left.
    ended: bool,
}

/// A process to attach to.
#[derive(Clone, Debug)]
struct Attachable {
    number: ProcessNumber,
    terminal: Terminal,
    /// The typist who asked for it, or 0.
    tag: u64,
}

impl View {
    /// Whether its first process runs.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.detail.summary.state, ContainerState::Running)
    }
}

/// What a container's task is asked for.
enum Command {
    Exec(Box<ProcessRequest>, oneshot::Sender<Result<(ProcessNumber, Terminal)>>),
    Update(Box<Limits>, oneshot::Sender<Result<()>>),
    Edit(Edit, oneshot::Sender<Result<()>>),
    Mark(ProcessNumber, Option<String>),
    Stop(Duration),
    Remove(oneshot::Sender<Result<()>>),
}

/// A handle to one container.
#[derive(Clone)]
pub(crate) struct Container {
    id: ContainerId,
    /// None when it was adopted and its image is gone.
    image: Option<Arc<Image>>,
    /// Id of its image, also when that is gone.
    image_id: String,
    /// What its first process took: the defaults of every further one.
    first: Arc<ProcessRequest>,
    engine: Arc<dyn Engine>,
    commands: mpsc::Sender<Command>,
    view: watch::Receiver<Arc<View>>,
    inside: Inside,
}

impl Container {
    pub(crate) fn id(&self) -> &ContainerId {
        &self.id
    }

    /// Its image, unless that was removed meanwhile.
    pub(crate) fn image(&self) -> Option<&Arc<Image>> {
        self.image.as_ref()
    }

    /// Id of its image, also when that was removed.
    pub(crate) fn image_id(&self) -> &str {
        &self.image_id
    }

    /// The session that owns it, by id; none when it is the agent's owner's.
    pub(crate) fn session(&self) -> Option<String> {
        self.view.borrow().detail.summary.session.clone()
    }

    /// Its newest view.
    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// Its newest view, and every newer one, until it is removed.
    pub(crate) fn views(&self) -> watch::Receiver<Arc<View>> {
        self.view.clone()
    }

    /// The terminal, or pipes, of a process.
    ///
    /// # Errors
    /// [`ContainerError::NoSuchProcess`].
    pub(crate) fn terminal(&self, process: ProcessNumber) -> Result<Terminal> {
        let view = self.view();
        let found = view.terminals.iter().find(|attachable| attachable.number == process);
        found
            .map(|attachable| attachable.terminal.clone())
            .ok_or(ContainerError::NoSuchProcess(self.id.clone(), process))
    }

    /// Starts a further process; for a typist who asked before, answers what was started then.
    ///
    /// # Errors
    /// [`ContainerError::NotRunning`], and those of the request and the engine.
    pub(crate) async fn exec(
        &self,
        spec: &ProcessSpec,
        typist: Option<Typist>,
    ) -> Result<(ProcessNumber, Terminal)> {
        let tag = typist.unwrap_or(NOBODY);
        let view = self.view();
        if let Some(before) = view.terminals.iter().find(|before| tag != NOBODY && before.tag == tag) {
            return Ok((before.number, before.terminal.clone()));
        }
        self.check_running()?;
        let user = match (spec.user.as_deref(), &self.image) {
            (None, _) => None,
            (Some(user), Some(image)) => Some(image.user(user)?),
            (Some(_), None) => {
                let sentence = "The container's image is gone, and with it the names of its users.";
                return Err(ContainerError::BadRequest(sentence.to_owned()));
            }
        };
        let request = ProcessRequest { tag, ..request::exec(spec, &self.first, user)? };
        let (answer, started) = oneshot::channel();
        self.command(Command::Exec(Box::new(request), answer)).await?;
        started.await.map_err(|_| self.gone())?
    }

    /// Changes the limits that `asked` names; answers everything about the container then.
    ///
    /// # Errors
    /// [`ContainerError::NotRunning`], and those of the limits and the engine; nothing has changed then.
    pub(crate) async fn update(&self, asked: Limits) -> Result<ContainerDetail> {
        let (answer, updated) = oneshot::channel();
        self.command(Command::Update(Box::new(asked), answer)).await?;
        updated.await.map_err(|_| self.gone())??;
        Ok(self.view().detail.clone())
    }

    /// Shows everyone the recording of a process that goes on, or that none does.
    pub(crate) async fn mark(&self, process: ProcessNumber, recording: Option<String>) {
        // One that is gone is shown nowhere.
        let _ = self.command(Command::Mark(process, recording)).await;
    }

    /// Sends a signal to a process.
    ///
    /// # Errors
    /// [`ContainerError::NotRunning`] when the container or the process has ended.
    pub(crate) async fn signal(&self, process: ProcessNumber, signal: i32) -> Result<()> {
        self.check_running()?;
        self.terminal(process)?;
        Ok(self.engine.signal(self.id.to_string(), process, signal).await?)
    }

    /// Sends the stop signal, then kills after `grace`; resolves when the container has ended.
    ///
    /// # Errors
    /// [`ContainerError::NoSuchContainer`] when it was removed meanwhile.
    pub(crate) async fn stop(&self, grace: Duration) -> Result<()> {
        if self.view().is_running() {
            self.command(Command::Stop(grace)).await?;
        }
        let mut view = self.view.clone();
        // It was removed at its end when the task is gone: then it has ended as well.
        let _ = view.wait_for(|view| view.ended).await;
        Ok(())
    }

    /// Removes it; with `force` ends it first. Resolves when nothing is left.
    ///
    /// # Errors
    /// [`ContainerError::StillRunning`] without `force`.
    pub(crate) async fn remove(&self, force: bool) -> Result<()> {
        if self.view().is_running() && !force {
            return Err(ContainerError::StillRunning(self.id.clone()));
        }
        let (answer, removed) = oneshot::channel();
        self.command(Command::Remove(answer)).await?;
        removed.await.map_err(|_| self.gone())?
    }

    /// What the kernel says about it.
    ///
    /// # Errors
    /// [`ContainerError::NotRunning`].
    pub(crate) async fn kernel(&self) -> Result<KernelTexts> {
        self.check_running()?;
        Ok(self.engine.inspect(self.id.to_string()).await?)
    }

    /// Its limits and their use.
    ///
    /// # Errors
    /// [`ContainerError::NotRunning`].
    pub(crate) async fn usage(&self) -> Result<Vec<Usage>> {
        self.check_running()?;
        Ok(self.engine.usage(self.id.to_string()).await?)
    }

    /// Its ports, from within.
    ///
    /// # Errors
    /// [`ContainerError::NotRunning`].
    pub(crate) fn inside(&self) -> Result<Inside> {
        self.check_running()?;
        Ok(self.inside.clone())
    }

    fn check_running(&self) -> Result<()> {
        if self.view().is_running() { Ok(()) } else { Err(ContainerError::NotRunning(self.id.clone())) }
    }

    async fn command(&self, command: Command) -> Result<()> {
        self.commands.send(command).await.map_err(|_| self.gone())
    }

    fn gone(&self) -> ContainerError {
        ContainerError::NoSuchContainer(self.id.to_string())
    }
}
