//! Where files can be dropped.

use yew::functional::Hook;
use yew::prelude::*;

use super::icon::{Icon, glyph};
use super::part::part;
use crate::interop::files::{self, LocalFile};

/// What [`drop_zone`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// What happens to a file that is dropped, in a few words.
    pub words: AttrValue,
    /// The files that were dropped; none where they cannot be taken.
    pub on_files: Option<Callback<Vec<LocalFile>>>,
    /// What files can be dropped on.
    pub children: Html,
}

/// The main part of the page. While files are dragged over it, it says what would happen to them.
pub fn drop_zone(props: Props) -> Html {
    part("", props, |props, hooks| use_drop_zone(props).run(hooks))
}

#[hook]
fn use_drop_zone(props: &Props) -> Html {
    let over = use_state(bool::default);
    let ondragover = {
        let over = over.clone();
        Callback::from(move |event: DragEvent| {
            if files::holds_files(&event) {
                // Without this the browser would open the file in the page's place.
                event.prevent_default();
                over.set(true);
            }
        })
    };
    let ondragleave = {
        let over = over.setter();
        Callback::from(move |event: DragEvent| {
            if files::has_left(&event) {
                over.set(false);
            }
        })
    };
    let ondrop = {
        let (over, on_files) = (over.setter(), props.on_files.clone());
        Callback::from(move |event: DragEvent| {
            over.set(false);
            if !files::holds_files(&event) {
                return;
            }
            event.prevent_default();
            let dropped = files::dropped(&event);
            if let Some(on_files) = on_files.as_ref().filter(|_| !dropped.is_empty()) {
                on_files.emit(dropped);
            }
        })
    };
    html! {
        <main class="workspace" {ondragover} {ondragleave} {ondrop}>
            { props.children.clone() }
            if *over {
                <p class="drop" data-refused={props.on_files.is_none().then_some("true")}>
                    { glyph(Icon::Upload) }{ &props.words }
                </p>
            }
        </main>
    }
}
