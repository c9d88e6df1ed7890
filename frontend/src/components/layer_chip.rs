//! Which layer something comes from.

use porthole_protocol::files::StackLayer;
use yew::prelude::*;

use crate::state::stack;

/// Properties of [`LayerChip`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The stack, topmost first.
    pub layers: Vec<StackLayer>,
    /// Which of them.
    pub index: usize,
}

/// The layer's colour and number.
#[component]
pub fn LayerChip(props: &Props) -> Html {
    html! {
        <span class="chip" aria-hidden="true" data-hue={stack::hue(&props.layers, props.index)} title={stack::name(&props.layers, props.index)}>
            { stack::label(&props.layers, props.index) }
        </span>
    }
}
