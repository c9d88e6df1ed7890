//! What components ask of their elements beyond what Yew offers.

use web_sys::{FormData, HtmlDialogElement, HtmlElement, HtmlFormElement, HtmlInputElement};
use yew::NodeRef;

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
