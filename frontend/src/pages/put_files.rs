//! Putting files into a container.

use porthole_protocol::error::WireError;
use porthole_protocol::files::FileTree;
use porthole_protocol::http::ContainerSummary;
use yew::functional::Hook;
use yew::prelude::*;

use crate::components::dialog;
use crate::components::parcel_list::parcel_list;
use crate::components::part::part;
use crate::components::problem::problem;
use crate::hooks::contexts::{ToastsContext, use_store};
use crate::hooks::use_remote::use_remote;
use crate::hooks::use_sending::{Errand, use_sending};
use crate::interop::element;
use crate::interop::files::LocalFile;
use crate::net::api;
use crate::state::files::Place;
use crate::state::sending::{self, Parcel};
use crate::state::toasts::ToastsAction;

/// What [`put_files`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// Into which container.
    pub container: ContainerSummary,
    /// Which files.
    pub files: Vec<LocalFile>,
    /// The visitor has had enough of it, or everything is there.
    pub on_close: Callback<()>,
}

/// The first of the likely directories that there is.
async fn directory(container: ContainerSummary) -> Result<String, WireError> {
    let working_dir = match api::image(&container.image).await {
        Ok(image) => image.config.working_dir,
        // The image may be gone while its containers live.
        Err(_) => String::new(),
    };
    let place = Place::Container(container.id);
    for likely in sending::likely(&working_dir) {
        if api::tree(&place, &likely, 0).await.is_ok() {
            return Ok(likely);
        }
    }
    Ok("/".into())
}

/// Where to, what is replaced, and how far it is.
pub fn put_files(props: Props) -> Html {
    part("", props, |props, ctx| use_put_files(props).run(ctx))
}

#[hook]
fn use_put_files(props: &Props) -> Html {
    let Props { container, files, on_close } = props;
    let toasts = use_store::<ToastsContext>();
    let field = use_node_ref();
    let edited = use_state(|| None::<String>);
    let proposed = use_remote(Some(container.clone()), None, directory);
    let directory = (*edited).clone().or_else(|| proposed.value.as_deref().cloned());
    let place = Place::Container(container.id.clone());
    let listing = use_remote(
        directory.clone().map(|directory| (place, directory)),
        None,
        |(place, directory)| async move { api::tree(&place, &sending::target(&directory, ""), 0).await },
    );
    let taken = listing.value.as_deref().map(names).unwrap_or_default();
    let on_done = {
        let (toasts, on_close, name) = (toasts.dispatcher(), on_close.clone(), container.name.clone());
        let directory = directory.clone().unwrap_or_default();
        let what = match files.as_slice() {
            [file] => format!("{} is", file.name()),
            files => format!("{} files are", files.len()),
        };
        Callback::from(move |()| {
            toasts.dispatch(ToastsAction::Note(format!("{what} in {directory} of {name}.")));
            on_close.emit(());
        })
    };
    let (sending, send) = use_sending(on_done);
    let onsubmit = {
        let (files, id, field) = (files.clone(), container.id.clone(), field.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let directory = element::input_value(&field);
            let errand = |file: &LocalFile| Errand {
                path: api::put(&id, &sending::target(&directory, &file.name())),
                file: file.clone(),
                method: "PUT",
            };
            send.emit(files.iter().map(errand).collect());
        })
    };
    let oninput = {
        let (field, edited) = (field.clone(), edited.setter());
        Callback::from(move |_: InputEvent| edited.set(Some(element::input_value(&field))))
    };
    let parcels = if sending.parcels.is_empty() {
        files.iter().map(waiting).collect()
    } else {
        sending.parcels.clone()
    };
    dialog::dialog(dialog::Props {
        title: format!("Put into {}", container.name).into(),
        on_close: on_close.clone(),
        children: html! { <>
            <form class="dialog-form" {onsubmit}>
                <label class="dialog-label" for="put-directory">{ "Directory in the container" }</label>
                <input class="field" id="put-directory" ref={field} type="text" autocomplete="off" autocapitalize="off"
                    spellcheck="false" value={directory.clone().unwrap_or_default()} {oninput} aria-describedby="put-rule" />
                if let Some(error) = &listing.error { { problem(error) } }
                { parcel_list(&parcels, &taken) }
                <p class="dialog-text" id="put-rule">
                    { "A file of the same name is replaced, once the new one is there whole. The same by hand: " }
                    <code class="inline-code">
                        { format!("porthole cp FILE {}:{}", container.name, directory.clone().unwrap_or_default()) }
                    </code>
                </p>
                <div class="dialog-actions">
                    <button type="submit" class="button button-accent" disabled={sending.is_busy() || directory.is_none()}>
                        { "Put in" }
                    </button>
                </div>
            </form>
        </> },
        class: Classes::new(),
    })
}

fn names(tree: &FileTree) -> Vec<String> {
    tree.entries.iter().map(|entry| entry.name.clone()).collect()
}

fn waiting(file: &LocalFile) -> Parcel {
    Parcel { name: file.name(), bytes: file.bytes(), sent: 0, ended: None }
}
