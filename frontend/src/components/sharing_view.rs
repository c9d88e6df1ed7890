//! What sharing saves, drawn to scale.

use yew::prelude::*;

use crate::state::format;
use crate::state::sharing::Sharing;

/// Most containers that get a part of their own; of more, nobody could tell one from the next.
const MOST_PARTS: usize = 40;

/// Two bars on one scale: how it is, and how it would be with a copy for each container.
pub fn sharing_view(sharing: &Sharing) -> Html {
    let (private, copies) = (sharing.private(), sharing.as_copies().max(1));
    let count = sharing.containers.len();
    let part = |class: &'static str, bytes: u64| {
        html! { <span class={class} style={format!("inline-size: {}", format::part(bytes, copies))} /> }
    };
    let copy = |(shared, private): &(u64, u64)| html! { <>{ part("scale-copy", *shared) }{ part("scale-own", *private) }</> };
    let merged = [(copies.saturating_sub(private), private)];
    let parts = if count > MOST_PARTS { &merged[..] } else { &sharing.containers[..] };
    html! {
        <figure class="scale">
            <figcaption class="scale-words">
                <strong>{ format::count(count, "container") }</strong>{ ": " }
                <span class="scale-key scale-once" aria-hidden="true" />
                <strong>{ format::bytes(sharing.stored) }</strong>{ " stored once, " }
                <span class="scale-key scale-own" aria-hidden="true" />
                <strong>{ format::bytes(private) }</strong>
                { if count == 1 { " private to it." } else { " private to them." } }
            </figcaption>
            <span class="scale-name">{ "Shared layers" }</span>
            <span class="scale-bar" aria-hidden="true">{ part("scale-once", sharing.stored) }{ part("scale-own", private) }</span>
            <span class="scale-figure">{ format::bytes(sharing.stored + private) }</span>
            <span class="scale-name">{ "As copies" }</span>
            <span class="scale-bar" aria-hidden="true">{ for parts.iter().map(copy) }</span>
            <span class="scale-figure">{ format::bytes(sharing.as_copies()) }</span>
        </figure>
    }
}
