//! The keyboard, explained.

use yew::prelude::*;

use super::dialog;
use crate::state::shortcuts::TABLE;

/// The keys of a line, each for itself.
pub fn chord(keys: &str) -> Html {
    html! {
        <span class="keys-chord">{ for keys.split(' ').map(|key| html! { <kbd class="keycap">{ key }</kbd> }) }</span>
    }
}

/// The list of shortcuts.
pub fn help_dialog(on_close: Callback<()>) -> Html {
    dialog::dialog(dialog::Props {
        title: "Keyboard".into(),
        on_close,
        children: html! { <>
            <p class="section-lead">
                { "While a terminal has the focus every other key, Tab and Escape among them, is the shell's." }
            </p>
            <dl class="keys">
                { for TABLE.iter().filter(|entry| !entry.keys.is_empty()).map(|entry| html! {
                    <div class="keys-row" key={entry.keys}>
                        <dt>{ chord(entry.keys) }</dt>
                        <dd class="keys-what">{ entry.words }</dd>
                    </div>
                }) }
            </dl>
        </> },
        class: Classes::new(),
    })
}
