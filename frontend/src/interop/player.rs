//! Recordings that play, through `frontend/js/replay.ts`, which is loaded when the first one is opened.

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlElement;
use yew::NodeRef;

#[wasm_bindgen(raw_module = "./terminal/terminal.js")]
extern "C" {
    #[wasm_bindgen(js_name = openReplay)]
    fn open_replay(host: &HtmlElement, text: &str, at: f64, link: &str) -> Promise;

    #[wasm_bindgen(js_name = Replay)]
    type Film;

    #[wasm_bindgen(method)]
    fn dispose(this: &Film);
}

/// A recording on the page, with its controls; it leaves when dropped.
pub struct Player(Film);

impl Player {
    /// Opens an asciicast of version 2 or 3 inside `host`, paused at this moment, in milliseconds. `link` is its address, to which a
    /// moment is added; empty where it has none. None when the text is no recording, or `host` has left the page.
    pub async fn open(host: &NodeRef, text: &str, at_ms: u32, link: &str) -> Option<Self> {
        let host = host.cast::<HtmlElement>()?;
        let film = JsFuture::from(open_replay(&host, text, f64::from(at_ms) / 1000.0, link)).await.ok()?;
        Some(Self(film.unchecked_into()))
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.0.dispose();
    }
}
