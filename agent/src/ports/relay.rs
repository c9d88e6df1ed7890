//! Bytes copied both ways between two streams, until both sides have ended or nothing has moved for too long.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use porthole_protocol::limits::PORT_IDLE_MS;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, split};
use tokio::time::sleep;

const IDLE: Duration = Duration::from_millis(PORT_IDLE_MS);

/// Bytes on their way in one direction: who does not read holds up no more than these and what the kernel keeps.
const BUFFER: usize = 16 * 1024;

/// Copies until both directions have ended, one is broken, or nothing has moved for [`PORT_IDLE_MS`]. The end of one
/// direction is passed on and the other goes on.
pub(crate) async fn relay(one: impl AsyncRead + AsyncWrite, other: impl AsyncRead + AsyncWrite) {
    relay_until(one, other, IDLE).await;
}

async fn relay_until(
    one: impl AsyncRead + AsyncWrite,
    other: impl AsyncRead + AsyncWrite,
    patience: Duration,
) {
    let moved = AtomicU64::new(0);
    let (one, other) = (split(one), split(other));
    let copied = async { tokio::try_join!(copy(one.0, other.1, &moved), copy(other.0, one.1, &moved)) };
    tokio::select! {
        copied = copied => {
            if let Err(error) = copied {
                tracing::debug!(%error, "a connection to a container's port broke");
            }
        }
        () = still(&moved, patience) => tracing::debug!("a connection to a container's port was idle for too long"),
    }
}

/// Resolves when the number has stayed the same for [`PORT_IDLE_MS`] or, depending on when it last grew, up to twice that.
pub(crate) async fn idle(moved: &AtomicU64) {
    still(moved, IDLE).await;
}

async fn still(moved: &AtomicU64, patience: Duration) {
    let mut before = moved.load(Ordering::Relaxed);
    loop {
        sleep(patience).await;
        let now = moved.load(Ordering::Relaxed);
        if now == before {
            return;
        }
        before = now;
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    moved: &AtomicU64,
) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
        moved.fetch_add(count as u64, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::duplex;

    #[tokio::test]
    async fn an_end_is_passed_on_while_the_other_direction_goes_on() {
        let (mut client, outside) = duplex(64);
        let (inside, mut server) = duplex(64);
        let relayed = relay(outside, inside);
        let talk = async {
            client.write_all(b"question").await.unwrap();
            client.shutdown().await.unwrap();
            let mut question = String::new();
            server.read_to_string(&mut question).await.unwrap();
            server.write_all(b"answer").await.unwrap();
            server.shutdown().await.unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            (question, answer)
        };
        let ((), said) = tokio::join!(relayed, talk);
        assert_eq!(said, ("question".to_owned(), "answer".to_owned()));
    }

    /// For tests that wait it out.
    const SOON: Duration = Duration::from_millis(10);

    #[tokio::test]
    async fn who_says_nothing_for_too_long_is_not_kept() {
        let (_client, outside) = duplex(64);
        let (inside, _server) = duplex(64);
        relay_until(outside, inside, SOON).await;
    }

    #[tokio::test]
    async fn who_does_not_read_is_not_kept_either() {
        let (mut client, outside) = duplex(64);
        let (inside, _server) = duplex(64);
        client.write_all(b"x").await.unwrap();
        let flood = async { while client.write_all(&[0; 64]).await.is_ok() {} };
        tokio::join!(relay_until(outside, inside, SOON), flood);
    }
}
