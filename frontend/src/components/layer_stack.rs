//! A stack of layers, drawn as one.

use porthole_protocol::files::StackLayer;
use porthole_protocol::image::StoredLayer;
use yew::prelude::*;

use super::layer_chip::layer_chip;
use crate::state::{format, stack};

/// What [`layer_stack`] is about.
pub struct Props<'a> {
    /// The layers, topmost first.
    pub layers: &'a [StackLayer],
    /// Every layer in the store, to tell who shares what.
    pub stored: &'a [StoredLayer],
    /// Bytes in the writable layer, where they are known better than `layers` says.
    pub writable_bytes: Option<u64>,
    /// The layer that is looked from.
    pub from: usize,
    /// The layer that the selected file comes from.
    pub source: Option<usize>,
    /// Look from this layer.
    pub on_from: Callback<usize>,
}

/// Parts of a hundred on a logarithmic scale, on which both a touched file and a distribution can be seen.
fn fill(bytes: u64) -> u32 {
    match bytes {
        0 => 0,
        _ => (bytes.ilog2() * 3).clamp(4, 100),
    }
}

fn slab(props: &Props<'_>, index: usize, layer: &StackLayer) -> Html {
    let writable = layer.diff_id.is_none();
    let bytes = props.writable_bytes.filter(|_| writable).unwrap_or(layer.bytes);
    let made = stack::instruction(&layer.created_by);
    let made = match (writable, made.is_empty()) {
        (true, _) => "Writable layer".to_string(),
        (false, true) => "no instruction told".to_string(),
        (false, false) => made,
    };
    html! {
        <li key={layer.diff_id.clone().unwrap_or_default()} class="slab" data-hue={stack::hue(props.layers, index)}
            data-below={(index < props.from).then_some("true")}>
            <button type="button" class="slab-button" aria-pressed={(index == props.from).to_string()}
                onclick={props.on_from.reform(move |_| index)} title={layer.diff_id.clone()}>
                <span class="slab-fill" style={format!("inline-size: {}%", fill(bytes))} aria-hidden="true" />
                { layer_chip(props.layers, index) }
                <span class="slab-made">{ made }</span>
                <span class="slab-size">{ format::bytes(bytes) }</span>
                <span class="slab-note">
                    { stack::sharers(layer, props.stored) }
                    if props.source == Some(index) { <strong class="slab-source">{ "has the file" }</strong> }
                </span>
            </button>
        </li>
    }
}

/// The layers, topmost first; each can be looked from.
pub fn layer_stack(props: &Props<'_>) -> Html {
    html! {
        <ol class="slabs" aria-label="Layers, topmost first">
            { for props.layers.iter().enumerate().map(|(index, layer)| slab(props, index, layer)) }
        </ol>
    }
}
