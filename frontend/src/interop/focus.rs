//! Moving the focus between the page's regions.

use wasm_bindgen::JsCast;
use web_sys::{Document, Element, HtmlElement};
use yew::NodeRef;

use crate::state::shortcuts::Focus;

/// Marks the element that takes the focus when its region is entered.
const ENTRY: &str = "[data-region-entry]";

fn document() -> Document {
    web_sys::window().and_then(|window| window.document()).expect("the page runs in a window with a document")
}

/// Focuses the next region that can be seen, or the one before. Regions carry `data-region`.
pub fn step_region(backwards: bool) {
    let Ok(list) = document().query_selector_all("[data-region]") else { return };
    let regions: Vec<Element> =
        (0..list.length()).filter_map(|index| list.get(index)?.dyn_into().ok()).filter(is_visible).collect();
    if regions.is_empty() {
        return;
    }
    let focused = document().active_element();
    let here = regions.iter().position(|region| region.contains(focused.as_deref()));
    let next = match (here, backwards) {
        (Some(here), false) => (here + 1) % regions.len(),
        (Some(here), true) => (here + regions.len() - 1) % regions.len(),
        (None, false) => 0,
        (None, true) => regions.len() - 1,
    };
    enter(&regions[next]);
}

/// A region may have its size and yet be out of sight behind another.
fn is_visible(region: &Element) -> bool {
    let style = web_sys::window().and_then(|window| window.get_computed_style(region).ok().flatten());
    let visibility = style.and_then(|style| style.get_property_value("visibility").ok());
    region.client_height() > 0 && visibility.as_deref() == Some("visible")
}

fn enter(region: &Element) {
    let inner =
        region.query_selector(".xterm-helper-textarea, [role=tab][aria-selected=true]").ok().flatten();
    let entry = region.query_selector(ENTRY).ok().flatten();
    let target = entry.or(inner).unwrap_or_else(|| region.clone());
    if let Some(target) = target.dyn_ref::<HtmlElement>() {
        let _ = target.focus();
    }
}

/// Moves the focus to the element with this id, if it is inside `within` already.
pub fn follow(within: &NodeRef, id: &str) {
    let Some(within) = within.cast::<Element>() else { return };
    if within.contains(document().active_element().as_deref())
        && let Some(element) = document().get_element_by_id(id)
        && let Some(element) = element.dyn_ref::<HtmlElement>()
    {
        let _ = element.focus();
    }
}

/// Scrolls the element with this id into sight.
pub fn show(id: &str) {
    if let Some(element) = document().get_element_by_id(id) {
        element.scroll_into_view_with_bool(false);
    }
}

/// Where the keyboard is.
#[must_use]
pub fn now() -> Focus {
    let Some(element) = document().active_element() else { return Focus::Elsewhere };
    let is = |selector| element.matches(selector).unwrap_or(false);
    match (is(".xterm-helper-textarea"), is("input, textarea, select")) {
        (true, _) => Focus::Terminal,
        (false, true) => Focus::Field,
        (false, false) => Focus::Elsewhere,
    }
}
