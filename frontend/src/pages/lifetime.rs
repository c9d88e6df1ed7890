//! How long the shown container still lives.

use porthole_protocol::ids::ContainerId;
use porthole_protocol::spec::Limits;
use yew::functional::Hook;
use yew::prelude::*;

use crate::components::part::part;
use crate::hooks::contexts::{KernelContext, use_store};
use crate::hooks::use_now::use_now;
use crate::net::client::Client;
use crate::state::format;

/// How often the clock moves, in milliseconds.
const TICK_MS: u32 = 1000;
/// What is left when the clock calls for attention, in milliseconds.
const SOON_MS: u64 = 60_000;
/// What is added where it is not known how long the container was meant to live, in milliseconds.
const HALF_AN_HOUR_MS: u64 = 1_800_000;

/// What [`lifetime`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The container.
    pub container: ContainerId,
    /// When it will be stopped, in milliseconds since 1970-01-01 UTC.
    pub expires_ms: u64,
}

/// A clock that runs down, and a button that winds it up again: its whole lifetime, from now.
pub fn lifetime(props: Props) -> Html {
    part("", props, |props, ctx| use_lifetime(props).run(ctx))
}

#[hook]
fn use_lifetime(props: &Props) -> Html {
    let client = use_store::<Client>();
    let kernel = use_store::<KernelContext>();
    let left = props.expires_ms.saturating_sub(use_now(TICK_MS));
    let lifetime = kernel
        .detail
        .as_deref()
        .filter(|detail| detail.summary.id == props.container)
        .and_then(|detail| detail.limits.lifetime_ms)
        .unwrap_or(HALF_AN_HOUR_MS);
    let extend = {
        let container = props.container.clone();
        let limits = Limits { lifetime_ms: Some(lifetime), ..Limits::default() };
        Callback::from(move |_: MouseEvent| client.update(container.clone(), limits.clone()))
    };
    html! {
        <div class="lifetime" data-soon={(left < SOON_MS).then_some("true")}>
            <span role="timer" aria-label="Time left">{ format!("Ends in {}", format::clock(left)) }</span>
            <button type="button" class="button" onclick={extend}
                title={format!("It then ends {} from now", format::span(lifetime))}>
                { "Extend" }
            </button>
        </div>
    }
}
