//! xterm.js, through `frontend/js/terminal.ts`.

use js_sys::{Promise, Uint8Array};
use porthole_protocol::spec::Size;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::HtmlElement;
use yew::{Callback, NodeRef};

use crate::net::client::Screen;
use crate::state::screen::Command;

#[wasm_bindgen(raw_module = "./terminal/terminal.js")]
extern "C" {
    #[wasm_bindgen(js_name = Terminal)]
    type Emulator;

    #[wasm_bindgen(constructor, js_class = "Terminal")]
    fn new(
        host: &HtmlElement,
        input: &Closure<dyn Fn(Uint8Array)>,
        resize: &Closure<dyn Fn(u16, u16)>,
        rendered: &Closure<dyn Fn(u32)>,
        ready: &Closure<dyn Fn(u16, u16)>,
        told: &Closure<dyn Fn(String, String)>,
    ) -> Emulator;

    #[wasm_bindgen(method)]
    fn write(this: &Emulator, bytes: Uint8Array);
    #[wasm_bindgen(method)]
    fn reset(this: &Emulator, old: f64);
    #[wasm_bindgen(method)]
    fn snapshot(this: &Emulator, cols: u16, rows: u16, screen: &str, old: f64);
    #[wasm_bindgen(method)]
    fn attached(this: &Emulator, old: f64);
    #[wasm_bindgen(method)]
    fn away(this: &Emulator, typed: u32, dropped: bool);
    #[wasm_bindgen(method)]
    fn follow(this: &Emulator, cols: u16, rows: u16);
    #[wasm_bindgen(method)]
    fn act(this: &Emulator, command: &str);
    #[wasm_bindgen(method)]
    fn fit(this: &Emulator);
    #[wasm_bindgen(method)]
    fn focus(this: &Emulator);
    #[wasm_bindgen(method, js_name = setLabel)]
    fn set_label(this: &Emulator, label: &str);
    #[wasm_bindgen(method, js_name = setScreenReaderMode)]
    fn set_screen_reader_mode(this: &Emulator, on: bool);
    #[wasm_bindgen(method)]
    fn copy(this: &Emulator) -> bool;
    #[wasm_bindgen(method)]
    fn paste(this: &Emulator) -> Promise;
    #[wasm_bindgen(method)]
    fn dispose(this: &Emulator);
}

/// What a terminal says besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Its program calls itself so.
    Title(String),
    /// Its program rang.
    Bell,
    /// It took the focus.
    Focused,
    /// Something the visitor should know.
    Note(String),
}

/// What a terminal tells.
#[derive(Clone)]
pub struct Handlers {
    /// It is on the page, has this size, and can take output.
    pub ready: Callback<Size>,
    /// The visitor typed or pasted this.
    pub input: Callback<Vec<u8>>,
    /// It has a new size.
    pub resized: Callback<Size>,
    /// It has drawn this many bytes.
    pub rendered: Callback<u32>,
    /// Whatever else.
    pub told: Callback<Told>,
}

/// A terminal on the page; it leaves when dropped.
pub struct Terminal {
    emulator: Emulator,
    _input: Closure<dyn Fn(Uint8Array)>,
    _sizes: [Closure<dyn Fn(u16, u16)>; 2],
    _rendered: Closure<dyn Fn(u32)>,
    _told: Closure<dyn Fn(String, String)>,
}

impl Terminal {
    /// Creates one inside `host`. It is ready a moment later, when its font is there.
    ///
    /// # Panics
    /// When `host` is not on the page, as it is in every effect.
    #[must_use]
    pub fn open(host: &NodeRef, handlers: Handlers) -> Self {
        let host = host.cast::<HtmlElement>().expect("the host element is mounted before effects run");
        let Handlers { ready, input, resized, rendered, told } = handlers;
        let input = Closure::new(move |bytes: Uint8Array| input.emit(bytes.to_vec()));
        let resized = Closure::new(move |cols, rows| resized.emit(Size { rows, cols }));
        let ready = Closure::new(move |cols, rows| ready.emit(Size { rows, cols }));
        let rendered = Closure::new(move |bytes| rendered.emit(bytes));
        let told = Closure::new(move |kind: String, text| {
            told.emit(match kind.as_str() {
                "title" => Told::Title(text),
                "bell" => Told::Bell,
                "focus" => Told::Focused,
                _ => Told::Note(text),
            });
        });
        let emulator = Emulator::new(&host, &input, &resized, &rendered, &ready, &told);
        Self { emulator, _input: input, _sizes: [resized, ready], _rendered: rendered, _told: told }
    }

    /// Fills its place; for when it has been hidden.
    pub fn fit(&self) {
        self.emulator.fit();
    }

    /// Takes the focus.
    pub fn focus(&self) {
        self.emulator.focus();
    }

    /// Its name for assistive technology.
    pub fn set_label(&self, label: &str) {
        self.emulator.set_label(label);
    }

    /// Whether output is announced to screen readers.
    pub fn set_screen_reader_mode(&self, on: bool) {
        self.emulator.set_screen_reader_mode(on);
    }

    /// Copies the selection; false when there is none.
    #[must_use]
    pub fn copy(&self) -> bool {
        self.emulator.copy()
    }

    /// Types what the clipboard holds; false when the browser does not let the page read it.
    pub async fn paste(&self) -> bool {
        JsFuture::from(self.emulator.paste()).await.is_ok_and(|pasted| pasted.is_truthy())
    }

    /// Does this.
    pub fn act(&self, command: Command) {
        self.emulator.act(command.word());
    }
}

#[expect(clippy::cast_precision_loss, reason = "a log is smaller than 2^53 bytes")]
fn bytes(count: u64) -> f64 {
    count as f64
}

impl Screen for Terminal {
    fn write(&self, bytes: &[u8]) {
        // A copy: xterm.js parses later, and a view of our memory would have changed by then.
        self.emulator.write(Uint8Array::from(bytes));
    }

    fn reset(&self, old: u64) {
        self.emulator.reset(bytes(old));
    }

    fn snapshot(&self, size: Size, screen: &str, old: u64) {
        self.emulator.snapshot(size.cols, size.rows, screen, bytes(old));
    }

    fn attached(&self, old: u64) {
        self.emulator.attached(bytes(old));
    }

    fn away(&self, typed: usize, dropped: bool) {
        self.emulator.away(u32::try_from(typed).unwrap_or(u32::MAX), dropped);
    }

    fn follow(&self, size: Option<Size>) {
        // No terminal has no columns: this says that it fills its place again.
        let size = size.unwrap_or(Size { rows: 0, cols: 0 });
        self.emulator.follow(size.cols, size.rows);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.emulator.dispose();
    }
}
