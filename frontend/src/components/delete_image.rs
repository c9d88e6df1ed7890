//! Deleting an image, after a question.

use porthole_protocol::image::ImageSummary;
use yew::functional::Hook;
use yew::prelude::*;

use super::dialog;
use super::part::part;
use crate::state::{format, names};

/// What [`delete_image`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// Which.
    pub image: ImageSummary,
    /// Do it: with `true`, although containers use it or it has several names.
    pub on_delete: Callback<bool>,
    /// Leave it.
    pub on_close: Callback<()>,
}

/// The question, and what its answer means.
pub fn delete_image(props: Props) -> Html {
    part("", props, |props, ctx| use_delete_image(props).run(ctx))
}

#[hook]
fn use_delete_image(props: &Props) -> Html {
    let image = &props.image;
    let shown = names::short(names::of(image));
    let used = image.containers > 0;
    let force = used || image.names.len() > 1;
    let confirmed = use_state(bool::default);
    let toggle = {
        let confirmed = confirmed.clone();
        Callback::from(move |_| confirmed.set(!*confirmed))
    };
    dialog::dialog(dialog::Props {
        title: format!("Delete {shown}?").into(),
        on_close: props.on_close.clone(),
        children: html! { <>
            <p class="dialog-text">
                { format!("It gives back {}: the layers that no other image has.", format::bytes(image.unique_bytes)) }
                if image.names.len() > 1 { { format!(" All its names go: {}.", image.names.join(", ")) } }
            </p>
            if used {
                <label class="check">
                    <input type="checkbox" checked={*confirmed} onchange={toggle} />
                    { format!("Although {} it. They go on; the layers stay until the last of them is gone.",
                        if image.containers == 1 { "a container uses".into() } else { format!("{} containers use", image.containers) }) }
                </label>
            }
            <div class="dialog-actions">
                <button type="button" class="button" onclick={props.on_close.reform(|_| ())}>{ "Keep it" }</button>
                <button type="button" class="button button-bad" disabled={used && !*confirmed}
                    onclick={props.on_delete.reform(move |_| force)}>
                    { "Delete" }
                </button>
            </div>
        </> },
        class: Classes::new(),
    })
}
