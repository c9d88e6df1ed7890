//! The browser's window, through `frontend/js/window.ts`.

use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen(raw_module = "./terminal/window.js")]
extern "C" {
    /// Asks the browser for all keys while a part of the page has the whole screen.
    #[wasm_bindgen(js_name = lockKeyboard)]
    pub fn lock_keyboard();

    /// Asks before Ctrl+W, pressed in a terminal, closes the page.
    #[wasm_bindgen(js_name = guardShell)]
    pub fn guard_shell();

    #[wasm_bindgen(js_name = copy)]
    fn copy_text(text: &str) -> Promise;
}

/// Puts text on the clipboard; false when the browser does not let the page.
pub async fn copy(text: &str) -> bool {
    JsFuture::from(copy_text(text)).await.is_ok_and(|done| done.is_truthy())
}
