//! Sending a file. By `XMLHttpRequest`, because `fetch` does not tell how far it is.

use gloo_events::EventListener;
use js_sys::Promise;
use porthole_protocol::error::WireError;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{ProgressEvent, XmlHttpRequest};
use yew::Callback;

use super::http;
use crate::interop::browser;
use crate::interop::files::LocalFile;

/// Aborts its request when dropped.
struct Abort(XmlHttpRequest);

impl Drop for Abort {
    fn drop(&mut self) {
        let _ = self.0.abort();
    }
}

/// Sends the file as the request's body and answers with the body of the answer. `on_progress` hears how many bytes have
/// left. Dropping the future aborts.
///
/// # Errors
/// What the agent says, or that it says nothing.
pub async fn send(
    method: &str,
    path: &str,
    file: &LocalFile,
    on_progress: Callback<u64>,
) -> Result<String, WireError> {
    let failed = |_: JsValue| http::unanswered();
    let request = XmlHttpRequest::new().map_err(failed)?;
    request.open(method, &http::url(path)).map_err(failed)?;
    if let Some(token) = browser::token() {
        request.set_request_header("authorization", &format!("Bearer {token}")).map_err(failed)?;
    }
    let upload = request.upload().map_err(failed)?;
    let _progress = EventListener::new(&upload, "progress", move |event| {
        if let Some(event) = event.dyn_ref::<ProgressEvent>() {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of bytes")]
            on_progress.emit(event.loaded() as u64);
        }
    });
    let mut ended = None;
    let end = Promise::new(&mut |resolve, _| {
        // It comes after success, failure and abortion alike.
        ended = Some(EventListener::new(&request, "loadend", move |_| {
            let _ = resolve.call0(&JsValue::NULL);
        }));
    });
    let abort = Abort(request);
    abort.0.send_with_opt_blob(Some(file.blob())).map_err(failed)?;
    JsFuture::from(end).await.map_err(failed)?;
    let status = abort.0.status().map_err(failed)?;
    let body = abort.0.response_text().map_err(failed)?.unwrap_or_default();
    match status {
        0 => Err(http::unanswered()),
        200..300 => Ok(body),
        _ => Err(http::refusal(status, &body)),
    }
}
