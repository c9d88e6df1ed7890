//! A button that opens the browser's dialog for files.

use yew::functional::Hook;
use yew::prelude::*;

use super::icon::{Icon, glyph};
use super::part::part;
use crate::interop::files::{self, LocalFile};

/// What [`file_button`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// Its words.
    pub words: AttrValue,
    /// The files that were chosen.
    pub on_files: Callback<Vec<LocalFile>>,
}

/// The button; the input behind it is neither seen nor reached.
pub fn file_button(props: Props) -> Html {
    part("", props, |props, ctx| use_file_button(props).run(ctx))
}

#[hook]
fn use_file_button(props: &Props) -> Html {
    let input = use_node_ref();
    let onclick = {
        let input = input.clone();
        Callback::from(move |_: MouseEvent| files::choose(&input))
    };
    let onchange = {
        let (input, on_files) = (input.clone(), props.on_files.clone());
        Callback::from(move |_: Event| {
            let chosen = files::chosen(&input);
            if !chosen.is_empty() {
                on_files.emit(chosen);
            }
        })
    };
    html! {
        <>
            <input ref={input} type="file" multiple=true hidden=true {onchange} />
            <button type="button" class="button" {onclick}>{ glyph(Icon::Upload) }{ &props.words }</button>
        </>
    }
}
