//! Ports of containers offered on the agent's side: listened on beside the agent's own, copied to sockets inside.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use porthole_protocol::limits::{MAX_PORT_CONNECTIONS, MAX_PUBLISHED};
use porthole_protocol::spec::Publish;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Inside;
use super::relay::relay;
use crate::container::ContainerError;

/// Pause after a connection could not be accepted: most often the process has too many open files, and some are closed soon.
const PAUSE: Duration = Duration::from_millis(100);

/// A port that is listened on and not answered yet: connections wait.
#[derive(Debug)]
pub(crate) struct Bound {
    port: u16,
    listener: TcpListener,
}

/// Listens on `address` for each of `wanted`. Answers the listeners, and the ports with the ones they got outside.
///
/// # Errors
/// [`ContainerError::PortInUse`], and `BadRequest` for a port that the agent may not have. Nothing is listened on then.
pub(crate) fn bind(
    address: IpAddr,
    wanted: &[Publish],
) -> Result<(Vec<Bound>, Vec<Publish>), ContainerError> {
    if wanted.len() > MAX_PUBLISHED {
        return Err(bad(format!("A container publishes at most {MAX_PUBLISHED} ports.")));
    }
    wanted.iter().map(|wanted| bind_one(address, *wanted)).collect()
}

fn bind_one(
    address: IpAddr,
    Publish { port, host_port }: Publish,
) -> Result<(Bound, Publish), ContainerError> {
    if port == 0 || host_port == Some(0) {
        return Err(bad("A port is a number from 1 to 65535."));
    }
    let outside = host_port.unwrap_or(0);
    let bound = listen(SocketAddr::new(address, outside)).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => ContainerError::PortInUse(outside),
        io::ErrorKind::PermissionDenied => bad(format!(
            "The agent is an ordinary user and may not listen on port {outside}: choose one from 1024 on."
        )),
        _ => bad(format!("The agent cannot listen on port {outside}: {error}.")),
    });
    let (listener, got) = bound?;
    Ok((Bound { port, listener }, Publish { port, host_port: Some(got) }))
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, u16)> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    Ok((TcpListener::from_std(listener)?, port))
}

fn bad(sentence: impl Into<String>) -> ContainerError {
    ContainerError::BadRequest(sentence.into())
}

/// What wakes the loop.
enum Event {
    Accepted(io::Result<TcpStream>, OwnedSemaphorePermit),
    Closed,
    Ended,
}

/// Copies connections until the container ends. While [`MAX_PORT_CONNECTIONS`] are open, further ones wait to be accepted.
pub(crate) async fn serve(Bound { port, listener }: Bound, inside: Inside) {
    let room = Arc::new(Semaphore::new(MAX_PORT_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accept = async {
            let permit = Arc::clone(&room).acquire_owned().await.expect("nobody closes the semaphore");
            (listener.accept().await.map(|(connection, _)| connection), permit)
        };
        let event = tokio::select! {
            () = inside.life().cancelled() => Event::Ended,
            (accepted, permit) = accept => Event::Accepted(accepted, permit),
            Some(_) = connections.join_next() => Event::Closed,
        };
        match event {
            Event::Accepted(Ok(connection), permit) => {
                connections.spawn(answer(connection, port, inside.clone(), permit));
            }
            Event::Accepted(Err(error), _) => {
                tracing::warn!(%error, port, "a connection to a published port cannot be accepted");
                sleep(PAUSE).await;
            }
            Event::Closed => {}
            Event::Ended => break,
        }
    }
    drop(listener);
    connections.shutdown().await;
}

/// One connection's life. Where nothing listens inside, or all ports together have no room, it is closed.
async fn answer(outside: TcpStream, port: u16, inside: Inside, _room: OwnedSemaphorePermit) {
    let Ok(_shared_room) = Arc::clone(inside.room()).try_acquire_owned() else {
        return tracing::debug!(container = %inside.container(), port, "containers' ports have too many connections");
    };
    match inside.dial(port).await {
        Ok(stream) => {
            // What a program says in small pieces arrives in small pieces.
            let _ = outside.set_nodelay(true);
            relay(outside, stream).await;
        }
        Err(error) => {
            tracing::debug!(container = %inside.container(), port, %error, "a published port was not reached");
        }
    }
}
