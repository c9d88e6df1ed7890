//! Capabilities by name.

use porthole_protocol::kernel::KernelView;
use yew::prelude::*;

use super::command::command;
use crate::state::{commands, glossary};

/// What root may do in the container, and what the host's root may do beyond it.
pub fn capabilities(view: &KernelView, on_type: &Callback<String>) -> Html {
    let container = &view.container;
    let list = |names: &[String]| {
        html! {
            <ul class="caps">
                { for names.iter().map(|name| html! {
                    <li key={name.clone()} class="cap" title={glossary::capability(name).unwrap_or_default()}>{ name }</li>
                }) }
            </ul>
        }
    };
    let kept_from: Vec<String> = view
        .host
        .cap_bounding
        .iter()
        .filter(|name| !container.cap_bounding.contains(name))
        .cloned()
        .collect();
    html! {
        <>
            <div class="caps-head">
                <h3 class="caps-title">{ format!("Effective: {}", container.cap_effective.len()) }</h3>
                { command(commands::CAP_EFFECTIVE, on_type) }
            </div>
            { list(&container.cap_effective) }
            <div class="caps-head">
                <h3 class="caps-title">{ format!("Bounding, the most it can ever have: {}", container.cap_bounding.len()) }</h3>
                { command(commands::CAP_BOUNDING, on_type) }
            </div>
            if container.cap_bounding == container.cap_effective {
                <p class="section-lead">{ "The same ones." }</p>
            } else {
                { list(&container.cap_bounding) }
            }
            if !kept_from.is_empty() {
                <details class="more">
                    <summary class="more-head">{ format!("Out of reach: {} that the host has", kept_from.len()) }</summary>
                    <div class="caps-away">{ list(&kept_from) }</div>
                </details>
            }
        </>
    }
}
