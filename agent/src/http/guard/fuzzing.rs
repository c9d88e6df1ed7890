//! See [`crate::fuzzing`].

use std::net::Ipv6Addr;

use axum::extract::Request;
use axum::http::header;

use super::Guard;

/// An IPv6 address in any of the ways to write it, in brackets or not, with a port or not.
fn is_loopback(host: &str) -> bool {
    let without_port = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let addresses = [host, without_port].map(|text| text.trim_matches(['[', ']']).parse::<Ipv6Addr>());
    addresses.into_iter().flatten().any(|address| address.is_loopback())
}

/// A request with this host and, where there is one, from the page of this origin: none is let in but by loopback names
/// and the name it was told, and from no page but its own.
pub fn host_and_origin(host: &[u8], origin: Option<&[u8]>) {
    let mut request = Request::builder().header(header::HOST, host);
    if let Some(origin) = origin {
        request = request.header(header::ORIGIN, origin);
    }
    let Ok(request) = request.body(()) else { return };
    let address = ([192, 0, 2, 1], 7070).into();
    let guard = Guard::new(address, &["Here.example".to_owned()], None);
    if guard.check_origin(&request.into_parts().0).is_err() {
        return;
    }
    let host = String::from_utf8_lossy(host).to_ascii_lowercase();
    let ours = ["localhost", "here.example", "192.0.2.1", "127."];
    let named = ours.iter().any(|name| host.trim().starts_with(name));
    assert!(named || is_loopback(host.trim()), "{host:?}");
    if let Some(origin) = origin {
        assert!(String::from_utf8_lossy(origin).to_ascii_lowercase().ends_with(host.trim()), "{host:?}");
    }
}
