//! What of a head passes between a browser and a program behind a preview.
//!
//! Both heads are parsed here and written anew by hyper, so that no two readers can take one message for two; how long a
//! body is, each side is told anew as well.

pub(crate) mod fuzzing;

use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};

use super::host::Origin;
use crate::http::Guard;
use crate::http::guard::bearer;

/// Headers of one connection (RFC 9110, section 7.6.1), and those that say how long a body is: hyper says it anew.
const OF_ONE_CONNECTION: [HeaderName; 10] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::CONTENT_LENGTH,
];

/// What says who has asked for somebody else. Ours are left out, and a browser's own are made up.
const OF_PROXIES: [&str; 3] = ["forwarded", "x-real-ip", "via"];

/// What a program inside may not tell a browser, or a proxy in front of us: it is not for one origin alone.
const NOT_OUTWARD: [&str; 13] = [
    "strict-transport-security",
    "clear-site-data",
    "alt-svc",
    "public-key-pins",
    "public-key-pins-report-only",
    "expect-ct",
    "nel",
    "report-to",
    "reporting-endpoints",
    "x-accel-redirect",
    "x-accel-charset",
    "x-accel-limit-rate",
    "x-sendfile",
];

/// What cookies of the agent's own are named after.
const OUR_COOKIES: [&str; 2] = ["porthole", "__Host-porthole"];

/// Whether a request, or an answer, asks for a WebSocket.
pub(super) fn is_websocket(headers: &HeaderMap) -> bool {
    let upgrade = headers.get(header::UPGRADE).and_then(|value| value.to_str().ok());
    let is_asked = list(headers, &header::CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"));
    is_asked && upgrade.is_some_and(|upgrade| upgrade.eq_ignore_ascii_case("websocket"))
}

/// Whether the length of the body is said in one way.
pub(super) fn is_framed(headers: &HeaderMap) -> bool {
    let lengths = headers.get_all(header::CONTENT_LENGTH).iter().count();
    let codings: Vec<_> = headers.get_all(header::TRANSFER_ENCODING).iter().collect();
    match &codings[..] {
        [] => lengths <= 1,
        [coding] => lengths == 0 && coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        _ => false,
    }
}

/// Makes of a browser's head what a program inside is told: that somebody on its own machine asks at `localhost:PORT`.
pub(super) fn inward(headers: &mut HeaderMap, own: &Origin, port: u16, guard: &Guard) {
    let websocket = is_websocket(headers);
    drop_of_one_connection(headers);
    if websocket {
        ask_for_websocket(headers);
    }
    headers.remove(header::EXPECT);
    OF_PROXIES.iter().for_each(|name| drop(headers.remove(*name)));
    let forwarded = headers.keys().filter(|name| name.as_str().starts_with("x-forwarded-"));
    let forwarded: Vec<_> = forwarded.cloned().collect();
    forwarded.iter().for_each(|name| drop(headers.remove(name)));
    if bearer(headers).is_some_and(|token| guard.is_token(token)) {
        headers.remove(header::AUTHORIZATION);
    }
    keep_their_cookies(headers);

    let (own, inside) = (own.to_string(), format!("localhost:{port}"));
    let as_inside = |value: &HeaderValue| {
        let rest = value.to_str().ok()?.strip_prefix(&own)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| text(&format!("http://{inside}{rest}")))
    };
    // A page elsewhere that asks is named as it is: the program inside decides about it.
    if let Some(Some(origin)) = headers.get(header::ORIGIN).map(as_inside) {
        headers.insert(header::ORIGIN, origin);
    }
    if let Some(referer) = headers.remove(header::REFERER).and_then(|referer| as_inside(&referer)) {
        headers.insert(header::REFERER, referer);
    }
    headers.insert(header::HOST, text(&inside));
}

/// Makes of a program's head what a browser is told.
pub(super) fn outward(headers: &mut HeaderMap, status: StatusCode, asked: &Method, own: &Origin, port: u16) {
    let websocket = status == StatusCode::SWITCHING_PROTOCOLS;
    // Says how long a body would be that is not there.
    let length = (*asked == Method::HEAD || status == StatusCode::NOT_MODIFIED)
        .then(|| headers.get(header::CONTENT_LENGTH).cloned())
        .flatten();
    drop_of_one_connection(headers);
    if websocket {
        ask_for_websocket(headers);
    }
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, length);
    }
    NOT_OUTWARD.iter().for_each(|name| drop(headers.remove(*name)));
    confine_cookies(headers);
    if let Some(location) = headers.get(header::LOCATION).and_then(|to| relative(to, own, port)) {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // Beside what the program says itself: browsers obey each.
    headers.append(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'self'"));
}

fn drop_of_one_connection(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> =
        list(headers, &header::CONNECTION).filter_map(|name| name.parse().ok()).collect();
    named.iter().chain(&OF_ONE_CONNECTION).for_each(|name| drop(headers.remove(name)));
}

fn ask_for_websocket(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

/// The members of a list in one or more headers.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

/// Drops cookies of ours from what a browser sends.
fn keep_their_cookies(headers: &mut HeaderMap) {
    let is_ours = |cookie: &&str| OUR_COOKIES.iter().any(|ours| cookie.trim_start().starts_with(ours));
    for value in take(headers, &header::COOKIE) {
        let Ok(cookies) = value.to_str() else { continue };
        let kept: Vec<_> = cookies.split(';').filter(|cookie| !is_ours(cookie)).map(str::trim).collect();
        if !kept.is_empty() {
            headers.append(header::COOKIE, text(&kept.join("; ")));
        }
    }
}

/// A cookie is for the name of its preview alone: one for a whole domain would reach other previews, and us.
fn confine_cookies(headers: &mut HeaderMap) {
    for value in take(headers, &header::SET_COOKIE) {
        let Ok(cookie) = value.to_str() else { continue };
        let is_domain = |attribute: &str| {
            attribute.split('=').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("domain"))
        };
        let parts = cookie.split(';').enumerate();
        let kept: Vec<_> =
            parts.filter(|(at, part)| *at == 0 || !is_domain(part)).map(|(_, part)| part).collect();
        headers.append(header::SET_COOKIE, text(&kept.join(";")));
    }
}

fn take(headers: &mut HeaderMap, name: &HeaderName) -> Vec<HeaderValue> {
    let values = headers.get_all(name).into_iter().cloned().collect();
    headers.remove(name);
    values
}

/// A redirection to where the program thinks it is, as one that holds where the browser thinks it is.
fn relative(location: &HeaderValue, own: &Origin, port: u16) -> Option<HeaderValue> {
    let location = location.to_str().ok()?;
    let own = own.to_string();
    let inside = ["localhost", "127.0.0.1", "[::1]", "0.0.0.0"]
        .into_iter()
        .flat_map(|host| ["http", "https"].map(|scheme| format!("{scheme}://{host}:{port}")));
    let rest = inside.chain([own]).find_map(|origin| location.strip_prefix(&origin))?;
    match rest.bytes().next() {
        // Two slashes would name another host.
        Some(b'/') if !rest.starts_with("//") && !rest.starts_with("/\\") => Some(text(rest)),
        None => Some(HeaderValue::from_static("/")),
        Some(b'?' | b'#') => Some(text(&format!("/{rest}"))),
        _ => None,
    }
}

/// A value made of parts of values.
fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests;
