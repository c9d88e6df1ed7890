//! The messages at the edge of the page.

use gloo_timers::callback::Timeout;
use yew::functional::Hook;
use yew::prelude::*;

use super::icon::{Icon, glyph};
use super::part::part;
use crate::state::toasts::Toast;

/// How long a message stays, in milliseconds: long enough to read two sentences.
const SHOWN_MS: u32 = 10_000;

/// What [`toast_viewer`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The messages, oldest first.
    pub toasts: Vec<Toast>,
    /// Read, or timed out.
    pub on_dismiss: Callback<u32>,
}

/// All messages.
pub fn toast_viewer(props: Props) -> Html {
    part("", props, |props, ctx| use_toast_viewer(props).run(ctx))
}

#[hook]
fn use_toast_viewer(props: &Props) -> Html {
    html! {
        <div class="toasts" role="region" aria-label="Messages">
            { for props.toasts.iter().map(|toast| item(&toast.key.to_string(), ItemProps { toast: toast.clone(), on_dismiss: props.on_dismiss.clone() })) }
        </div>
    }
}

#[derive(PartialEq)]
struct ItemProps {
    toast: Toast,
    on_dismiss: Callback<u32>,
}

fn item(key: &str, props: ItemProps) -> Html {
    part(key, props, |props, ctx| use_item(props).run(ctx))
}

#[hook]
fn use_item(props: &ItemProps) -> Html {
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
