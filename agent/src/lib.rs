//! Porthole's agent: the process that speaks HTTP and WebSocket, without any privilege.
//!
//! Tasks, and what each of them owns:
//!
//! ```text
//! serve                                     the listener's life, signals, the order of the end
//! ├── engine::builtin::connection           the launcher's socket
//! ├── container::registry (dispatch)        the engine's events
//! ├── container::driver, one a container    its state, who waits for it
//! │   └── calls to the engine
//! ├── terminal::driver, one a process       its PTY master or pipes
//! ├── inspect::watch, one a watched container
//! ├── image::pull and image::push, one an image on its way
//! ├── image::settle                         makes durable what was added
//! ├── recording, one a recording            the hold on what is recorded
//! ├── session::keeper                       ends sessions that are over
//! ├── http::socket::lists                   the newest lists as messages
//! └── http                                  one a connection
//!     └── http::socket::connection, one a WebSocket: its reading half, channels, requests
//!         └── http::socket::writer          its writing half, viewers
//! ```
//!
//! Whoever reads the code for the first time follows a keystroke: [`http`]'s `socket/connection.rs`, `terminal/input.rs`,
//! `terminal/ledger.rs`; and its echo: `terminal/driver.rs`, `terminal/fanout.rs`, `socket/writer.rs`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use porthole_launcher::socket::Socket;
use porthole_launcher::wire::HostReport;
use porthole_protocol::http::Version;
use porthole_protocol::version::{GENERATION, OLDEST_GENERATION};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub mod admission;
pub(crate) mod async_fd;
pub mod cli;
pub mod config;
pub(crate) mod container;
mod dns;
pub(crate) mod doctor;
pub mod engine;
pub(crate) mod files;
#[doc(hidden)]
pub mod fuzzing;
pub(crate) mod http;
pub mod image;
pub(crate) mod inspect;
pub(crate) mod offers;
pub(crate) mod people;
pub(crate) mod ports;
pub(crate) mod random;
pub(crate) mod recording;
pub(crate) mod session;
pub(crate) mod share;
pub(crate) mod shutdown;
pub(crate) mod storage;
pub(crate) mod terminal;
mod token;
pub mod work;

use admission::Admission;
use config::Config;
use container::ContainerError;
use container::limits::Bounds;
use container::registry::{self, Registry};
use engine::builtin::Builtin;
use engine::{Engine, EngineEvent};
use http::guard::Token;
use http::{Guard, Lists};
use image::{ImageError, Images};
use inspect::watch::Watches;
use people::People;
use ports::previews::Previews;
use recording::{RecordPolicy, Recordings};
use session::Sessions;
use shutdown::{DRAIN_WITHIN, Signals, TASKS_WITHIN};
use terminal::log::Logs;

/// The image that is there from the start; empty when the build had none.
static BUSYBOX: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/busybox.tar.gz"));

/// Why the agent ended or did not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// A file of the agent's own, a signal or a descriptor failed.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The image store cannot be used.
    #[error(transparent)]
    Images(#[from] ImageError),
    /// The launcher cannot be used.
    #[error("the launcher cannot be used: {0}")]
    Launcher(String),
    /// The launcher is gone, and every container with it.
    #[error(
        "the launcher is gone, and every container with it; run/launcher.log in the state directory has its last words"
    )]
    LauncherGone,
}

/// Takes the address; connections wait until [`serve`] answers them.
///
/// # Errors
/// [`ServeError::Listen`].
pub fn listen(address: SocketAddr) -> Result<std::net::TcpListener, ServeError> {
    std::net::TcpListener::bind(address).map_err(|source| ServeError::Listen { address, source })
}

