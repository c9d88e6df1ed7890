//! How containers come to be: launched because somebody asked, or taken over from an agent that is gone.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use porthole_launcher::plan::Step;
use porthole_launcher::wire::{Address, ExecutedStep, Known, LaunchRequest, ProcessRequest, Stdio};
use porthole_protocol::http::{self, ContainerDetail, ContainerState, ContainerSummary};
use porthole_protocol::ids::{ContainerId, Typist};
use porthole_protocol::spec::{LaunchSpec, Limits, Size};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::birth::birth_step;
use super::driver::{Driver, Parts};
use super::limits::Bounds;
use super::record::Record;
use super::registry::Registry;
use super::{Command, Container, ContainerError, NOBODY, Result, request, signal};
use crate::admission::Permit;
use crate::engine::{self, EngineEvent, Launched};
use crate::image::Image;
use crate::ports::Inside;
use crate::ports::publish::{self, Bound};
use crate::random;
use crate::session::Ticket;
use crate::terminal::log::ContainerLogs;
use crate::terminal::{Terminal, kinds};

/// Commands waiting for a container's task, before their senders wait with them.
const COMMANDS: usize = 16;

/// A launch that nothing is wrong with.
pub(crate) struct Prepared {
    id: ContainerId,
    spec: LaunchSpec,
    limits: Limits,
    image: Arc<Image>,
    request: LaunchRequest,
    /// How long that took.
    took: Duration,
    /// Whose it will be: a visitor's, or the owner's.
    ticket: Option<Ticket>,
}

/// All that is known of a container at its birth, or when it is taken over.
struct Birth {
    id: ContainerId,
    record: Record,
    image: Option<Arc<Image>>,
    logs: Arc<ContainerLogs>,
    first: ProcessRequest,
    init_pid: u32,
    steps: Vec<ExecutedStep>,
    lacks: Vec<String>,
    addresses: Vec<Address>,
    /// Of its published ports.
    bound: Vec<Bound>,
    start_micros: u64,
    ticket: Option<Ticket>,
}

/// A container, its task before it runs, and that task's mailbox.
struct Assembled {
    container: Container,
    driver: Driver,
    commands: mpsc::Receiver<Command>,
}

impl Prepared {
    /// Says which typist asks for it: see [`Registry::launched_by`].
    pub(crate) fn asked_by(mut self, typist: Option<Typist>) -> Self {
        self.request.process.tag = typist.unwrap_or(NOBODY);
        self
    }
}

impl Registry {
    /// The steps a launch would take.
    ///
    /// # Errors
    /// As [`Registry::launch`].
    pub(crate) async fn plan(&self, spec: &LaunchSpec) -> Result<Vec<Step>> {
        let image = self.images().resolve(&spec.image)?;
        let limits = self.bounds().settle(&spec.limits)?;
        let request = request::launch(&ContainerId::from_random(random::bytes()), spec, &limits, &image)?;
        Ok(self.engine().plan(request).await?)
    }

    /// Makes of a spec all that it takes to launch it, so that what cannot be launched is refused before it waits.
    ///
    /// # Errors
    /// Those of the spec and the image.
    pub(crate) fn prepare(&self, spec: LaunchSpec) -> Result<Prepared> {
        self.prepare_any(spec, self.bounds(), None)
    }

    /// The same for a visitor, who has `ticket`.
    ///
    /// # Errors
    /// As [`Registry::prepare`].
    pub(crate) fn prepare_for(&self, spec: LaunchSpec, ticket: Ticket) -> Result<Prepared> {
        self.prepare_any(spec, &self.bounds().for_strangers(), Some(ticket))
    }

    fn prepare_any(&self, spec: LaunchSpec, bounds: &Bounds, ticket: Option<Ticket>) -> Result<Prepared> {
        let begun = Instant::now();
        let image = self.images().resolve(&spec.image)?;
        let id = ContainerId::from_random(random::bytes());
        let limits = bounds.settle(&spec.limits)?;
        let request = request::launch(&id, &spec, &limits, &image)?;
        self.check_name(spec.name.as_deref())?;
        Ok(Prepared { id, spec, limits, image, request, took: begun.elapsed(), ticket })
    }

