//! The root file system as a stack: one writable layer on read-only ones.

use porthole_protocol::kernel::Layer;
use yew::prelude::*;

use crate::state::format;

/// The stack, topmost layer first.
pub fn layers(layers: &[Layer], writable_bytes: u64) -> Html {
    let layer = |layer: &Layer| {
        let shared = match layer.shared_by {
            0 | 1 => "only this container uses it now".to_string(),
            count => format!("shared by {count} containers"),
        };
        html! {
            <li key={layer.diff_id.clone()} class="layer">
                <span class="layer-name" title={layer.diff_id.clone()}>{ format::short_digest(&layer.diff_id) }</span>
                <span class="layer-size">{ format::bytes(layer.bytes) }</span>
                <span class="layer-note">{ format!("read-only, {shared}") }</span>
                if !layer.created_by.is_empty() { <span class="layer-made">{ &layer.created_by }</span> }
            </li>
        }
    };
    html! {
        <ol class="layers">
            <li class="layer" data-writable="true">
                <span class="layer-name">{ "writable layer" }</span>
                <span class="layer-size">{ format::bytes(writable_bytes) }</span>
                <span class="layer-note">{ "this container's own; goes when it goes" }</span>
            </li>
            { for layers.iter().map(layer) }
        </ol>
    }
}
