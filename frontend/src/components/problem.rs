//! What went wrong, and what to do next.

use porthole_protocol::error::WireError;
use yew::prelude::*;

/// The error's sentence and its next step, announced.
pub fn problem(error: &WireError) -> Html {
    html! {
        <p class="problem" role="alert">
            <strong class="problem-what">{ &error.message }</strong>
            if !error.hint.is_empty() { { " " }{ &error.hint } }
        </p>
    }
}
