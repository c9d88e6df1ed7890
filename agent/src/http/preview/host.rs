//! The names that previews have: an origin of its own for each, made of a secret.

use std::fmt;
use std::str::FromStr;

use axum::http::HeaderMap;
use axum::http::header::HOST;

use crate::http::guard::host_of;

/// What the first label of a preview's name begins with.
const MARK: &str = "p-";

/// Names that every browser we know resolves to its own machine (RFC 6761, section 6.3).
const LOCAL: &str = ".localhost";

/// The names of previews where those below `localhost` do not reach: `*.preview.example.org`, with `https://` in front when a
/// proxy adds it and `:PORT` behind when it is not the agent's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewHost {
    scheme: &'static str,
    /// The dot and what follows it, in lower case.
    suffix: String,
    port: Option<u16>,
}

/// Why a pattern is none.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a preview host is a pattern such as '*.preview.example.org' or 'https://*.preview.example.org'")]
pub struct BadPreviewHost;

impl FromStr for PreviewHost {
    type Err = BadPreviewHost;

    fn from_str(text: &str) -> Result<Self, BadPreviewHost> {
        let (scheme, rest) = match text.split_once("://") {
            None => ("http", text),
            Some(("http", rest)) => ("http", rest),
            Some(("https", rest)) => ("https", rest),
            Some(_) => return Err(BadPreviewHost),
        };
        let (name, port) = match rest.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().map_err(|_| BadPreviewHost)?)),
            None => (rest, None),
        };
        let suffix = name.strip_prefix('*').ok_or(BadPreviewHost)?.to_ascii_lowercase();
        let labels = suffix.strip_prefix('.').ok_or(BadPreviewHost)?;
        let is_label =
            |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if labels.split('.').all(is_label) { Ok(Self { scheme, suffix, port }) } else { Err(BadPreviewHost) }
    }
}

impl<'de> serde::Deserialize<'de> for PreviewHost {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The origin of a preview as its browser sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: &'static str,
    authority: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// The secret in the name that a request was sent to; none when it is not a preview's name. All names of that form are
/// previews', whether they are open or not: nothing else is ever served there.
pub(super) fn secret_of(pattern: Option<&PreviewHost>, authority: &str) -> Option<String> {
    let name = host_of(authority).to_ascii_lowercase();
    let suffixes = pattern.map(|pattern| pattern.suffix.as_str()).into_iter().chain([LOCAL]);
    let label = suffixes.into_iter().find_map(|suffix| name.strip_suffix(suffix))?;
    label.strip_prefix(MARK).map(str::to_owned)
}

/// What names of previews are made of, around their secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    scheme: &'static str,
    suffix: String,
    /// With the colon.
    port: String,
}

impl Names {
    /// Names by the pattern or, for who reaches the agent by a loopback name, below `localhost`; through the same port, which
    /// may be that of a tunnel.
    pub(super) fn for_who_asks(pattern: Option<&PreviewHost>, asked_by: &HeaderMap) -> Option<Self> {
        let asked = asked_by.get(HOST)?.to_str().ok()?;
        let name = host_of(asked);
        let asked_port = asked[name.len()..].to_owned();
        if let Some(PreviewHost { scheme, suffix, port }) = pattern {
            let port = match port {
                Some(port) => format!(":{port}"),
                None if *scheme == "https" => String::new(),
                None => asked_port,
            };
            return Some(Self { scheme, suffix: suffix.clone(), port });
        }
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        (is_loopback || name.eq_ignore_ascii_case("localhost")).then(|| Self {
            scheme: "http",
            suffix: LOCAL.to_owned(),
            port: asked_port,
        })
    }

    /// Where the preview with this secret is seen.
    pub(crate) fn url(&self, secret: &str) -> String {
        let Self { scheme, suffix, port } = self;
        format!("{scheme}://{MARK}{secret}{suffix}{port}/")
    }
}

/// The origin of a request that came to a preview's own name.
pub(super) fn own_origin(pattern: Option<&PreviewHost>, authority: &str) -> Origin {
    let name = host_of(authority).to_ascii_lowercase();
    let scheme =
        pattern.filter(|pattern| name.ends_with(&pattern.suffix)).map_or("http", |pattern| pattern.scheme);
    Origin { scheme, authority: authority.to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Option<PreviewHost> {
        Some(text.parse().unwrap())
    }

    fn asked(host: &str) -> HeaderMap {
        [(HOST, host.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn names_of_previews_are_told_from_all_others() {
        let none = None;
        let lab = pattern("https://*.preview.example.org");
        for (pattern, name, secret) in [
            (&none, "p-0a.localhost:7070", Some("0a")),
            (&none, "P-0A.LOCALHOST", Some("0a")),
            (&none, "p-.localhost", Some("")),
            (&none, "p-a.b.localhost", Some("a.b")),
            (&none, "localhost:7070", None),
            (&none, "x.localhost", None),
            (&none, "p-0a.localhost.example.org", None),
            (&none, "p-0a.preview.example.org", None),
            (&lab, "p-0a.preview.example.org", Some("0a")),
            (&lab, "p-0a.localhost:1", Some("0a")),
            (&lab, "preview.example.org", None),
            (&lab, "p-0a.example.org", None),
        ] {
            assert_eq!(secret_of(pattern.as_ref(), name).as_deref(), secret, "{name}");
        }
    }

    #[test]
    fn a_preview_is_seen_where_the_page_is_seen() {
        for (pattern, host, url) in [
            (None, "127.0.0.1:7070", Some("http://p-0a.localhost:7070")),
            (None, "localhost:9999", Some("http://p-0a.localhost:9999")),
            (None, "[::1]:7070", Some("http://p-0a.localhost:7070")),
            (None, "localhost", Some("http://p-0a.localhost")),
            (None, "192.0.2.1:7070", None),
            (None, "lab.example.org", None),
            (pattern("*.p.example.org"), "lab.example.org:7070", Some("http://p-0a.p.example.org:7070")),
            (pattern("https://*.p.example.org"), "127.0.0.1:7070", Some("https://p-0a.p.example.org")),
            (pattern("https://*.p.example.org:8443"), "x", Some("https://p-0a.p.example.org:8443")),
        ] {
            let names = Names::for_who_asks(pattern.as_ref(), &asked(host));
            let url = url.map(|url| format!("{url}/"));
            assert_eq!(names.map(|names| names.url("0a")), url, "{host}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in ["", "*", "*.", "preview.example.org", "ftp://*.a", "*.a:x", "*.a/b", "*.*.a", "x.*.a"] {
            assert!(text.parse::<PreviewHost>().is_err(), "{text}");
        }
    }
}
