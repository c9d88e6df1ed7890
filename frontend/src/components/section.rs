//! A part of the kernel panel: heading, one plain sentence, and what there is to see.

use yew::prelude::*;

/// The part, which can be folded: its heading, a figure beside it that may be empty, what this is for someone who meets it for
/// the first time, and what there is to see.
pub fn section(title: &'static str, figure: String, lead: Html, body: Html) -> Html {
    part(title, figure, true, lead, body)
}

/// The same, folded at first.
pub fn folded(title: &'static str, figure: String, lead: Html, body: Html) -> Html {
    part(title, figure, false, lead, body)
}

fn part(title: &'static str, figure: String, open: bool, lead: Html, body: Html) -> Html {
    html! {
        <details class="section" {open}>
            <summary class="section-head">
                <h2 class="section-title">{ title }</h2>
                if !figure.is_empty() { <span class="section-figure">{ figure }</span> }
            </summary>
            <p class="section-lead">{ lead }</p>
            { body }
        </details>
    }
}
