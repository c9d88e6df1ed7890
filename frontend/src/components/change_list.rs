//! What a container's writable layer holds, as `porthole diff` prints it.

use porthole_protocol::files::{Change, Changes};
use yew::prelude::*;

use crate::state::{format, glossary};

/// Most lines shown; the command prints all.
const MOST_LINES: usize = 200;

fn line(change: &Change) -> Html {
    let word = glossary::change(change.kind);
    html! {
        <li key={format!("{word} {}", change.path)} class="change">
            <span class="mark" data-change={word} title={word}>{ change.kind.letter() }</span>
            <span class="visually-hidden">{ format!(" {word} ") }</span>
            <span class="change-path">{ &change.path }</span>
        </li>
    }
}

/// The changes in the order of their paths. A line that has just come stands out for a moment.
pub fn change_list(changes: &Changes) -> Html {
    let Changes { changes, truncated, .. } = changes;
    let hidden = changes.len().saturating_sub(MOST_LINES);
    if changes.is_empty() {
        return html! { <p class="quiet">{ "Nothing yet. Type " }<code class="inline-code">{ "touch /hello" }</code>{ " in the terminal." }</p> };
    }
    html! {
        <>
            <ul class="changes" tabindex="0" aria-label="Changes">{ for changes.iter().take(MOST_LINES).map(line) }</ul>
            if hidden > 0 {
                <p class="quiet">
                    { format!("and {}{}", if *truncated { "more than " } else { "" }, format::count(hidden, "more change")) }
                </p>
            }
        </>
    }
}
