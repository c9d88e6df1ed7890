use axum::http::HeaderMap;
use axum::http::header::HOST;

use super::super::host::own_origin;
use super::*;
use crate::http::guard::Token;

const OWN: &str = "p-0a.localhost:7070";

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

fn lines(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<_> =
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    lines.sort();
    lines
}

fn told_inside(lines_sent: &[(&str, &str)]) -> Vec<String> {
    let mut headers = headers(lines_sent);
    headers.insert(HOST, OWN.parse().unwrap());
    let guard = Guard::new("127.0.0.1:7070".parse().unwrap(), &[], Some(Token::new("ours".to_owned())));
    inward(&mut headers, &own_origin(None, OWN), 8000, &guard);
    lines(&headers)
}

fn told_outside(lines_sent: &[(&str, &str)]) -> Vec<String> {
    let mut headers = headers(lines_sent);
    outward(&mut headers, StatusCode::OK, &Method::GET, &own_origin(None, OWN), 8000);
    let added = ["content-security-policy: frame-ancestors 'self'", "referrer-policy: no-referrer"];
    let mut lines = lines(&headers);
    for line in added {
        let at = lines.iter().position(|have| have == line).unwrap_or_else(|| panic!("no {line}"));
        lines.remove(at);
    }
    lines
}

#[test]
fn a_program_inside_is_asked_at_its_own_name_by_nobody_in_particular() {
    let told = told_inside(&[
        ("origin", "http://p-0a.localhost:7070"),
        ("referer", "http://p-0a.localhost:7070/a?b"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=192.0.2.1"),
        ("via", "1.1 x"),
        ("accept", "text/html"),
        ("connection", "keep-alive, x-private"),
        ("x-private", "1"),
        ("te", "trailers"),
        ("content-length", "3"),
        ("expect", "100-continue"),
        ("proxy-authorization", "Basic x"),
    ]);
    assert_eq!(
        told,
        [
            "accept: text/html",
            "host: localhost:8000",
            "origin: http://localhost:8000",
            "referer: http://localhost:8000/a?b",
        ]
    );
}

#[test]
fn another_pages_origin_stays_and_its_address_does_not_pass() {
    for origin in ["http://evil.example", "http://p-0a.localhost:70701", "null"] {
        let told =
            told_inside(&[("origin", origin), ("referer", "http://p-0a.localhost:7070.evil.example/x")]);
        assert_eq!(told, ["host: localhost:8000".to_owned(), format!("origin: {origin}")]);
    }
}

#[test]
fn our_token_and_our_cookies_stay_outside_and_theirs_pass() {
    let told = told_inside(&[
        ("authorization", "Bearer ours"),
        ("cookie", "a=1; porthole_session=x; b=2"),
        ("cookie", "__Host-porthole=x"),
    ]);
    assert_eq!(told, ["cookie: a=1; b=2", "host: localhost:8000"]);
    assert!(
        told_inside(&[("authorization", "Bearer theirs")]).contains(&"authorization: Bearer theirs".into())
    );
    assert!(told_inside(&[("authorization", "Basic YTpi")]).contains(&"authorization: Basic YTpi".into()));
}

#[test]
fn a_websocket_is_asked_for_and_no_other_upgrade() {
    let told = told_inside(&[("connection", "Upgrade, x"), ("upgrade", "WebSocket"), ("x", "1")]);
    assert_eq!(told, ["connection: upgrade", "host: localhost:8000", "upgrade: websocket"]);
    assert_eq!(told_inside(&[("connection", "upgrade"), ("upgrade", "h2c")]), ["host: localhost:8000"]);
    assert_eq!(told_inside(&[("upgrade", "websocket")]), ["host: localhost:8000"]);
}

#[test]
fn a_program_inside_says_nothing_about_more_than_its_own_origin() {
    let told = told_outside(&[
        ("strict-transport-security", "max-age=1"),
        ("clear-site-data", "\"cookies\""),
        ("alt-svc", "h3=\":443\""),
        ("x-accel-redirect", "/secret"),
        ("nel", "{}"),
        ("set-cookie", "a=domain; Domain=localhost; Path=/"),
        ("set-cookie", "b=2; DOMAIN = example.org; HttpOnly"),
        ("set-cookie", "domain=3"),
        ("referrer-policy", "unsafe-url"),
        ("content-security-policy", "default-src *"),
        ("transfer-encoding", "chunked"),
    ]);
    assert_eq!(
        told,
        [
            "content-security-policy: default-src *",
            "set-cookie: a=domain; Path=/",
            "set-cookie: b=2; HttpOnly",
            "set-cookie: domain=3",
        ]
    );
}

#[test]
fn a_redirection_stays_in_the_preview_or_is_left_as_it_is() {
    for (location, told) in [
        ("http://localhost:8000/a?b", "/a?b"),
        ("https://127.0.0.1:8000", "/"),
        ("http://p-0a.localhost:7070/x", "/x"),
        ("http://localhost:8000?q", "/?q"),
        ("http://localhost:8000//evil.example/", "http://localhost:8000//evil.example/"),
        ("http://localhost:80001/", "http://localhost:80001/"),
        ("http://other.example/", "http://other.example/"),
        ("/relative", "/relative"),
    ] {
        assert_eq!(told_outside(&[("location", location)]), [format!("location: {told}")]);
    }
}

#[test]
fn the_length_of_a_body_is_said_in_one_way() {
    for (lines, framed) in [
        (&[][..], true),
        (&[("content-length", "3")], true),
        (&[("transfer-encoding", "chunked")], true),
        (&[("content-length", "3"), ("content-length", "3")], false),
        (&[("content-length", "3"), ("transfer-encoding", "chunked")], false),
        (&[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")], false),
        (&[("transfer-encoding", "gzip, chunked")], false),
        (&[("transfer-encoding", "identity")], false),
    ] {
        assert_eq!(is_framed(&headers(lines)), framed, "{lines:?}");
    }
}
