//! A way to another part of the page.

use yew::functional::Hook;
use yew::prelude::*;

use super::part::part;
use crate::hooks::contexts::use_store;
use crate::hooks::use_route::Navigate;
use crate::route::Route;

/// What [`link`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// Its name in the style sheet.
    pub class: Classes,
    /// Where it leads.
    pub to: Route,
    /// Its words.
    pub children: Html,
}

/// A link that loads nothing. With a modifier key it is the browser's, as any other: a new tab, a new window.
pub fn link(props: Props) -> Html {
    part("", props, |props, hooks| use_link(props).run(hooks))
}

#[hook]
fn use_link(props: &Props) -> Html {
    let navigate = use_store::<Navigate>();
    let onclick = {
        let to = props.to.clone();
        Callback::from(move |event: MouseEvent| {
            if !(event.ctrl_key() || event.meta_key() || event.shift_key() || event.alt_key()) {
                event.prevent_default();
                navigate.emit(to.clone());
            }
        })
    };
    html! { <a class={props.class.clone()} href={props.to.path()} {onclick}>{ props.children.clone() }</a> }
}
