//! Questions for the host's own name servers, asked from ordinary sockets on the host's side.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::message::Question;
use crate::random;

/// Where the host says who its name servers are: resolv.conf(5), read anew for each question, because networks change.
const SETTINGS: &str = "/etc/resolv.conf";

/// Most name servers tried, as the C library, and the longest wait for each: below a client's own five seconds together.
const MAX_SERVERS: usize = 3;
const WAIT: Duration = Duration::from_millis(1500);

/// Longest answer in a datagram, in bytes (RFC 6891).
const MAX_ANSWER: usize = 4096;

const DOMAIN: u16 = 53;

/// How a question came, and how it is passed on: an answer that fits no datagram is asked for again over a connection by the
/// client itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Transport {
    Datagram,
    Stream,
}

/// The answer of the first name server that gives one, with the client's number; none when all are silent.
pub(super) async fn ask(query: &[u8], question: &Question, transport: Transport) -> Option<Vec<u8>> {
    let settings = tokio::fs::read_to_string(SETTINGS).await.unwrap_or_default();
    for server in servers(&settings) {
        let server = SocketAddr::new(server, DOMAIN);
        // Nobody who cannot read the question can guess its number and its port.
        let id: [u8; 2] = random::bytes();
        let query = [&id[..], &query[2..]].concat();
        let asked = async {
            match transport {
                Transport::Datagram => by_datagram(server, &query, question, id).await,
                Transport::Stream => by_stream(server, &query).await,
            }
        };
        match timeout(WAIT, asked).await {
            Ok(Ok(mut reply)) if question.is_answered_by(&reply, id) => {
                reply[..2].copy_from_slice(&question.id());
                return Some(reply);
            }
            other => tracing::debug!(%server, ?other, "a name server does not answer"),
        }
    }
    None
}

async fn by_datagram(
    server: SocketAddr,
    query: &[u8],
    question: &Question,
    id: [u8; 2],
) -> io::Result<Vec<u8>> {
    let any: IpAddr =
        if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut reply = vec![0; MAX_ANSWER];
    loop {
        let length = socket.recv(&mut reply).await?;
        if question.is_answered_by(&reply[..length], id) {
            reply.truncate(length);
            return Ok(reply);
        }
    }
}

async fn by_stream(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.write_all(&[&length.to_be_bytes()[..], query].concat()).await?;
    let mut reply = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut reply).await?;
    Ok(reply)
}

/// The name servers of a `resolv.conf`.
fn servers(settings: &str) -> impl Iterator<Item = IpAddr> {
    let server = |line: &str| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| *word == "nameserver")?;
        words.next()?.parse().ok()
    };
    settings.lines().filter_map(server).take(MAX_SERVERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_as_the_c_library_does() {
        let text =
            "# nameserver 9.9.9.9\nsearch example\nnameserver 127.0.0.53\n nameserver\t::1 \nnameserver x\n";
        let found: Vec<_> = servers(text).map(|server| server.to_string()).collect();
        assert_eq!(found, ["127.0.0.53", "::1"]);
    }
}
