//! The cookie that a session is kept by.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::session::Secret;

/// Its name; with the prefix where the connection is secure, so that no neighbouring name can set it (RFC 6265bis,
/// section 4.1.3.2).
const NAME: &str = "porthole_session";
const SECURE_NAME: &str = "__Host-porthole_session";

/// How long a browser keeps it, in seconds. The session may end before.
const MAX_AGE: u64 = 30 * 86_400;

/// The secret that a request carries: none when there are several, of which somebody else has set one; none when another page
/// caused it, that of a preview included.
pub(super) fn secret(headers: &HeaderMap, secure: bool) -> Option<&str> {
    let from = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if from.is_some_and(|site| site != b"same-origin" && site != b"none") {
        return None;
    }
    let name = if secure { SECURE_NAME } else { NAME };
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut ours = pairs.filter(|(key, _)| *key == name).map(|(_, value)| value);
    let first = ours.next()?;
    ours.all(|other| other == first).then_some(first)
}

/// What sets it.
pub(super) fn set(secret: &Secret, secure: bool) -> HeaderValue {
    line(secret.reveal(), MAX_AGE, secure)
}

/// What takes it away.
pub(super) fn clear(secure: bool) -> HeaderValue {
    line("", 0, secure)
}

fn line(value: &str, age: u64, secure: bool) -> HeaderValue {
    let (name, flag) = if secure { (SECURE_NAME, "; Secure") } else { (NAME, "") };
    HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{flag}"))
        .expect("it is made of visible characters")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&'static str, &str)], secure: bool) -> Option<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        secret(&map, secure).map(str::to_owned)
    }

    #[test]
    fn it_is_read_among_others_and_not_where_it_is_not_clear() {
        let is = |text: &str| Some(text.to_owned());
        assert_eq!(read(&[("cookie", "a=1; porthole_session=x; b=2")], false), is("x"));
        assert_eq!(read(&[("cookie", "a=1"), ("cookie", "porthole_session=x")], false), is("x"));
        assert_eq!(read(&[("cookie", "porthole_session=x; porthole_session=y")], false), None);
        assert_eq!(read(&[("cookie", "porthole_session=x")], true), None, "anybody may have set it");
        assert_eq!(read(&[("cookie", "__Host-porthole_session=x")], true), is("x"));
    }

    #[test]
    fn a_request_that_another_page_causes_carries_nothing() {
        let cookie = ("cookie", "porthole_session=x");
        for (site, counts) in
            [("same-origin", true), ("none", true), ("same-site", false), ("cross-site", false)]
        {
            assert_eq!(read(&[cookie, ("sec-fetch-site", site)], false).is_some(), counts, "{site}");
        }
    }

    #[test]
    fn it_is_for_the_page_alone_and_for_tls_alone_where_there_is_some() {
        let secret = Secret::new();
        let plain = set(&secret, false);
        let plain = plain.to_str().unwrap();
        assert!(plain.starts_with("porthole_session=") && !plain.contains("Secure"));
        assert!(plain.contains("; HttpOnly; SameSite=Strict") && plain.contains("Path=/"));
        assert!(set(&secret, true).to_str().unwrap().ends_with("; Secure"));
    }
}
