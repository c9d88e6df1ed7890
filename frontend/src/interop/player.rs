//! Recordings that play, through `frontend/js/player.ts`, which is loaded when the first one is opened.

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlElement;
use yew::{Callback, NodeRef};

#[wasm_bindgen(raw_module = "./terminal/terminal.js")]
extern "C" {
    #[wasm_bindgen(js_name = openPlayer)]
    fn open_player(host: &HtmlElement, text: &str, tick: &Closure<dyn Fn(f64, bool)>) -> Promise;

    #[wasm_bindgen(js_name = Player)]
    type Film;

    #[wasm_bindgen(method, getter)]
    fn duration(this: &Film) -> f64;
    #[wasm_bindgen(method, getter)]
    fn title(this: &Film) -> String;
    #[wasm_bindgen(method, getter)]
    fn marks(this: &Film) -> Vec<f64>;
    #[wasm_bindgen(method)]
    fn play(this: &Film);
    #[wasm_bindgen(method)]
    fn pause(this: &Film);
    #[wasm_bindgen(method)]
    fn seek(this: &Film, seconds: f64);
    #[wasm_bindgen(method, js_name = setSpeed)]
    fn set_speed(this: &Film, speed: f64);
    #[wasm_bindgen(method, js_name = setIdleCap)]
    fn set_idle_cap(this: &Film, seconds: f64);
    #[wasm_bindgen(method)]
    fn search(this: &Film, text: &str) -> Vec<f64>;
    #[wasm_bindgen(method)]
    fn copy(this: &Film);
    #[wasm_bindgen(method)]
    fn fit(this: &Film);
    #[wasm_bindgen(method)]
    fn dispose(this: &Film);
}

/// A recording on the page; it leaves when dropped. It begins paused at 0 s.
pub struct Player {
    film: Film,
    _tick: Closure<dyn Fn(f64, bool)>,
}

impl Player {
    /// Opens an asciicast of version 2 or 3 inside `host`. `tick` gets the time in seconds of the recording and whether it
    /// plays: ten times a second while it does, and whenever it starts, stops or goes elsewhere. None when the text is no
    /// recording, or `host` has left the page.
    pub async fn open(host: &NodeRef, text: &str, tick: Callback<(f64, bool)>) -> Option<Self> {
        let host = host.cast::<HtmlElement>()?;
        let tick = Closure::new(move |seconds, playing| tick.emit((seconds, playing)));
        let film = JsFuture::from(open_player(&host, text, &tick)).await.ok()?.unchecked_into();
        Some(Self { film, _tick: tick })
    }

    /// How long it is, in seconds.
    #[must_use]
    pub fn duration(&self) -> f64 {
        self.film.duration()
    }

    /// What it calls itself; often empty.
    #[must_use]
    pub fn title(&self) -> String {
        self.film.title()
    }

    /// Times of marks in it, in seconds, in order.
    #[must_use]
    pub fn marks(&self) -> Vec<f64> {
        self.film.marks()
    }

    /// Plays on; from the beginning when it is over.
    pub fn play(&self) {
        self.film.play();
    }

    /// Stands still.
    pub fn pause(&self) {
        self.film.pause();
    }

    /// Shows the screen as it was at this time, in seconds, and goes on playing if it did. Of several in a row the last one
    /// counts.
    pub fn seek(&self, seconds: f64) {
        self.film.seek(seconds);
    }

    /// How many seconds of the recording pass in one: 0.1 to 64.
    pub fn set_speed(&self, speed: f64) {
        self.film.set_speed(speed);
    }

    /// The longest pause that is played in full, in seconds of the recording; 0 plays all. What is longer is cut at its end:
    /// the time jumps, so that a moment has the same time however it is played.
    pub fn set_idle_cap(&self, seconds: f64) {
        self.film.set_idle_cap(seconds);
    }

    /// When this text was printed, in seconds, in order; the case of letters does not matter.
    #[must_use]
    pub fn search(&self, text: &str) -> Vec<f64> {
        self.film.search(text)
    }

    /// Copies the selection or, without one, the screen.
    pub fn copy(&self) {
        self.film.copy();
    }

    /// Fills its place; for when it has been hidden. It follows its place's size by itself.
    pub fn fit(&self) {
        self.film.fit();
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.film.dispose();
    }
}
