//! What went wrong, and what to do next.

use porthole_protocol::error::WireError;
use yew::prelude::*;

/// Properties of [`Problem`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The error.
    pub error: WireError,
}

/// The error's sentence and its next step, announced.
#[component]
pub fn Problem(props: &Props) -> Html {
    html! {
        <p class="problem" role="alert">
            <strong class="problem-what">{ &props.error.message }</strong>
            if !props.error.hint.is_empty() { { " " }{ &props.error.hint } }
        </p>
    }
}
