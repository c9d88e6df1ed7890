//! Who may ask: requests by a host name that is ours, from a page that is ours, with the token where one is demanded.
//!
//! A page of another site can make a browser send requests here. It cannot forge `Origin`, and a name of its own that it
//! points at this machine (DNS rebinding) shows in `Host`; an IP address in `Host` cannot be rebound.

pub(crate) mod fuzzing;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::{Request, State};
use axum::http::Method;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use porthole_protocol::error::{ErrorCode, WireError};
use subtle::ConstantTimeEq;

use super::app::{Who, nobody};
use super::error::{Answer, Refusal};
use super::peer::{Origin, Peer};
use super::{App, cookie};

/// The path whose token comes in the socket's first message instead of a header.
pub(super) const SOCKET: &str = "/api/v1/socket";

/// Where a session begins.
const SESSION: &str = "/api/v1/session";

/// A secret that clients must know.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    /// The token with this text.
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// Its text, for the start-up link.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether this is it, in a time that does not tell how much of it is right.
    fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Which requests are let in.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    address: IpAddr,
    /// Names the agent was told it has, in lower case.
    names: Vec<String>,
    token: Option<Token>,
}

impl Guard {
    /// For an agent that listens on `address` and was told to answer to `names`.
    pub(crate) fn new(address: SocketAddr, names: &[String], token: Option<Token>) -> Self {
        let names = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { address: address.ip(), names, token }
    }

    /// The token of a request or a hello.
    ///
    /// # Errors
    /// `unauthorized` when one is demanded and this is not it.
    pub(super) fn check_token(&self, given: Option<&str>) -> Answer<()> {
        match (&self.token, given) {
            (None, _) => Ok(()),
            (Some(token), Some(given)) if token.is(given) => Ok(()),
            (Some(_), _) => {
                let hint = "Open the link that the agent printed when it started.";
                Err(Refusal(WireError::new(ErrorCode::Unauthorized, "The token is missing or wrong.", hint)))
            }
        }
    }

    /// Whether this is the token that is demanded.
    pub(super) fn is_token(&self, text: &str) -> bool {
        self.token.as_ref().is_some_and(|token| token.is(text))
    }

    /// `Host`, and `Origin` where there is one.
    ///
    /// # Errors
    /// `forbidden_origin` when either is not ours.
    fn check_origin(&self, parts: &Parts) -> Answer<()> {
        let host = authority(parts).ok_or_else(|| forbidden("The request names no host."))?;
        if !self.answers_to(host) {
            return Err(forbidden(format!("This agent does not answer to the name '{}'.", excerpt(host))));
        }
        let Some(origin) = parts.headers.get(header::ORIGIN) else { return Ok(()) };
        let origin = origin.to_str().unwrap_or_default();
        let from = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        if from.is_some_and(|from| from.eq_ignore_ascii_case(host)) {
            return Ok(());
        }
        Err(forbidden(format!("The page '{}' is not this agent's.", excerpt(origin))))
    }

    fn answers_to(&self, authority: &str) -> bool {
        let name = host_of(authority).to_ascii_lowercase();
        if name == "localhost" || self.names.contains(&name) {
            return true;
        }
        // Brackets are for addresses of version 6 (RFC 3986, section 3.2.2).
        let in_brackets = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address = match in_brackets {
            Some(address) => address.parse::<Ipv6Addr>().ok().map(IpAddr::from),
            None => name.parse().ok(),
        };
        address.is_some_and(|ip| ip.is_loopback() || ip == self.address || self.address.is_unspecified())
    }
}

/// What the request says it was sent to: `Host`, exactly one.
pub(super) fn authority(parts: &Parts) -> Option<&str> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next(), parts.uri.authority()) {
        (Some(host), None, _) => host.to_str().ok(),
        (None, None, Some(authority)) => Some(authority.as_str()),
        _ => None,
    }
}

/// A host without its port.
pub(super) fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !host.ends_with(':') => host,
        _ => authority,
    }
}

fn forbidden(sentence: impl Into<String>) -> Refusal {
    let hint = "Use the address that the agent printed, or start it with --host NAME.";
    Refusal(WireError::new(ErrorCode::ForbiddenOrigin, sentence, hint))
}

fn excerpt(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_default).collect()
}

