//! A question over everything else, open for as long as it is mounted.

use yew::functional::Hook;
use yew::prelude::*;

use super::icon::{Icon, glyph};
use super::part::part;
use crate::interop::element;

/// What [`dialog`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// What it is about.
    pub title: AttrValue,
    /// The visitor has had enough of it.
    pub on_close: Callback<()>,
    /// Its further name in the style sheet.
    pub class: Classes,
    /// What it asks.
    pub children: Html,
}

/// A modal dialog. Escape and a button close it; the focus goes back to where it was.
pub fn dialog(props: Props) -> Html {
    part("", props, |props, hooks| use_dialog(props).run(hooks))
}

#[hook]
fn use_dialog(props: &Props) -> Html {
    let dialog = use_node_ref();
    use_effect_with((), {
        let dialog = dialog.clone();
        move |()| {
            element::show_dialog(&dialog);
            move || element::close_dialog(&dialog)
        }
    });
    let close = props.on_close.reform(|_: MouseEvent| ());
    html! {
        <dialog class={classes!("dialog", props.class.clone())} ref={dialog} aria-labelledby="dialog-title" onclose={props.on_close.reform(|_| ())}>
            <header class="dialog-head">
                <h2 class="dialog-title" id="dialog-title">{ &props.title }</h2>
                <button type="button" class="icon-button" onclick={close} aria-label="Close">
                    { glyph(Icon::Close) }
                </button>
            </header>
            { props.children.clone() }
        </dialog>
    }
}
