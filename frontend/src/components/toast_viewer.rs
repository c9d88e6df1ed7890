//! The messages at the edge of the page.

use gloo_timers::callback::Timeout;
use yew::prelude::*;

use super::icon::{Icon, glyph};
use crate::state::toasts::Toast;

/// How long a message stays, in milliseconds: long enough to read two sentences.
const SHOWN_MS: u32 = 10_000;

/// Properties of [`ToastViewer`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The messages, oldest first.
    pub toasts: Vec<Toast>,
    /// Read, or timed out.
    pub on_dismiss: Callback<u32>,
}

/// All messages.
#[component]
pub fn ToastViewer(props: &Props) -> Html {
    html! {
        <div class="toasts" role="region" aria-label="Messages">
            { for props.toasts.iter().map(|toast| html! {
                <Item key={toast.key} toast={toast.clone()} on_dismiss={props.on_dismiss.clone()} />
            }) }
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct ItemProps {
    toast: Toast,
    on_dismiss: Callback<u32>,
}

#[component]
fn Item(props: &ItemProps) -> Html {
    let Toast { key, message, hint, failure } = props.toast.clone();
    use_effect_with(key, {
        let on_dismiss = props.on_dismiss.clone();
        move |key| {
            let key = *key;
            let timeout = Timeout::new(SHOWN_MS, move || on_dismiss.emit(key));
            move || drop(timeout)
        }
    });
    html! {
        <div class="toast" role={if failure { "alert" } else { "status" }} data-failure={failure.then_some("true")}>
            <p class="toast-text">
                <strong class="toast-message">{ message }</strong>
                if !hint.is_empty() { <span class="toast-hint">{ hint }</span> }
            </p>
            <button type="button" class="icon-button" aria-label="Dismiss"
                onclick={props.on_dismiss.reform(move |_| key)}>
                { glyph(Icon::Close) }
            </button>
        </div>
    }
}
