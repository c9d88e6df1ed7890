//! Asking for a name.

use porthole_protocol::error::WireError;
use yew::functional::Hook;
use yew::prelude::*;

use super::dialog;
use super::part::part;
use super::problem::problem;
use crate::interop::element;

/// What [`ask_name`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// What it is about.
    pub title: AttrValue,
    /// One sentence on what happens.
    pub lead: Html,
    /// What is in the field at first.
    pub initial: AttrValue,
    /// What the field shows while it is empty.
    pub hint: AttrValue,
    /// Whether the field may be left empty.
    pub optional: bool,
    /// The button's words.
    pub verb: AttrValue,
    /// Whether it happens at the moment.
    pub busy: bool,
    /// Why it did not happen.
    pub error: Option<WireError>,
    /// Do it, with this name.
    pub on_name: Callback<String>,
    /// Leave it.
    pub on_close: Callback<()>,
}

/// What a field for the name of an image shows while it is empty.
pub const IMAGE_HINT: &str = "name, or name:tag";

/// One field and one button.
pub fn ask_name(props: Props) -> Html {
    part("", props, |props, ctx| use_ask_name(props).run(ctx))
}

#[hook]
fn use_ask_name(props: &Props) -> Html {
    let field = use_node_ref();
    use_effect_with((), {
        let field = field.clone();
        move |()| element::focus(&field)
    });
    let onsubmit = {
        let (field, on_name, optional) = (field.clone(), props.on_name.clone(), props.optional);
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let name = element::input_value(&field).trim().to_owned();
            if optional || !name.is_empty() {
                on_name.emit(name);
            }
        })
    };
    dialog::dialog(dialog::Props {
        title: props.title.clone(),
        on_close: props.on_close.clone(),
        children: html! { <>
            <p class="dialog-text">{ props.lead.clone() }</p>
            <form class="dialog-form" {onsubmit}>
                <label class="dialog-label" for="ask-name">{ "Name" }</label>
                <input class="field" id="ask-name" ref={field} type="text" ~defaultValue={props.initial.to_string()} autocomplete="off"
                    autocapitalize="off" spellcheck="false" placeholder={props.hint.clone()} />
                if let Some(error) = &props.error { { problem(error) } }
                <div class="dialog-actions">
                    <button type="submit" class="button button-accent" disabled={props.busy}>{ &props.verb }</button>
                </div>
            </form>
        </> },
        class: Classes::new(),
    })
}