    /// Launches a container; answers it and its first process's terminal. It is launched even when the caller no longer
    /// waits.
    ///
    /// # Errors
    /// Those of the engine, and of a name that was taken meanwhile; nothing is left then.
    pub(crate) async fn launch(&self, prepared: Prepared, permit: Permit) -> Result<(Container, Terminal)> {
        let Prepared { id, spec, limits, image, mut request, took, ticket } = prepared;
        let asked = Instant::now();
        let (bound, published) = publish::bind(self.address(), &spec.publish)?;
        let (name, events) = self.reserve(&id, spec.name.as_deref(), request.process.tag)?;
        let logs = self.logs().container(&id);
        self.make_logs(&logs, &request.process);
        // It counts among the living from here on.
        drop(permit);
        let created_ms = now_ms();
        let record = Record {
            name,
            image_id: image.id.to_string(),
            expires_ms: limits.lifetime_ms.map(|lifetime| created_ms.saturating_add(lifetime)),
            limits,
            spec,
            published,
            hostname: request.hostname.clone(),
            layers: image.layers.iter().map(|layer| layer.diff_id.to_string()).collect(),
            stop_signal: signal::parse(&image.config.stop_signal).unwrap_or(signal::TERM),
            created_ms,
            session: ticket.as_ref().map(|ticket| ticket.visitor().id().to_owned()),
            shares: Vec::new(),
        };
        request.label = record.encode();
        let (answer, launched) = oneshot::channel();
        let registry = self.clone();
        self.tasks().spawn(async move {
            let first = request.process.clone();
            match registry.engine().launch(request).await {
                Ok(Launched { init_pid, process, steps, lacks, addresses }) => {
                    let start_micros = micros((took + asked.elapsed()).as_micros());
                    let birth = Birth {
                        id: id.clone(),
                        record,
                        image: Some(image),
                        logs: Arc::clone(&logs),
                        first,
                        init_pid,
                        steps,
                        lacks,
                        addresses,
                        bound,
                        start_micros,
                        ticket,
                    };
                    registry.bring_up(birth, process, events, answer).await;
                }
                Err(error) => {
                    // Whoever hears of it may launch at once, and it counts no more.
                    drop(ticket);
                    drop(answer.send(Err(error.into())));
                }
            }
            registry.gone(&id, logs).await;
        });
        launched.await.map_err(|_| ContainerError::ShuttingDown)?
    }

    /// Makes the files that the first process's output goes to while the container is being made.
    fn make_logs(&self, logs: &Arc<ContainerLogs>, process: &ProcessRequest) {
        let logs = Arc::clone(logs);
        let (is_terminal, size) = match process.stdio {
            Stdio::Terminal { rows, cols } => (true, Size { rows, cols }),
            Stdio::Pipes { .. } => (false, Size::default()),
        };
        let make = move || kinds(is_terminal).iter().for_each(|stream| logs.prepare(0, *stream, size));
        self.tasks().spawn_blocking(make);
    }

    /// Nothing of a container is left but its logs, which go as well, once what was recorded of them has a file of its own.
    async fn gone(&self, id: &ContainerId, logs: Arc<ContainerLogs>) {
        self.forget(id);
        self.recordings().leave(id).await;
        self.tasks().spawn_blocking(move || logs.delete());
    }

    /// The life of a launched container.
    async fn bring_up(
        &self,
        birth: Birth,
        process: engine::StartedProcess,
        events: mpsc::Receiver<EngineEvent>,
        answer: oneshot::Sender<Result<(Container, Terminal)>>,
    ) {
        let first = birth.first.clone();
        let Assembled { container, mut driver, commands } = self.assemble(birth);
        match driver.started(&first, process) {
            Ok(terminal) => {
                self.register(container.clone());
                let _ = answer.send(Ok((container, terminal)));
            }
            Err(error) => {
                driver.give_up();
                let _ = answer.send(Err(error.into()));
            }
        }
        driver.run(commands, events).await;
    }

    /// Takes every container over that an earlier agent left.
    ///
    /// # Errors
    /// Those of the engine.
    pub(crate) async fn adopt_all(&self, events: mpsc::Receiver<EngineEvent>) -> Result<()> {
        let known = self.engine().list().await?;
        let reserved: Vec<_> = known.into_iter().filter_map(|known| self.reserve_known(known)).collect();
        // From here on every event finds its container.
        self.tasks().spawn(self.clone().dispatch(events));
        let adopted =
            reserved.into_iter().map(|(id, record, known, events)| self.adopt(id, record, known, events));
        join_all(adopted).await;
        let (logs, registry) = (self.logs().clone(), self.clone());
        // One that is launched meanwhile is known before it has logs.
        let is_known = move |name: &str| name.parse().is_ok_and(|id| registry.knows(&id));
        let recordings = self.recordings().clone();
        self.tasks().spawn(async move {
            recordings.seal_orphans(&logs, &is_known).await;
            let _ = tokio::task::spawn_blocking(move || logs.sweep(is_known)).await;
        });
        Ok(())
    }

