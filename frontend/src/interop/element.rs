//! What components ask of their elements beyond what Yew offers.

use wasm_bindgen::JsCast;
use web_sys::{
    Element, FormData, HtmlDialogElement, HtmlElement, HtmlFormElement, HtmlInputElement, PointerEvent,
};
use yew::NodeRef;

use super::window::lock_keyboard;

/// Focuses the element. Nothing happens when it is gone.
pub fn focus(node: &NodeRef) {
    if let Some(element) = node.cast::<HtmlElement>() {
        let _ = element.focus();
    }
}

/// What the input field holds; empty when it is gone.
#[must_use]
pub fn input_value(node: &NodeRef) -> String {
    node.cast::<HtmlInputElement>().map_or_else(String::new, |input| input.value())
}

/// What the form's field of this name holds, without blanks around it: of a group of radio buttons, the chosen one's value;
/// of a checkbox, something when it is checked. Empty when there is none.
#[must_use]
pub fn form_value(form: &NodeRef, name: &str) -> String {
    let data = form.cast::<HtmlFormElement>().and_then(|form| FormData::new_with_form(&form).ok());
    data.and_then(|data| data.get(name).as_string()).map_or_else(String::new, |text| text.trim().to_owned())
}

/// Puts text into the input field.
pub fn set_input_value(node: &NodeRef, value: &str) {
    if let Some(input) = node.cast::<HtmlInputElement>() {
        input.set_value(value);
    }
}

/// Opens the dialog over everything else.
pub fn show_dialog(node: &NodeRef) {
    if let Some(dialog) = node.cast::<HtmlDialogElement>() {
        let _ = dialog.show_modal();
    }
}

/// Closes the dialog; the focus goes back to where it was.
pub fn close_dialog(node: &NodeRef) {
    if let Some(dialog) = node.cast::<HtmlDialogElement>() {
        dialog.close();
    }
}

fn grip(event: &PointerEvent) -> Option<Element> {
    event.target().and_then(|target| target.dyn_into().ok())
}

/// Lets the element under this pointer hear of it until it is lifted, wherever it goes.
pub fn capture(event: &PointerEvent) {
    if let Some(element) = grip(event) {
        let _ = element.set_pointer_capture(event.pointer_id());
    }
}

/// Where a captured pointer is, from the left and from above, in ten-thousandths of what is around the element that took it. None
/// when it is not captured.
#[must_use]
pub fn captured_at(event: &PointerEvent) -> Option<(u16, u16)> {
    let element = grip(event).filter(|element| element.has_pointer_capture(event.pointer_id()))?;
    let around = element.parent_element()?.get_bounding_client_rect();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of 10 000")]
    let part =
        |at: f64, from: f64, length: f64| ((at - from) / length * 10_000.0).clamp(0.0, 10_000.0) as u16;
    let (x, y) = (f64::from(event.client_x()), f64::from(event.client_y()));
    Some((part(x, around.left(), around.width()), part(y, around.top(), around.height())))
}

/// Shows nothing but this element, on the whole screen, with all keys its own where the browser lets it; or ends that.
pub fn full_screen(node: &NodeRef) {
    let document = web_sys::window().and_then(|window| window.document());
    match (document, node.cast::<Element>()) {
        (Some(document), _) if document.fullscreen_element().is_some() => document.exit_fullscreen(),
        (_, Some(element)) => {
            let _ = element.request_fullscreen();
            lock_keyboard();
        }
        _ => {}
    }
}
