//! Which layer something comes from.

use porthole_protocol::files::StackLayer;
use yew::prelude::*;

use crate::state::stack;

/// The layer's colour and number.
pub fn layer_chip(layers: &[StackLayer], index: usize) -> Html {
    html! {
        <span class="chip" aria-hidden="true" data-hue={stack::hue(layers, index)} title={stack::name(layers, index)}>
            { stack::label(layers, index) }
        </span>
    }
}
