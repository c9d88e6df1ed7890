//! Ports of containers, reached from within: each connection begins at a socket that lies in the container's own network
//! namespace. So a port is reached whatever network the container has, also one on its loopback address, and nothing of it
//! crosses a network of the host.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use porthole_launcher::wire::FailureKind;
use porthole_protocol::http::ListeningPort;
use porthole_protocol::ids::ContainerId;
use porthole_protocol::limits::MAX_ALL_PORT_CONNECTIONS;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::engine::{self, Engine, EngineError};
use crate::inspect::ports;

pub(crate) mod previews;
pub(crate) mod publish;
pub(crate) mod relay;

/// For a container to take a connection: the kernel does it at once, unless a program has let its queue fill.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);

/// Why a container's port was not reached.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// No process listens there.
    #[error("nothing listens there")]
    Refused,
    /// A process listens and takes nothing.
    #[error("what listens there takes no connection")]
    Busy,
    /// No socket, or an error of the network's.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The kernel refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The room that all connections to containers' ports share.
pub(crate) fn room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(MAX_ALL_PORT_CONNECTIONS))
}

/// One container's network from within, as long as it runs.
#[derive(Clone)]
pub(crate) struct Inside {
    engine: Arc<dyn Engine>,
    container: ContainerId,
    life: CancellationToken,
    room: Arc<Semaphore>,
}

impl Inside {
    /// Of the container that runs until `life` is cancelled; its connections take of `room`.
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        container: ContainerId,
        life: CancellationToken,
        room: Arc<Semaphore>,
    ) -> Self {
        Self { engine, container, life, room }
    }

    pub(crate) fn container(&self) -> &ContainerId {
        &self.container
    }

    /// Cancelled when the container has ended. An open socket would keep its network namespace beyond that.
    pub(crate) fn life(&self) -> &CancellationToken {
        &self.life
    }

    /// What all connections to containers' ports share.
    pub(crate) fn room(&self) -> &Arc<Semaphore> {
        &self.room
    }

    /// What listens in it.
    ///
    /// # Errors
    /// Those of the engine.
    pub(crate) async fn listening(&self) -> engine::Result<Vec<ListeningPort>> {
        let tables = self.engine.listening(self.container.to_string()).await?;
        Ok(ports::listening(&tables))
    }

    /// Connects to a port: by a loopback address, else by the one that is listened on.
    ///
    /// # Errors
    /// [`DialError`].
    pub(crate) async fn dial(&self, port: u16) -> Result<TcpStream, DialError> {
        timeout(TAKEN_WITHIN, self.dial_any(port)).await.unwrap_or(Err(DialError::Busy))
    }

    async fn dial_any(&self, port: u16) -> Result<TcpStream, DialError> {
        for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            if let Some(stream) = self.dial_one(SocketAddr::new(ip, port)).await? {
                return Ok(stream);
            }
        }
        let tables = self.engine.listening(self.container.to_string()).await?;
        let Some(address) = ports::addresses(&tables).find(|address| address.port() == port) else {
            return Err(DialError::Refused);
        };
        self.dial_one(address).await?.ok_or(DialError::Refused)
    }

    /// None when nothing listens at that very address, or the kernel has no such addresses.
    async fn dial_one(&self, address: SocketAddr) -> Result<Option<TcpStream>, DialError> {
        let socket = match self.engine.socket(self.container.to_string(), address.is_ipv6()).await {
            Err(EngineError::Failed(failure)) if failure.kind == FailureKind::Unsupported => return Ok(None),
            socket => std::net::TcpStream::from(socket?),
        };
        match TcpSocket::from_std_stream(socket).connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                Ok(Some(stream))
            }
            Err(error) => match error.kind() {
                io::ErrorKind::ConnectionRefused
                | io::ErrorKind::AddrNotAvailable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::HostUnreachable => Ok(None),
                _ => Err(error.into()),
            },
        }
    }
}
