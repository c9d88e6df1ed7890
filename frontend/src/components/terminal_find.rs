//! The box that finds text in a terminal.

use yew::prelude::*;

use super::icon::{Icon, glyph};
use crate::interop::element;

/// Properties of [`TerminalFind`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// Whether the last search found something.
    pub found: bool,
    /// Find this text, forwards or (`true`) backwards.
    pub on_find: Callback<(String, bool)>,
    /// Done.
    pub on_close: Callback<()>,
}

/// The box: Enter finds the match before, as it is usually above; Escape closes.
#[component]
pub fn TerminalFind(props: &Props) -> Html {
    let input = use_node_ref();
    let text = use_state(String::new);
    use_effect_with(input.clone(), element::focus);
    let oninput = {
        let (text, input) = (text.clone(), input.clone());
        Callback::from(move |_| text.set(element::input_value(&input)))
    };
    let find = |backwards: bool| {
        let text = text.clone();
        props.on_find.reform(move |()| ((*text).clone(), backwards))
    };
    let (up, down) = (find(true), find(false));
    let onkeydown = {
        let (up, down, close) = (up.clone(), down.clone(), props.on_close.clone());
        Callback::from(move |event: KeyboardEvent| match event.key().as_str() {
            "Enter" if event.shift_key() => down.emit(()),
            "Enter" => up.emit(()),
            "Escape" => close.emit(()),
            _ => {}
        })
    };
    html! {
        <div class="find" role="search">
            <input class="find-input" type="text" ref={input} placeholder="Find" aria-label="Find in the terminal"
                value={(*text).clone()} {oninput} {onkeydown} />
            <span class="find-result" role="status">{ if props.found { "" } else { "No match" } }</span>
            <button type="button" class="icon-button" aria-label="Match above" onclick={up.reform(|_: MouseEvent| ())}>
                { glyph(Icon::Up) }
            </button>
            <button type="button" class="icon-button" aria-label="Match below" onclick={down.reform(|_: MouseEvent| ())}>
                { glyph(Icon::Down) }
            </button>
            <button type="button" class="icon-button" aria-label="Close search" onclick={props.on_close.reform(|_| ())}>
                { glyph(Icon::Close) }
            </button>
        </div>
    }
}
