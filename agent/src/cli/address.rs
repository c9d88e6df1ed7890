//! Where the agent is, as a person writes it.

use std::net::IpAddr;

use hyper::Uri;

use super::failure::Failure;

/// The agent's address and the token it may demand.
#[derive(Clone, Debug)]
pub(super) struct Address {
    /// Host name or address, and port.
    pub(super) authority: String,
    /// The token, where there is one.
    pub(super) token: Option<String>,
}

impl Address {
    /// Reads `http://HOST:PORT`, `HOST:PORT`, or a whole start-up link with its `#token=…`.
    ///
    /// # Errors
    /// [`Failure::Local`] when it is none of these, or asks for TLS.
    pub(super) fn parse(text: &str, token: Option<String>) -> Result<Self, Failure> {
        let (address, fragment) = text.split_once('#').unwrap_or((text, ""));
        let from_link = fragment.strip_prefix("token=").map(str::to_owned);
        let wrong = |why: &str| {
            Failure::local(
                format!("'{text}' is not the address of an agent: {why}."),
                "Write it as http://HOST:PORT, such as http://127.0.0.1:7070.",
            )
        };
        let uri: Uri = match address.contains("://") {
            true => address.parse(),
            false => format!("http://{address}").parse(),
        }
        .map_err(|error| wrong(&format!("{error}")))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("only http is spoken here"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        let authority = match authority.port_u16() {
            Some(_) => authority.to_string(),
            None => format!("{authority}:80"),
        };
        Ok(Self { authority, token: token.or(from_link) })
    }

    /// Whether a secret may be sent there: it stays on this machine, or whoever listens has shown a token to its user.
    pub(super) fn is_trusted(&self) -> bool {
        let host = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host);
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        self.token.is_some() || host == "localhost" || address.is_some_and(|address| address.is_loopback())
    }

    /// The URL of a path of the API, query included.
    pub(super) fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}/api/v1/{path}", self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_short_or_a_whole_start_up_link() {
        for text in ["127.0.0.1:7070", "http://127.0.0.1:7070", "http://127.0.0.1:7070/"] {
            let address = Address::parse(text, None).unwrap();
            assert_eq!(address.authority, "127.0.0.1:7070");
            assert_eq!(address.token, None);
        }
        let link = Address::parse("http://box:7070/#token=abc", None).unwrap();
        assert_eq!((link.authority.as_str(), link.token.as_deref()), ("box:7070", Some("abc")));
        assert_eq!(link.url("ws", "socket"), "ws://box:7070/api/v1/socket");
        assert_eq!(Address::parse("http://[::1]", None).unwrap().authority, "[::1]:80");
    }

    #[test]
    fn a_token_that_is_given_beats_the_one_of_the_link() {
        let address = Address::parse("box:1#token=old", Some("new".into())).unwrap();
        assert_eq!(address.token.as_deref(), Some("new"));
    }

    #[test]
    fn secrets_stay_on_this_machine_or_go_where_a_token_is_known() {
        let trusted = |text: &str| Address::parse(text, None).unwrap().is_trusted();
        for near in ["127.0.0.1:7070", "localhost:7070", "[::1]:7070", "127.8.8.8", "box:7070#token=abc"] {
            assert!(trusted(near), "{near}");
        }
        for far in ["box:7070", "10.0.0.1", "127.0.0.1.example.org", "localhost.example.org:80"] {
            assert!(!trusted(far), "{far}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_a_reason() {
        for bad in ["", "https://box:1", "http://", "a b", "ftp://box"] {
            assert!(matches!(Address::parse(bad, None), Err(Failure::Local { .. })), "{bad:?}");
        }
    }
}
