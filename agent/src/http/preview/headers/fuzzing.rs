//! See [`crate::fuzzing`].

use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};

use super::super::host::own_origin;
use super::{NOT_OUTWARD, OUR_COOKIES, inward, is_framed, is_websocket, outward};
use crate::http::Guard;
use crate::http::guard::Token;

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// Lines of a head, each `name: value`; those that no parser of HTTP lets through are left out.
///
/// Nothing of ours reaches the program inside: no cookie, no token, no word of proxies; and nothing of the program's reaches
/// further than its own origin.
pub fn preview_heads(lines: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let mut halves = line.splitn(2, |byte| *byte == b':');
        let name = HeaderName::from_bytes(halves.next().unwrap_or_default());
        let value = HeaderValue::from_bytes(halves.next().unwrap_or_default().trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let _ = (is_framed(&headers), is_websocket(&headers));
    let own = own_origin(None, "p-0123.localhost:7070");
    let guard = Guard::new(([127, 0, 0, 1], 7070).into(), &[], Some(Token::new(TOKEN.to_owned())));

    let mut asked = headers.clone();
    inward(&mut asked, &own, 8000, &guard);
    assert_eq!(asked.get_all(header::HOST).iter().count(), 1);
    assert_eq!(asked[header::HOST], "localhost:8000");
    for cookies in asked.get_all(header::COOKIE) {
        let cookies = cookies.to_str().expect("what was passed on was read");
        let names = cookies.split(';').map(str::trim_start);
        names.for_each(|name| assert!(!OUR_COOKIES.iter().any(|ours| name.starts_with(ours)), "{cookies}"));
    }
    let is_ours =
        |value: &HeaderValue| value.to_str().is_ok_and(|value| value.trim() == format!("Bearer {TOKEN}"));
    assert!(!asked.get(header::AUTHORIZATION).is_some_and(is_ours));
    assert!(!asked.keys().any(|name| name.as_str().starts_with("x-forwarded-")));
    assert!(asked.get(header::CONNECTION).is_none_or(|value| value == "upgrade"));

    let mut answered = headers;
    outward(&mut answered, StatusCode::OK, &Method::GET, &own, 8000);
    assert!(NOT_OUTWARD.iter().all(|name| !answered.contains_key(*name)));
    assert!(!answered.contains_key(header::TRANSFER_ENCODING));
    for cookie in answered.get_all(header::SET_COOKIE) {
        let cookie = cookie.to_str().expect("what was passed on was read").to_ascii_lowercase();
        let mut attributes = cookie.split(';').skip(1).filter_map(|part| part.split('=').next());
        assert!(!attributes.any(|name| name.trim() == "domain"), "{cookie}");
    }
}
