//! What a browser is shown where there is no answer of a program's to show.

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Nothing but the style below: this page is served under the name of a stranger's program.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'";

/// One sentence and, with `again`, a reload after two seconds: for people a page, for programs a line.
pub(super) fn say(asked_by: &HeaderMap, status: StatusCode, sentence: &str, again: bool) -> Response {
    let accept = asked_by.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    if !accept.contains("text/html") {
        return (status, headers, format!("{sentence}\n")).into_response();
    }
    let (refresh, hint) = if again {
        ("<meta http-equiv=\"refresh\" content=\"2\">", "<p>This page tries again by itself.</p>")
    } else {
        ("", "")
    };
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         {refresh}<title>Preview</title><style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui;margin:20vh auto;\
         max-width:32rem;padding:0 1rem}}</style><h1>{sentence}</h1>{hint}</html>\n"
    );
    (status, headers, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response()
}
