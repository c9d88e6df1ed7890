//! Saving what a container is now as an image.

use porthole_protocol::error::WireError;
use porthole_protocol::ids::ContainerId;
use porthole_protocol::image::CommitRequest;
use yew::functional::Hook;
use yew::prelude::*;

use crate::components::ask_name;
use crate::components::part::part;
use crate::hooks::contexts::{ToastsContext, use_store};
use crate::hooks::use_task::use_tasks;
use crate::net::api;
use crate::state::toasts::ToastsAction;
use crate::state::{format, names};

/// What [`commit`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The container.
    pub container: ContainerId,
    /// Its name.
    pub name: AttrValue,
}

/// A button, and the dialog behind it.
pub fn commit(props: Props) -> Html {
    part("", props, |props, ctx| use_commit(props).run(ctx))
}

#[hook]
fn use_commit(props: &Props) -> Html {
    let toasts = use_store::<ToastsContext>();
    let tasks = use_tasks();
    let open = use_state(bool::default);
    let busy = use_state(bool::default);
    let refused = use_state(|| None::<WireError>);
    let set_open = |to: bool| {
        let (open, refused) = (open.setter(), refused.setter());
        Callback::from(move |()| {
            refused.set(None);
            open.set(to);
        })
    };
    let on_name = {
        let (id, toasts) = (props.container.clone(), toasts.dispatcher());
        let (busy, refused, open) = (busy.setter(), refused.setter(), open.setter());
        Callback::from(move |name: String| {
            let (id, toasts, busy, refused, open) =
                (id.clone(), toasts.clone(), busy.clone(), refused.clone(), open.clone());
            busy.set(true);
            tasks.start(async move {
                let request = CommitRequest { name: Some(name), ..CommitRequest::default() };
                match api::commit(&id, &request).await {
                    Ok(image) => {
                        let words = format!(
                            "{} is an image now, of {}. Launch it from the list.",
                            names::short(names::of(&image)),
                            format::count(image.layers.len(), "layer")
                        );
                        toasts.dispatch(ToastsAction::Note(words));
                        open.set(false);
                    }
                    Err(error) => refused.set(Some(error)),
                }
                busy.set(false);
            });
        })
    };
    let lead = html! {
        <>
            { "The writable layer becomes one more read-only layer on those below, which are shared and not copied. The \
               container goes on. The same by hand: " }
            <code class="inline-code">{ format!("porthole commit {} NAME", props.name) }</code>
        </>
    };
    html! {
        <>
            <button type="button" class="button owners" onclick={set_open(true).reform(|_| ())}>{ "Save as image" }</button>
            if *open {
                { ask_name::ask_name(ask_name::Props { title: format!("Save {} as an image", props.name).into(), lead, verb: "Save".into(), busy: *busy, error: (*refused).clone(), on_name, on_close: set_open(false), initial: AttrValue::default(), hint: ask_name::IMAGE_HINT.into(), optional: false }) }
            }
        </>
    }
}
