//! The name server of containers: names of a lab's members from what the agent knows, everything else from the host's own name
//! servers, for containers that have `nat`.
//!
//! Its sockets are on port 53 of the router, where containers' networks meet; the launcher has opened them there. What asks is
//! told apart by its address, which the router's rules have checked. Nothing is kept between two questions.

pub(crate) mod fuzzing;
mod message;
mod names;
mod sockets;
mod upstream;

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::container::registry::Registry;
use message::{Code, Question};
use names::Names;
use sockets::{Datagrams, Origin};
use upstream::Transport;

/// Questions and connections being worked at, all together and those of one container: a page that loads asks for a dozen names
/// at once. Beyond that they are dropped, and asked again by whoever means it.
const MAX_PENDING: usize = 512;
const MAX_PENDING_OF_ONE: usize = 32;

/// Questions in one connection, and the longest wait for one.
const MAX_IN_CONNECTION: usize = 64;
const IDLE: Duration = Duration::from_secs(10);

/// Answers names until `stopping`, from when the first container has an address.
pub(crate) async fn serve(registry: Registry, stopping: CancellationToken) {
    tokio::select! {
        () = stopping.cancelled() => {}
        () = serve_for_ever(registry) => {}
    }
}

async fn serve_for_ever(registry: Registry) {
    let names = Names::new(registry.clone());
    let mut changed = registry.subscribe();
    while !names.any() {
        if changed.changed().await.is_err() {
            return;
        }
    }
    let opened = match registry.engine().resolver().await {
        Ok([datagrams, connections]) => sockets::open(datagrams, connections),
        Err(error) => return tracing::error!(%error, "containers have no name server"),
    };
    match opened {
        Ok((datagrams, connections)) => Server::new(names, datagrams).run(connections).await,
        Err(error) => tracing::error!(%error, "containers have no name server"),
    }
}

/// What happens to the server.
enum Event {
    Asked(std::io::Result<(Vec<u8>, Origin)>),
    Connected(std::io::Result<(TcpStream, std::net::SocketAddr)>),
    Done(Option<Ipv4Addr>),
}

/// The task that owns the sockets, and everything that is being worked at.
struct Server {
    names: Arc<Names>,
    datagrams: Arc<Datagrams>,
    /// Each ends with the address that it was for.
    pending: JoinSet<Ipv4Addr>,
    of: HashMap<Ipv4Addr, usize>,
}

impl Server {
    fn new(names: Names, datagrams: Datagrams) -> Self {
        let (names, datagrams) = (Arc::new(names), Arc::new(datagrams));
        Self { names, datagrams, pending: JoinSet::new(), of: HashMap::new() }
    }

    async fn run(mut self, connections: TcpListener) {
        loop {
            let event = tokio::select! {
                asked = self.datagrams.receive() => Event::Asked(asked),
                connected = connections.accept() => Event::Connected(connected),
                Some(done) = self.pending.join_next() => Event::Done(done.ok()),
            };
            match event {
                Event::Asked(Ok((query, origin))) if self.admit(origin.peer) => {
                    let (names, datagrams) = (Arc::clone(&self.names), Arc::clone(&self.datagrams));
                    self.pending.spawn(async move {
                        if let Some(reply) = answer(&names, origin.peer, &query, Transport::Datagram).await {
                            datagrams.send(&reply, origin);
                        }
                        origin.peer
                    });
                }
                Event::Connected(Ok((stream, std::net::SocketAddr::V4(peer)))) if self.admit(*peer.ip()) => {
                    let names = Arc::clone(&self.names);
                    self.pending.spawn(async move {
                        // The container's own loss when it does not keep to the protocol.
                        let _ = converse(&names, *peer.ip(), stream).await;
                        *peer.ip()
                    });
                }
                Event::Done(Some(peer)) => self.dismiss(peer),
                Event::Asked(Err(error)) | Event::Connected(Err(error)) => {
                    tracing::warn!(%error, "a name was not asked for");
                    // Out of descriptors, if anything: not at once again.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Event::Asked(_) | Event::Connected(_) | Event::Done(None) => {}
            }
        }
    }

    fn admit(&mut self, peer: Ipv4Addr) -> bool {
        let count = self.of.entry(peer).or_default();
        let admitted = self.pending.len() < MAX_PENDING && *count < MAX_PENDING_OF_ONE;
        if admitted {
            *count += 1;
        }
        admitted
    }

    fn dismiss(&mut self, peer: Ipv4Addr) {
        if let Some(count) = self.of.get_mut(&peer) {
            *count = count.saturating_sub(1);
        }
        self.of.retain(|_, count| *count > 0);
    }
}

/// Questions and answers on a connection, each after its length (RFC 1035, 4.2.2).
async fn converse(names: &Names, peer: Ipv4Addr, mut stream: TcpStream) -> std::io::Result<()> {
    for _ in 0..MAX_IN_CONNECTION {
        let length = timeout(IDLE, stream.read_u16()).await??;
        let mut query = vec![0; length.into()];
        timeout(IDLE, stream.read_exact(&mut query)).await??;
        let Some(reply) = answer(names, peer, &query, Transport::Stream).await else { return Ok(()) };
        let length = u16::try_from(reply.len()).unwrap_or_default();
        timeout(IDLE, stream.write_all(&[&length.to_be_bytes()[..], &reply].concat())).await??;
    }
    Ok(())
}

/// The answer to a query; none to what is no query at all.
async fn answer(names: &Names, peer: Ipv4Addr, query: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let question = match Question::read(query) {
        Ok(question) => question,
        Err(refused) => return refused.reply(query),
    };
    Some(match names.ask(peer, &question).await {
        names::Answer::Addresses(addresses) => question.addresses(&addresses),
        names::Answer::Name(name) => question.pointer(&name),
        names::Answer::Nothing => question.reply(Code::Fine),
        names::Answer::NoSuchName => question.reply(Code::NoSuchName),
        names::Answer::Stranger => question.reply(Code::Refused),
        names::Answer::AskOutside => match upstream::ask(query, &question, transport).await {
            Some(reply) => reply,
            None => question.reply(Code::Failed),
        },
    })
}
