//! Room for connections: so many in all, and so many of one address.
//!
//! A connection has its seat until it is closed, whatever it has become meanwhile: a WebSocket lives on when HTTP is through
//! with it.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::peer::Peer;
use crate::session::AddressKey;

/// Open connections of each address that has any.
type Held = Mutex<HashMap<AddressKey, usize>>;

/// The room.
pub(super) struct Room {
    places: Arc<Semaphore>,
    per_address: usize,
    /// Whose connections are other people's, and counted in all only.
    proxies: Vec<IpAddr>,
    held: Arc<Held>,
}

impl Room {
    /// Room for `most`, and for `per_address` of each address but this machine's and those of `proxies`.
    pub(super) fn new(most: usize, per_address: usize, proxies: Vec<IpAddr>) -> Self {
        Self { places: Arc::new(Semaphore::new(most)), per_address, proxies, held: Arc::default() }
    }

    /// Waits until there is a place for one more.
    pub(super) async fn place(&self) -> OwnedSemaphorePermit {
        self.places.clone().acquire_owned().await.expect("nobody closes the semaphore")
    }

    /// A seat for a connection from there; none when its address has as many as it may.
    pub(super) fn seat(&self, place: OwnedSemaphorePermit, peer: Peer) -> Option<Seat> {
        if peer.is_proxy(&self.proxies) {
            return Some(Seat { _place: place, counted: None });
        }
        let key = AddressKey::of(peer.0);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(key).or_default();
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        Some(Seat { _place: place, counted: Some((key, Arc::clone(&self.held))) })
    }
}

/// The right of one connection to be there.
pub(super) struct Seat {
    _place: OwnedSemaphorePermit,
    counted: Option<(AddressKey, Arc<Held>)>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Some((key, held)) = &self.counted else { return };
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(key) {
            *count -= 1;
            if *count == 0 {
                held.remove(key);
            }
        }
    }
}

/// A connection and its seat, which it cannot lose.
pub(super) struct Seated<T> {
    stream: T,
    _seat: Seat,
}

impl<T> Seated<T> {
    pub(super) fn new(stream: T, seat: Seat) -> Self {
        Self { stream, _seat: seat }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Seated<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Seated<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer(address.parse().unwrap())
    }

    #[tokio::test]
    async fn an_address_has_its_share_and_a_proxy_all_there_is() {
        let room = Room::new(6, 2, vec!["192.0.2.9".parse().unwrap()]);
        let sit = async |address| room.seat(room.place().await, peer(address));
        let first = sit("203.0.113.7").await.unwrap();
        let _second = sit("::ffff:203.0.113.7").await.unwrap();
        assert!(sit("203.0.113.7").await.is_none());
        // The place of the one that was refused is free again.
        assert_eq!(room.places.available_permits(), 4);
        drop(first);
        let _third = sit("203.0.113.7").await.unwrap();
        let _other = sit("203.0.113.8").await.unwrap();
        let proxies = [sit("192.0.2.9").await, sit("127.0.0.1").await, sit("192.0.2.9").await];
        assert!(proxies.iter().all(Option::is_some));
        assert!(room.places.clone().try_acquire_owned().is_err(), "all are taken");
        drop(proxies);
        assert_eq!(room.held.lock().unwrap().len(), 2, "proxies are not counted");
    }

    #[tokio::test]
    async fn nothing_is_kept_of_addresses_that_have_gone() {
        let room = Room::new(4, 2, Vec::new());
        for last in 0..100 {
            let seat = room.seat(room.place().await, peer(&format!("203.0.113.{last}")));
            assert!(seat.is_some());
        }
        assert!(room.held.lock().unwrap().is_empty());
    }
}