    fn reserve_known(
        &self,
        known: Known,
    ) -> Option<(ContainerId, Record, Known, mpsc::Receiver<EngineEvent>)> {
        let id: ContainerId = known.container.parse().ok()?;
        let mut record = Record::decode(&known.label);
        let name = Some(record.name.as_str()).filter(|name| !name.is_empty());
        let tag = known.processes.first().map_or(NOBODY, |(_, first, _)| first.tag);
        let (name, events) =
            self.reserve(&id, name, tag).or_else(|_| self.reserve(&id, None, NOBODY)).ok()?;
        record.name = name;
        Some((id, record, known, events))
    }

    async fn adopt(
        &self,
        id: ContainerId,
        record: Record,
        known: Known,
        events: mpsc::Receiver<EngineEvent>,
    ) {
        let Known { container: _, label: _, init_pid, processes, steps, mut lacks, addresses } = known;
        let Some((_, first, _)) = processes.first() else {
            tracing::error!(container = %id, "the launcher knows no process of it");
            return self.forget(&id);
        };
        let published = if init_pid.is_some() { record.published.as_slice() } else { &[] };
        let (bound, published) = publish::bind(self.address(), published).unwrap_or_else(|error| {
            lacks.push(format!("Its ports are not published any more: {error}"));
            Default::default()
        });
        let session = record.session.as_deref().and_then(|id| self.sessions().adopt(id));
        let logs = self.logs().container(&id);
        let birth = Birth {
            logs: Arc::clone(&logs),
            image: self.images().resolve(&record.image_id).ok(),
            record: Record { published, ..record },
            bound,
            first: first.clone(),
            init_pid: init_pid.unwrap_or(0),
            start_micros: steps.last().map_or(0, |step| (step.start_ns + step.duration_ns) / 1000),
            steps,
            lacks,
            addresses,
            ticket: session.filter(|_| init_pid.is_some()),
            id: id.clone(),
        };
        let Assembled { container, mut driver, commands } = self.assemble(birth);
        // Before another byte comes, of which the oldest ones would be dropped.
        self.recordings().resume(&id, &logs);
        driver.adopt(processes, init_pid.is_some()).await;
        self.register(container.clone());
        self.recordings().go_on(&container);
        let registry = self.clone();
        self.tasks().spawn(async move {
            driver.run(commands, events).await;
            registry.gone(&id, logs).await;
        });
    }

    fn assemble(&self, birth: Birth) -> Assembled {
        let Birth {
            id,
            record,
            image,
            logs,
            first,
            init_pid,
            steps,
            lacks,
            addresses,
            bound,
            start_micros,
            ticket,
        } = birth;
        let kept = record.clone();
        let Record {
            name,
            image_id,
            spec,
            limits,
            hostname,
            layers,
            published,
            stop_signal: _,
            created_ms,
            expires_ms,
            session,
            shares: _,
        } = record;
        let summary = ContainerSummary {
            id: id.clone(),
            name,
            image: spec.image.clone(),
            created_ms,
            state: ContainerState::Running,
            processes: Vec::new(),
            start_micros,
            expires_ms,
            session,
            size: None,
            why: None,
            published: published.clone(),
        };
        let birth = steps.iter().map(birth_step).collect();
        let detail = ContainerDetail {
            summary,
            spec,
            limits,
            hostname,
            init_pid,
            layers,
            birth,
            lacks,
            addresses: addresses.into_iter().map(told).collect(),
            published,
        };
        let life = CancellationToken::new();
        let inside = Inside::new(Arc::clone(self.engine()), id, life.clone(), Arc::clone(self.port_room()));
        for bound in bound {
            self.tasks().spawn(publish::serve(bound, inside.clone()));
        }
        let (driver, view) = Driver::new(Parts {
            engine: Arc::clone(self.engine()),
            tasks: self.tasks().clone(),
            detail,
            record: kept,
            ticket,
            bounds: Arc::clone(self.bounds()),
            logs,
            life,
            changed: self.changed().clone(),
        });
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let engine = Arc::clone(self.engine());
        let id = inside.container().clone();
        let first = Arc::new(first);
        let container = Container { id, image, image_id, first, engine, commands, view, inside };
        Assembled { container, driver, commands: receiver }
    }
}

fn told(Address { network, interface, address, prefix }: Address) -> http::Address {
    http::Address { network, interface, address: format!("{address}/{prefix}") }
}

/// Milliseconds since 1970-01-01 UTC.
pub(crate) fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

fn micros(elapsed: u128) -> u64 {
    u64::try_from(elapsed).unwrap_or(u64::MAX)
}
