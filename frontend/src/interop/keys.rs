//! The keyboard, before anything else on the page sees it; and the same requests by other ways.

use std::cell::Cell;

use gloo_events::{EventListener, EventListenerOptions};
use wasm_bindgen::JsCast;
use web_sys::{Document, Event, KeyboardEvent};

use super::focus;
use crate::state::shortcuts::{Chord, Shortcut, shortcut};

/// The event that stands for a shortcut pressed without keys.
const ASKED: &str = "porthole-asked";

thread_local! {
    static WANTED: Cell<Option<Shortcut>> = const { Cell::new(None) };
}

fn document() -> Document {
    web_sys::window().and_then(|window| window.document()).expect("the page runs in a window")
}

/// Calls `act` for each shortcut, until dropped. A shortcut it takes (`true`) reaches nobody else.
pub fn listen(act: impl Fn(Shortcut) -> bool + Clone + 'static) -> [EventListener; 2] {
    // Capturing: a focused terminal would swallow the key otherwise.
    let options = EventListenerOptions { phase: gloo_events::EventListenerPhase::Capture, passive: false };
    let asked = {
        let act = act.clone();
        move |_: &Event| {
            if let Some(wanted) = WANTED.take().filter(|wanted| !act(*wanted)) {
                WANTED.set(Some(wanted));
            }
        }
    };
    let pressed = move |event: &Event| {
        let Some(key) = event.dyn_ref::<KeyboardEvent>() else { return };
        let chord = Chord {
            key: &key.key(),
            ctrl: key.ctrl_key() || key.meta_key(),
            shift: key.shift_key(),
            alt: key.alt_key(),
            focus: focus::now(),
        };
        if shortcut(chord).is_some_and(&act) {
            event.prevent_default();
            event.stop_immediate_propagation();
        }
    };
    [
        EventListener::new_with_options(&document(), "keydown", options, pressed),
        EventListener::new(&document(), ASKED, asked),
    ]
}

/// Asks for what a shortcut asks for.
pub fn press(shortcut: Shortcut) {
    WANTED.set(Some(shortcut));
    if let Ok(event) = Event::new(ASKED) {
        let _ = document().dispatch_event(&event);
    }
    WANTED.set(None);
}
