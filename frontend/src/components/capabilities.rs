//! Capabilities by name.

use std::rc::Rc;

use porthole_protocol::kernel::KernelView;
use yew::prelude::*;

use super::command::Command;
use crate::state::{commands, glossary};

/// Properties of [`Capabilities`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The view.
    pub view: Rc<KernelView>,
    /// Types a command into the terminal.
    pub on_type: Callback<String>,
}

/// What root may do in the container, and what the host's root may do beyond it.
#[component]
pub fn Capabilities(props: &Props) -> Html {
    let container = &props.view.container;
    let list = |names: &[String]| {
        html! {
            <ul class="caps">
                { for names.iter().map(|name| html! {
                    <li key={name.clone()} class="cap" title={glossary::capability(name).unwrap_or_default()}>{ name }</li>
                }) }
            </ul>
        }
    };
    let kept_from: Vec<String> = props
        .view
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
                <Command command={commands::CAP_EFFECTIVE} on_type={props.on_type.clone()} />
            </div>
            { list(&container.cap_effective) }
            <div class="caps-head">
                <h3 class="caps-title">{ format!("Bounding, the most it can ever have: {}", container.cap_bounding.len()) }</h3>
                <Command command={commands::CAP_BOUNDING} on_type={props.on_type.clone()} />
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
