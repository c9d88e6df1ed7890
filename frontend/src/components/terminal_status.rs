//! How a terminal is doing, in words, below it.

use yew::prelude::*;

use crate::state::format;
use crate::state::tabs::Status;

/// What [`terminal_status`] is about.
pub struct Props<'a> {
    /// How it is doing.
    pub status: &'a Status,
    /// Whether its container's time was over when it ended.
    pub expired: bool,
    /// Whether the page is connected.
    pub connected: bool,
    /// Start another shell in the container, or the container's image again: what, and how. None when neither can be.
    pub on_again: Option<(&'static str, Callback<()>)>,
    /// What else is to be said.
    pub children: Html,
    /// Close the tab.
    pub on_close: Callback<()>,
}

/// The state, and what can be done about it. Announced when it changes.
pub fn terminal_status(props: &Props<'_>) -> Html {
    let (state, words, hint) = match props.status {
        Status::Opening => ("opening", "Connecting".to_string(), String::new()),
        Status::Queued { .. } => ("opening", "Waiting for room".to_string(), String::new()),
        Status::Live if !props.connected => ("lost", "Disconnected".to_string(), String::new()),
        Status::Live => ("live", "Live".to_string(), String::new()),
        Status::Exited(exit) if exit.out_of_memory => ("killed", format::exit(*exit), String::new()),
        Status::Exited(_) if props.expired => {
            ("exited", "Stopped: its lifetime was over".to_string(), String::new())
        }
        Status::Exited(exit) => ("exited", format::exit(*exit), String::new()),
        Status::Failed(error) => ("killed", error.message.clone(), error.hint.clone()),
        Status::Removed => ("exited", "The container was removed".to_string(), String::new()),
    };
    let over = !matches!(props.status, Status::Opening | Status::Queued { .. } | Status::Live);
    html! {
        <div class="terminal-status" data-state={state}>
            <p class="terminal-state" role="status" aria-label="Terminal">
                <span class="dot" aria-hidden="true" />
                { words }
                if !hint.is_empty() { <span class="terminal-hint">{ hint }</span> }
            </p>
            { props.children.clone() }
            if let (true, Some((what, again))) = (over, props.on_again.clone()) {
                <button type="button" class="button" onclick={again.reform(|_| ())}>{ what }</button>
            }
            if over {
                <button type="button" class="button" onclick={props.on_close.reform(|_| ())}>{ "Close" }</button>
            }
        </div>
    }
}
