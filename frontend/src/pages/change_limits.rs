//! Changing limits of a container that lives.

use std::rc::Rc;

use porthole_protocol::http::ContainerDetail;
use yew::functional::Hook;
use yew::prelude::*;

use crate::components::dialog;
use crate::components::limit_fields::limit_fields;
use crate::components::part::part;
use crate::hooks::contexts::use_store;
use crate::interop::element;
use crate::net::client::Client;
use crate::state::launch_form::{self, LIVE};

/// What [`change_limits`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The container.
    pub detail: Rc<ContainerDetail>,
}

/// A button, and the dialog behind it.
pub fn change_limits(props: Props) -> Html {
    part("", props, |props, ctx| use_change_limits(props).run(ctx))
}

#[hook]
fn use_change_limits(props: &Props) -> Html {
    let client = use_store::<Client>();
    let form = use_node_ref();
    let open = use_state(bool::default);
    let wrong = use_state(String::new);
    let set_open = |to: bool| {
        let (open, wrong) = (open.setter(), wrong.setter());
        Callback::from(move |()| {
            wrong.set(String::new());
            open.set(to);
        })
    };
    let on_close = set_open(false);
    let onsubmit = {
        let (form, id, wrong, done) =
            (form.clone(), props.detail.summary.id.clone(), wrong.setter(), on_close.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            match launch_form::limits(&|name| element::form_value(&form, name)) {
                Ok(limits) => {
                    client.update(id.clone(), limits);
                    done.emit(());
                }
                Err(words) => wrong.set(words),
            }
        })
    };
    let name = &props.detail.summary.name;
    html! {
        <>
            <button type="button" class="button" onclick={set_open(true).reform(|_| ())}>{ "Change limits" }</button>
            if *open {
                { dialog::dialog(dialog::Props { title: format!("Limits of {name}").into(), on_close, children: html! { <>
                    <form class="dialog-form" ref={form} {onsubmit}>
                        <p class="dialog-text">
                            { "They change while it runs; a field left empty stays as it is. The same by hand: " }
                            <code class="inline-code">{ format!("porthole update --memory 64m {name}") }</code>
                        </p>
                        { limit_fields(&LIVE, &props.detail.limits) }
                        if !wrong.is_empty() { <p class="problem" role="alert">{ &*wrong }</p> }
                        <div class="dialog-actions">
                            <button type="submit" class="button button-accent">{ "Change" }</button>
                        </div>
                    </form>
                </> }, class: Classes::new() }) }
            }
        </>
    }
}
