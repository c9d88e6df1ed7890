//! Requests of the HTTP API, with the token where there is one. A request whose future is dropped is aborted.
//!
//! Answers are read as text and parsed as the socket's are: one parser, not two, in the page.

use js_sys::{Reflect, Uint8Array};
use porthole_protocol::error::{ErrorCode, WireError};
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, Blob, Headers, ReadableStreamDefaultReader, RequestInit, Response};

use super::json;
use crate::interop::browser;

/// Aborts its request when dropped.
struct Abort(AbortController);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The agent's address of a path such as `/images`.
#[must_use]
pub(super) fn url(path: &str) -> String {
    format!("/api/v1{path}")
}

/// What a request without an answer amounts to.
pub(super) fn unanswered() -> WireError {
    WireError::new(
        ErrorCode::Internal,
        "The agent did not answer.",
        "Look whether the connection at the top of the page is there, then try again.",
    )
}

/// The error that an answer's body tells.
pub(super) fn refusal(status: u16, body: &str) -> WireError {
    json::read(body).unwrap_or_else(|_| {
        let sentence = format!("The agent answered with status {status}.");
        WireError::new(ErrorCode::Internal, sentence, "Its log says why.")
    })
}

async fn send(method: &str, path: &str, body: Option<&str>) -> Result<(Response, Abort), WireError> {
    let failed = |_: JsValue| unanswered();
    let abort = Abort(AbortController::new().map_err(failed)?);
    let headers = Headers::new().map_err(failed)?;
    if let Some(token) = browser::token() {
        headers.set("authorization", &format!("Bearer {token}")).map_err(failed)?;
    }
    let init = RequestInit::new();
    init.set_method(method);
    init.set_signal(Some(&abort.0.signal()));
    if let Some(body) = body {
        headers.set("content-type", "application/json").map_err(failed)?;
        init.set_body_opt_str(Some(body));
    }
    init.set_headers_headers(&headers);
    let window = web_sys::window().expect("the page runs in a window");
    let answer = JsFuture::from(window.fetch_with_str_and_init(&url(path), &init)).await;
    let response: Response = answer.and_then(JsCast::dyn_into).map_err(failed)?;
    if response.ok() {
        return Ok((response, abort));
    }
    Err(refusal(response.status(), &words(&response).await?))
}

async fn words(response: &Response) -> Result<String, WireError> {
    let failed = |_: JsValue| unanswered();
    let text = JsFuture::from(response.text().map_err(failed)?).await.map_err(failed)?;
    text.as_string().ok_or_else(unanswered)
}

async fn answer(method: &str, path: &str, body: Option<String>) -> Result<String, WireError> {
    let (response, _abort) = send(method, path, body.as_deref()).await?;
    words(&response).await
}

/// Asks for text.
///
/// # Errors
/// As [`json()`].
pub async fn text(method: &str, path: &str) -> Result<String, WireError> {
    answer(method, path, None).await
}

/// Asks, with a JSON body if one is given, for JSON.
///
/// # Errors
/// What the agent says, or that it says nothing.
pub async fn json<T: DeserializeOwned>(
    method: &str,
    path: &str,
    body: Option<String>,
) -> Result<T, WireError> {
    let text = answer(method, path, body).await?;
    json::read(&text).map_err(|_| {
        WireError::new(
            ErrorCode::VersionMismatch,
            "The agent's answer is not understood.",
            "Reload the page.",
        )
    })
}

/// Asks, with a JSON body if one is given, for one text among the answer's fields: all that is wanted of some answers.
///
/// # Errors
/// As [`json()`].
pub async fn field(method: &str, path: &str, body: Option<String>, name: &str) -> Result<String, WireError> {
    let text = answer(method, path, body).await?;
    json::field(&text, name).ok_or_else(unanswered)
}

/// Asks for something to be done.
///
/// # Errors
/// As [`json()`].
pub async fn done(method: &str, path: &str) -> Result<(), WireError> {
    answer(method, path, None).await.map(drop)
}

/// Asks for a file and stops reading after `most` bytes, a little more perhaps.
///
/// # Errors
/// As [`json()`].
pub async fn beginning(path: &str, most: usize) -> Result<Vec<u8>, WireError> {
    let failed = |_: JsValue| unanswered();
    let (response, _abort) = send("GET", path, None).await?;
    let Some(stream) = response.body() else { return Ok(Vec::new()) };
    let reader: ReadableStreamDefaultReader = stream.get_reader().dyn_into().map_err(|_| unanswered())?;
    let mut bytes = Vec::new();
    while bytes.len() < most {
        let part = JsFuture::from(reader.read()).await.map_err(failed)?;
        match Reflect::get(&part, &"value".into()).map_err(failed)?.dyn_into::<Uint8Array>() {
            Ok(part) => bytes.extend(part.to_vec()),
            Err(_) => break,
        }
    }
    Ok(bytes)
}

/// Asks for a file, all of it, kept by the browser.
///
/// # Errors
/// As [`json()`].
pub async fn blob(path: &str) -> Result<Blob, WireError> {
    let failed = |_: JsValue| unanswered();
    let (response, _abort) = send("GET", path, None).await?;
    let blob = JsFuture::from(response.blob().map_err(failed)?).await.map_err(failed)?;
    blob.dyn_into().map_err(failed)
}