/// Serves until a signal asks for the end, then ends every container. Prints the address once it answers.
///
/// # Errors
/// [`ServeError`].
pub async fn serve(
    config: &Config,
    listener: std::net::TcpListener,
    launcher: Socket,
) -> Result<(), ServeError> {
    let mut signals = Signals::new().map_err(io("cannot take over signals"))?;
    let tasks = TaskTracker::new();
    let stopping = CancellationToken::new();
    let (engine, events) =
        Builtin::start(launcher, &tasks).map_err(io("cannot use the launcher's socket"))?;
    let Prepared { listener, address, token, host, registry, sessions } =
        match prepare(config, listener, &engine, events, &tasks).await {
            Ok(prepared) => prepared,
            Err(error) => {
                shutdown::leave_no_idle_launcher(&engine).await;
                return Err(error);
            }
        };

    let link = match &token {
        Some(token) => format!("http://{address}/#token={}", token.reveal()),
        None => format!("http://{address}/"),
    };
    tasks.spawn(dns::serve(registry.clone(), stopping.clone()));
    if config.record == RecordPolicy::Always {
        let recordings = registry.recordings().clone();
        tasks.spawn(recording::always::record_all(recordings, registry.clone(), stopping.clone()));
    }
    tasks.spawn(session::keeper::keep(sessions.clone(), registry.clone(), stopping.clone()));
    let shared = http::Shared {
        watches: Watches::new(registry.clone(), tasks.clone(), stopping.clone()),
        lists: Lists::new(),
        guard: Guard::new(address, &config.hosts, token),
        sessions,
        people: People::new(tasks.clone()),
        recordings: registry.recordings().clone(),
        previews: Previews::default(),
        preview_host: config.preview_host.clone(),
        version: version(host.rootless),
        offers: offers::of(&host, registry.bounds()),
        lacks: lacks(&host),
        began_ms: container::now_ms(),
        tasks: tasks.clone(),
        stopping: stopping.clone(),
    };
    let app = http::App::new(registry.clone(), shared);
    let mut http = std::pin::pin!(http::serve(listener, app, stopping.clone()));
    println!("Porthole is open at {link}");
    if config.visitors.enabled {
        tracing::info!("visitors come to http://{address}/");
    }

    let ended = tokio::select! {
        () = signals.next() => Ok(()),
        () = engine.gone() => Err(ServeError::LauncherGone),
        () = &mut http => Ok(()),
    };
    tracing::info!("stopping; a second signal does not wait");
    stopping.cancel();
    let orderly = async {
        let _ = timeout(DRAIN_WITHIN, http).await;
        if ended.is_ok() {
            shutdown::end_containers(&registry).await;
        }
        registry.images().close().await;
        tasks.close();
        let _ = timeout(TASKS_WITHIN, tasks.wait()).await;
    };
    tokio::select! {
        () = orderly => {}
        () = shutdown::insisted(&mut signals) => tracing::warn!("not waiting"),
    }
    ended
}

/// All it takes to begin.
struct Prepared {
    listener: TcpListener,
    address: SocketAddr,
    token: Option<Token>,
    host: HostReport,
    registry: Registry,
    sessions: Sessions,
}

async fn prepare(
    config: &Config,
    listener: std::net::TcpListener,
    engine: &Builtin,
    events: mpsc::Receiver<EngineEvent>,
    tasks: &TaskTracker,
) -> Result<Prepared, ServeError> {
    let launcher = |error: ContainerError| ServeError::Launcher(error.to_string());
    listener.set_nonblocking(true).map_err(io("cannot use the listener"))?;
    let listener = TcpListener::from_std(listener).map_err(io("cannot use the listener"))?;
    let address = listener.local_addr().map_err(io("cannot tell the address"))?;
    // Where anybody may come, only the token tells the owner.
    let token = (!address.ip().is_loopback() || config.visitors.enabled)
        .then(|| token::load_or_create(&config.agent_dir()))
        .transpose()
        .map_err(io("cannot keep the token"))?;
    let host = engine.host(false).await.map_err(|error| launcher(error.into()))?;
    let images = Images::open(&config.agent_dir().join("images"), Arc::new(engine.clone())).await?;
    let images = images.with_registries(config.registries.clone());
    let sessions = Sessions::open(config.visitors.clone(), &config.agent_dir())
        .map_err(io("cannot read the list of sessions"))?;
    let limits = config.limits.clone();
    let (dir, per_session) = (config.agent_dir(), config.visitors.recordings);
    let recordings = Recordings::open(dir, limits.admission.clone(), per_session, tasks.clone());
    let registry = Registry::new(registry::Parts {
        engine: Arc::new(engine.clone()),
        images,
        tasks: tasks.clone(),
        bounds: Bounds::new(limits.defaults, limits.most),
        admission: Admission::new(limits.admission, config.state.clone()),
        sessions: sessions.clone(),
        recordings,
        logs: Logs::new(config.agent_dir().join("logs")),
        address: address.ip(),
    });
    registry.adopt_all(events).await.map_err(launcher)?;
    add_busybox(registry.images()).await;
    Ok(Prepared { listener, address, token, host, registry, sessions })
}

fn io(doing: &'static str) -> impl FnOnce(io::Error) -> ServeError {
    move |source| ServeError::Io { doing, source }
}

/// Adds the image that every first visit begins with. The agent serves without it as well.
async fn add_busybox(images: &Images) {
    if BUSYBOX.is_empty() {
        return tracing::info!("this build carries no busybox image; import one to begin");
    }
    if let Err(error) = images.ensure_embedded("busybox:latest", BUSYBOX).await {
        tracing::error!(%error, "the busybox image cannot be added");
    }
}

fn version(rootless: bool) -> Version {
    Version {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        oldest_generation: OLDEST_GENERATION,
        generation: GENERATION,
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        rootless,
    }
}

/// What the host lacks, in sentences.
fn lacks(host: &HostReport) -> Vec<String> {
    let lacking = host.findings.iter().filter(|finding| finding.verdict != 0);
    lacking.map(|finding| format!("{}: {}. {}", finding.name, finding.found, finding.why)).collect()
}
