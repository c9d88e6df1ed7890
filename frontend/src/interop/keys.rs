//! The keyboard, before anything else on the page sees it.

use gloo_events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use web_sys::KeyboardEvent;

use super::focus;
use crate::state::shortcuts::{Chord, Shortcut, shortcut};

/// Calls `act` for each shortcut, until dropped. A shortcut it takes (`true`) reaches nobody else.
pub fn listen(act: impl Fn(Shortcut) -> bool + 'static) -> EventListener {
    let document = web_sys::window().and_then(|window| window.document()).expect("the page runs in a window");
    // Capturing: a focused terminal would swallow the key otherwise.
    let options = EventListenerOptions { phase: gloo_events::EventListenerPhase::Capture, passive: false };
    EventListener::new_with_options(&document, "keydown", options, move |event| {
        let Some(key) = event.dyn_ref::<KeyboardEvent>() else { return };
        let chord = Chord {
            key: &key.key(),
            ctrl: key.ctrl_key() || key.meta_key(),
            shift: key.shift_key(),
            alt: key.alt_key(),
            in_terminal: focus::in_terminal(),
        };
        if shortcut(chord).is_some_and(&act) {
            event.prevent_default();
            event.stop_propagation();
        }
    })
}
