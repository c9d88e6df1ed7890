//! Where the name of an image is written that is not here yet.

use yew::functional::Hook;
use yew::prelude::*;

use super::icon::{Icon, glyph};
use super::part::part;
use crate::interop::element;

/// What [`pull_box`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// Whether a pull can be asked for now.
    pub enabled: bool,
    /// Pull this image.
    pub on_pull: Callback<String>,
}

/// One field and one button.
pub fn pull_box(props: Props) -> Html {
    part("", props, |props, ctx| use_pull_box(props).run(ctx))
}

#[hook]
fn use_pull_box(props: &Props) -> Html {
    let field = use_node_ref();
    let onsubmit = {
        let (field, on_pull) = (field.clone(), props.on_pull.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let name = element::input_value(&field).trim().to_owned();
            if !name.is_empty() {
                on_pull.emit(name);
                element::set_input_value(&field, "");
            }
        })
    };
    html! {
        <form class="pull" {onsubmit}>
            <label class="pull-label" for="pull-name">{ "Pull an image" }</label>
            <input class="field" id="pull-name" ref={field} type="text" autocomplete="off" autocapitalize="off"
                spellcheck="false" placeholder="alpine, debian:12, ghcr.io/owner/image" aria-describedby="pull-hint" />
            <button type="submit" class="button" disabled={!props.enabled}>{ glyph(Icon::Download) }{ "Pull" }</button>
            <p class="pull-hint" id="pull-hint">
                { "A name without a host is Docker Hub's. The same by hand: " }
                <code class="inline-code">{ "porthole pull NAME" }</code>
            </p>
        </form>
    }
}
