//! The page, embedded in the program as its build left it: each file, and beside it `.br` and `.gz`.

use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use rust_embed::{Embed, EmbeddedFile};

use super::error::no_such_route;

#[derive(Embed)]
#[folder = "../frontend/dist"]
struct Page;

/// Encodings by preference, with the ending of their files.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Shown when the program was built without the page.
const NO_PAGE: &str = "Porthole is running, but was built without its page.\n\n\
    'cargo xtask run' builds both. The command line and the API work without: try 'porthole run -it busybox'.\n";

/// Answers whatever is not the API's: a file of the page, or the page itself for one of its own addresses.
pub(super) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") || !(method == Method::GET || method == Method::HEAD) {
        return no_such_route().into_response();
    }
    if let Some(response) = file(path, &headers) {
        return response;
    }
    // Addresses of the page have no file ending; a file that is missing must not become the page.
    if path.contains('.') {
        return no_such_route().into_response();
    }
    file("index.html", &headers).unwrap_or_else(|| {
        (StatusCode::NOT_FOUND, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], NO_PAGE)
            .into_response()
    })
}

fn file(path: &str, headers: &HeaderMap) -> Option<Response> {
    let plain = Page::get(path)?;
    // Weak: the same for every encoding (RFC 9110, section 8.8.1).
    let tag = format!("W/\"{}\"", hex(&plain.metadata.sha256_hash()[..16]));
    let etag = HeaderValue::from_str(&tag).expect("hexadecimal digits are a header value");
    let cache = if is_hashed(path) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let common = [
        (header::ETAG, etag),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Some((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let mime = HeaderValue::from_str(mime.as_ref()).expect("a MIME type is a header value");
    let mut response = match encoded(path, headers) {
        Some((encoding, file)) => ([(header::CONTENT_ENCODING, encoding)], file.data).into_response(),
        None => plain.data.into_response(),
    };
    response.headers_mut().extend(common);
    response.headers_mut().insert(header::CONTENT_TYPE, mime);
    Some(response)
}

/// The file in the best encoding that the browser takes and the build made.
fn encoded(path: &str, headers: &HeaderMap) -> Option<(&'static str, EmbeddedFile)> {
    let accepted = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    let accepts = |encoding: &str| {
        accepted.split(',').any(|one| {
            let mut words = one.split(';').map(str::trim);
            words.next() == Some(encoding) && !words.any(|word| word == "q=0")
        })
    };
    ENCODINGS
        .iter()
        .filter(|(encoding, _)| accepts(encoding))
        .find_map(|(encoding, ending)| Some((*encoding, Page::get(&format!("{path}{ending}"))?)))
}

/// Whether a name holds a hash of the content, as `page-0123456789abcdef.js` does: at least eight hexadecimal digits
/// between '-' or '.' and the next '.', '-' or '_'.
fn is_hashed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let stem = name.split(['-', '.', '_']).skip(1);
    stem.into_iter().any(|part| part.len() >= 8 && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_hash_are_told_from_those_without() {
        for hashed in [
            "porthole-web-1f0c9a7be5d80b7f.js",
            "porthole-web-1f0c9a7be5d80b7f_bg.wasm",
            "a/page-0123456789ab.css",
        ] {
            assert!(is_hashed(hashed), "{hashed}");
        }
        for plain in [
            "index.html",
            "terminal/terminal.js",
            "fonts/jetbrains-mono-latin-wght-normal.woff2",
            "deadbeef",
            "feedbeef.js",
        ] {
            assert!(!is_hashed(plain), "{plain}");
        }
    }
}
