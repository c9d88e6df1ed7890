//! The keyboard, explained.

use yew::prelude::*;

use super::icon::{Icon, glyph};
use crate::interop::element;
use crate::state::shortcuts::HELP;

/// A button that opens the list of shortcuts.
#[component]
pub fn HelpButton() -> Html {
    let dialog = use_node_ref();
    let with = |act: fn(&NodeRef)| {
        let dialog = dialog.clone();
        Callback::from(move |_: MouseEvent| act(&dialog))
    };
    let (open, close) = (with(element::show_dialog), with(element::close_dialog));
    html! {
        <>
            <button type="button" class="icon-button" onclick={open} aria-label="Keyboard shortcuts"
                title="Keyboard shortcuts">
                { glyph(Icon::Keyboard) }
            </button>
            <dialog class="dialog" ref={dialog} aria-labelledby="keyboard-title">
                <header class="dialog-head">
                    <h2 class="dialog-title" id="keyboard-title">{ "Keyboard" }</h2>
                    <button type="button" class="icon-button" onclick={close} aria-label="Close">
                        { glyph(Icon::Close) }
                    </button>
                </header>
                <p class="section-lead">
                    { "While a terminal has the focus every other key, Tab and Escape among them, is the shell's." }
                </p>
                <dl class="keys">
                    { for HELP.iter().map(|(keys, what)| html! {
                        <div class="keys-row" key={*keys}>
                            <dt class="keys-chord">
                                { for keys.split(' ').map(|key| html! { <kbd class="key">{ key }</kbd> }) }
                            </dt>
                            <dd class="keys-what">{ *what }</dd>
                        </div>
                    }) }
                </dl>
            </dialog>
        </>
    }
}
