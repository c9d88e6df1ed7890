//! Where a request comes from: the peer's address, or what a proxy that is believed says.

use std::net::IpAddr;

use axum::http::HeaderMap;

/// The address at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

impl Peer {
    /// Whether it is this machine or one of `proxies`, and so may speak for others.
    pub(super) fn is_proxy(self, proxies: &[IpAddr]) -> bool {
        let peer = self.0.to_canonical();
        peer.is_loopback() || proxies.contains(&peer)
    }
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    /// Whose address counts.
    pub(super) address: IpAddr,
    /// Whether it came by TLS, as far as a proxy says.
    pub(super) secure: bool,
}

impl Origin {
    /// By the connection's peer; where that is this machine or one of `proxies`, by what it says. Of a list of hops the last one
    /// counts: only that was written by the proxy itself.
    pub(super) fn of(peer: Peer, headers: &HeaderMap, proxies: &[IpAddr]) -> Self {
        let own = peer.0.to_canonical();
        if !peer.is_proxy(proxies) {
            return Self { address: own, secure: false };
        }
        let last = |name: &str| {
            let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
            value.rsplit(',').next().map(str::trim)
        };
        Self {
            address: last("x-forwarded-for").and_then(address).unwrap_or(own),
            secure: last("x-forwarded-proto").is_some_and(|scheme| scheme.eq_ignore_ascii_case("https")),
        }
    }
}

/// An address, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.split_once(']')).map_or(text, |(ip, _)| ip);
    bare.parse().ok().or_else(|| text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(peer: &str, headers: &[(&'static str, &str)]) -> (String, bool) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let proxies = ["192.0.2.9".parse().unwrap()];
        let Origin { address, secure } = Origin::of(Peer(peer.parse().unwrap()), &map, &proxies);
        (address.to_string(), secure)
    }

    #[test]
    fn only_a_proxy_that_is_believed_speaks_for_others_and_only_its_own_word_counts() {
        let forged = [("x-forwarded-for", "203.0.113.7"), ("x-forwarded-proto", "https")];
        assert_eq!(origin("192.0.2.1", &forged), ("192.0.2.1".into(), false));
        assert_eq!(origin("127.0.0.1", &forged), ("203.0.113.7".into(), true));
        assert_eq!(origin("192.0.2.9", &forged), ("203.0.113.7".into(), true));
        let chain = [("x-forwarded-for", "10.9.9.9, 203.0.113.8")];
        assert_eq!(origin("::1", &chain).0, "203.0.113.8");
        let two = [("x-forwarded-for", "10.9.9.9"), ("x-forwarded-for", "203.0.113.8")];
        assert_eq!(origin("::ffff:127.0.0.1", &two).0, "203.0.113.8");
        assert_eq!(origin("127.0.0.1", &[("x-forwarded-for", "nobody")]), ("127.0.0.1".into(), false));
        for (written, meant) in
            [("[2001:db8::1]:55", "2001:db8::1"), ("2001:db8::1", "2001:db8::1"), ("1.2.3.4:5", "1.2.3.4")]
        {
            assert_eq!(origin("127.0.0.1", &[("x-forwarded-for", written)]).0, meant);
        }
    }
}
