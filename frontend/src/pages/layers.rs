//! The layer view: the stack of an image or a container, its files, and where each comes from.

use porthole_protocol::files::{ChangeKind, FileKind};
use porthole_protocol::ids::ContainerId;
use yew::functional::Hook;
use yew::prelude::*;

use crate::components::change_list::change_list;
use crate::components::file_preview;
use crate::components::file_tree;
use crate::components::layer_stack::{self, layer_stack};
use crate::components::part::part;
use crate::components::problem::problem;
use crate::hooks::contexts::{ToastsContext, use_store};
use crate::hooks::use_files::use_files;
use crate::hooks::use_remote::use_remote;
use crate::hooks::use_task::use_tasks;
use crate::net::{api, download, http};
use crate::state::files::{FilesAction, Place};
use crate::state::preview::{self, Preview};
use crate::state::toasts::ToastsAction;
use crate::state::{format, glossary};

/// How often the writable layer is looked at while it is shown, in milliseconds.
const CHANGES_EVERY_MS: u32 = 1_000;
/// How often it is asked who shares what, in milliseconds.
const STORAGE_EVERY_MS: u32 = 5_000;

/// What [`layers`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// What is looked at.
    pub place: Place,
    /// Its name, as the command line takes it.
    pub name: AttrValue,
    /// What can be done with a container besides; nothing for an image.
    pub actions: Html,
}

/// Stack, changes, files, preview.
pub fn layers(key: &str, props: Props) -> Html {
    part(key, props, |props, ctx| use_layers(props).run(ctx))
}

#[hook]
fn use_layers(props: &Props) -> Html {
    let toasts = use_store::<ToastsContext>();
    let tasks = use_tasks();
    let from = use_state(|| 0_usize);
    let container = match &props.place {
        Place::Container(id) => Some(id.clone()),
        Place::Image(_) => None,
    };
    let changes = use_remote(container.clone(), Some(CHANGES_EVERY_MS), |id: ContainerId| async move {
        api::changes(&id).await
    });
    let storage = use_remote(Some(()), Some(STORAGE_EVERY_MS), |()| async { api::storage().await });
    // The number of times that they were others than before.
    let age = use_mut_ref(|| (0_u64, None));
    let age = {
        let mut age = age.borrow_mut();
        if age.1 != changes.value {
            *age = (age.0 + 1, changes.value.clone());
        }
        age.0
    };
    let files = use_files(props.place.clone(), *from, age);
    let layers = files.root().map(|root| root.layers.clone()).unwrap_or_default();

    let selection = files.selection().map(|(path, entry)| (path.to_owned(), entry.clone()));
    // What was deleted is looked at where it still is.
    let seen_from = |change: Option<ChangeKind>, layer: usize| {
        if change == Some(ChangeKind::Deleted) { layer } else { *from }
    };
    let readable =
        selection.as_ref().filter(|(_, entry)| entry.kind == FileKind::File).map(|(path, entry)| {
            let path = api::file(&props.place, path, seen_from(entry.change, entry.layer));
            (path, entry.bytes, entry.modified_ms)
        });
    let content = use_remote(readable.clone(), None, |(path, size, _): (String, u64, i64)| async move {
        let beginning = http::beginning(&path, preview::MOST_BYTES).await?;
        let is_picture = matches!(preview::of(&beginning), Preview::Picture(_));
        let whole = usize::try_from(size).ok().filter(|_| is_picture && size <= preview::MOST_PICTURE_BYTES);
        match whole {
            Some(size) if size > beginning.len() => http::beginning(&path, size).await,
            _ => Ok(beginning),
        }
    });
    let name =
        selection.as_ref().and_then(|(path, _)| path.rsplit('/').next()).unwrap_or_default().to_owned();
    let on_download = Callback::from(move |()| {
        let (Some((path, ..)), name) = (readable.clone(), name.clone()) else { return };
        let toasts = toasts.dispatcher();
        tasks.start(async move {
            if let Err(error) = download::save(&path, &name).await {
                toasts.dispatch(ToastsAction::Failure(error));
            }
        });
    });
    let on_from = {
        let from = from.setter();
        Callback::from(move |index| from.set(index))
    };
    let on_act = {
        let files = files.dispatcher();
        Callback::from(move |action| files.dispatch(action))
    };
    let only = files.only_changes;
    let show_only = |words: &'static str, this: bool| {
        html! {
            <button type="button" class="choice" aria-pressed={(only == this).to_string()}
                onclick={on_act.reform(move |_| FilesAction::OnlyChanges(this))}>
                { words }
            </button>
        }
    };
    let stack = layer_stack::Props {
        layers: &layers,
        stored: storage.value.as_ref().map_or(&[][..], |it| &it.layers),
        writable_bytes: changes.value.as_ref().map(|changes| changes.bytes),
        from: *from,
        source: selection.as_ref().map(|(_, entry)| entry.layer),
        on_from,
    };
    html! {
        <div class="strata">
            <section class="strata-stack" aria-label="Layers">
                <p class="section-lead">{ glossary::OVERLAY }</p>
                { layer_stack(&stack) }
                if container.is_some() {
                    <section class="written" aria-label="Written here">
                        <header class="written-head">
                            <h2 class="written-title">{ "Written here" }</h2>
                            <span class="section-figure">
                                { changes.value.as_ref().map(|it| format!("{}, {}", format::count(it.changes.len(), "change"), format::bytes(it.bytes))) }
                            </span>
                            { props.actions.clone() }
                        </header>
                        <p class="section-lead">
                            { glossary::WRITING }{ " " }
                            <code class="inline-code">{ format!("porthole diff {}", props.name) }</code>
                        </p>
                        if let Some(error) = &changes.error { { problem(error) } }
                        if let Some(changes) = &changes.value { { change_list(changes) } }
                    </section>
                }
            </section>
            <section class="strata-files" aria-label="Files">
                <div class="choices" role="group" aria-label="Which files">
                    { show_only("Everything", false) }
                    { show_only("What this layer did", true) }
                </div>
                if let Some(error) = files.error() { { problem(error) } }
                { file_tree::file_tree_view(file_tree::Props { files: (*files).clone(), layers: layers.clone(), on_act }) }
                if let Some((path, entry)) = &selection {
                    { file_preview::file_preview(path, file_preview::Props { path: path.clone().into(), entry: entry.clone(), layers: layers.clone(), content: (*content).clone(), on_download }) }
                }
            </section>
        </div>
    }
}