/// The token of an `Authorization: Bearer` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Lets a request in or answers it, and gives every answer the headers that keep the page to itself.
pub(super) async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let policy = content_security_policy(authority(&parts).filter(|host| app.guard.answers_to(host)));
    let admitted = app.guard.check_origin(&parts).and_then(|()| introduce(&app, &mut parts));
    let mut response = match admitted {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    // What is not ours has a stricter one already.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// Tells those behind who asks. Who is nobody may begin a session, and open the socket, where the first message tells more.
fn introduce(app: &App, parts: &mut Parts) -> Answer<()> {
    let path = parts.uri.path();
    if !path.starts_with("/api/") {
        return Ok(());
    }
    let (is_socket, is_session) = (path == SOCKET, path == SESSION && parts.method == Method::GET);
    let peer = parts.extensions.get::<Peer>().copied().unwrap_or(Peer(Ipv4Addr::UNSPECIFIED.into()));
    let settings = app.sessions.settings();
    let origin = Origin::of(peer, &parts.headers, &settings.proxies);
    parts.extensions.insert(origin);
    let bearer = bearer(&parts.headers);
    if settings.enabled && (bearer.is_none() || is_socket) {
        let secret = cookie::secret(&parts.headers, origin.secure);
        match secret.and_then(|secret| app.sessions.find(secret)) {
            Some(visitor) => drop(parts.extensions.insert(Who::Visitor(visitor))),
            None if is_socket || is_session => {}
            None => return Err(nobody()),
        }
    } else if !is_socket {
        app.guard.check_token(bearer)?;
        parts.extensions.insert(Who::Owner);
    }
    Ok(())
}

/// Headers of every answer.
const HEADERS: [(&str, &str); 6] = [
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// Everything from here and nothing inline but styles: the terminal writes its own. Not every browser takes `'self'` to
/// include the socket's scheme, so the socket is named.
fn content_security_policy(host: Option<&str>) -> HeaderValue {
    let sockets = host.map(|host| format!(" ws://{host} wss://{host}")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
         font-src 'self' data:; connect-src 'self'{sockets}; manifest-src 'self'; worker-src 'self' blob:; base-uri 'self'; \
         form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str) -> Guard {
        Guard::new(
            address.parse().unwrap(),
            &["Box.Example".to_owned()],
            Some(Token::new("secret".to_owned())),
        )
    }

    fn admits(guard: &Guard, host: &str, origin: Option<&str>) -> bool {
        let mut request = Request::builder().uri("/").header(header::HOST, host);
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        guard.check_origin(&request.body(axum::body::Body::empty()).unwrap().into_parts().0).is_ok()
    }

    #[test]
    fn hosts_are_loopback_names_the_address_and_names_told() {
        let local = guard("127.0.0.1:7070");
        for host in
            ["localhost", "LOCALHOST:7070", "127.0.0.1:7070", "127.1.2.3", "[::1]:80", "box.example:7070"]
        {
            assert!(admits(&local, host, None), "{host}");
        }
        for host in [
            "",
            "evil.example",
            "localhost.evil.example",
            "192.0.2.1",
            "127.0.0.1.evil.example",
            "[::1",
            "[127.0.0.1]",
            "::1:x",
        ] {
            assert!(!admits(&local, host, None), "{host}");
        }
        assert!(admits(&guard("192.0.2.1:80"), "192.0.2.1", None));
        assert!(!admits(&guard("192.0.2.1:80"), "192.0.2.2", None));
        assert!(admits(&guard("0.0.0.0:80"), "192.0.2.2", None), "an address cannot be rebound");
        assert!(!admits(&guard("0.0.0.0:80"), "evil.example", None));
    }

    #[test]
    fn a_page_must_be_of_the_very_host_it_asks() {
        let guard = guard("127.0.0.1:7070");
        for (host, origin, expected) in [
            ("localhost:7070", "http://localhost:7070", true),
            ("box.example", "https://box.example", true),
            ("localhost:7070", "http://localhost:8080", false),
            ("localhost:7070", "http://127.0.0.1:7070", false),
            ("localhost:7070", "http://evil.example", false),
            ("localhost:7070", "null", false),
            ("localhost:7070", "file://localhost:7070", false),
        ] {
            assert_eq!(admits(&guard, host, Some(origin)), expected, "{host} {origin}");
        }
    }

    #[test]
    fn the_token_is_demanded_where_there_is_one() {
        let guard = guard("192.0.2.1:80");
        assert!(guard.check_token(Some("secret")).is_ok());
        for wrong in [None, Some(""), Some("secre"), Some("secret1"), Some("Secret")] {
            assert!(guard.check_token(wrong).is_err(), "{wrong:?}");
        }
    }
}
