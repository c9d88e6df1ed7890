//! The containers.

use porthole_protocol::http::{ContainerState, ContainerSummary};
use porthole_protocol::ids::ContainerId;
use yew::prelude::*;

use super::icon::{Icon, glyph};
use crate::state::format;

/// What [`container_list`] is about.
pub struct Props<'a> {
    /// The containers, newest first; none until the agent has told.
    pub containers: Option<&'a [ContainerSummary]>,
    /// The one that is shown.
    pub shown: Option<&'a ContainerId>,
    /// Now, in milliseconds since 1970-01-01 UTC.
    pub now_ms: u64,
    /// Show its terminal.
    pub on_open: Callback<ContainerId>,
    /// Stop it.
    pub on_stop: Callback<ContainerId>,
    /// Remove it.
    pub on_remove: Callback<ContainerId>,
}

fn state(container: &ContainerSummary) -> (&'static str, String) {
    match container.state {
        ContainerState::Running => ("running", String::new()),
        ContainerState::Exited(exit) if exit.out_of_memory => ("killed", "out of memory · ".into()),
        ContainerState::Exited(exit) => ("exited", format!("exited {} · ", exit.code)),
        ContainerState::Unknown => ("exited", "unknown state · ".into()),
    }
}

fn item(props: &Props<'_>, container: &ContainerSummary) -> Html {
    let emit = |callback: &Callback<ContainerId>| {
        let id = container.id.clone();
        callback.reform(move |_: MouseEvent| id.clone())
    };
    let shown = props.shown == Some(&container.id);
    let (state, words) = state(container);
    let running = container.state == ContainerState::Running;
    html! {
        <li key={container.id.to_string()} class="container" data-state={state}>
            <button type="button" class="container-open" onclick={emit(&props.on_open)}
                aria-current={shown.then_some("true")} title={format!("Open {}", container.name)}>
                <span class="dot" role="img" aria-label={state} />
                <span class="container-name">{ &container.name }</span>
                <span class="container-facts">
                    { format!("{words}{}", format::age(container.created_ms, props.now_ms)) }
                    if running {
                        { " · " }
                        <span class="container-start" title="From the request to the first process's execve">
                            { format!("{} to start", format::nanos(container.start_micros.saturating_mul(1000))) }
                        </span>
                    }
                </span>
            </button>
            if running {
                <button type="button" class="icon-button" onclick={emit(&props.on_stop)}
                    aria-label={format!("Stop {}", container.name)} title="Stop">
                    { glyph(Icon::Stop) }
                </button>
            } else {
                <button type="button" class="icon-button" onclick={emit(&props.on_remove)}
                    aria-label={format!("Remove {}", container.name)} title="Remove">
                    { glyph(Icon::Trash) }
                </button>
            }
        </li>
    }
}

/// The containers, each with its state, age and time to start.
pub fn container_list(props: &Props<'_>) -> Html {
    match props.containers {
        None => html! { <p class="quiet">{ "Waiting for the agent." }</p> },
        Some([]) => html! { <p class="quiet">{ "None yet. Launch an image below." }</p> },
        Some(containers) => html! {
            <ul class="containers">{ for containers.iter().map(|container| item(props, container)) }</ul>
        },
    }
}
