//! Adding images from archives on the visitor's machine.

use yew::functional::Hook;
use yew::prelude::*;

use crate::components::dialog;
use crate::components::parcel_list::parcel_list;
use crate::components::part::part;
use crate::hooks::contexts::{ToastsContext, use_store};
use crate::hooks::use_sending::{Errand, use_sending};
use crate::interop::element;
use crate::interop::files::LocalFile;
use crate::net::api;
use crate::state::names;
use crate::state::sending::Parcel;
use crate::state::toasts::ToastsAction;

/// What [`add_archive`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The archives.
    pub files: Vec<LocalFile>,
    /// The visitor has had enough of it, or everything is there.
    pub on_close: Callback<()>,
}

/// What kind of archive it is, and how far it is.
pub fn add_archive(props: Props) -> Html {
    part("", props, |props, ctx| use_add_archive(props).run(ctx))
}

#[hook]
fn use_add_archive(props: &Props) -> Html {
    let Props { files, on_close } = props;
    let toasts = use_store::<ToastsContext>();
    let as_root = use_state(bool::default);
    let field = use_node_ref();
    let on_done = {
        let (toasts, on_close, count) = (toasts.dispatcher(), on_close.clone(), files.len());
        let first = files.first().map(LocalFile::name).unwrap_or_default();
        Callback::from(move |()| {
            let what = if count == 1 { format!("{first} is") } else { format!("{count} archives are") };
            toasts.dispatch(ToastsAction::Note(format!("{what} unpacked; the images are in the list.")));
            on_close.emit(());
        })
    };
    let (sending, send) = use_sending(on_done);
    let onsubmit = {
        let (files, field, as_root) = (files.clone(), field.clone(), *as_root);
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let path =
                || if as_root { api::import(element::input_value(&field).trim()) } else { api::load() };
            let errand = |file: &LocalFile| Errand { file: file.clone(), method: "POST", path: path() };
            send.emit(files.iter().map(errand).collect());
        })
    };
    let kind = |value: bool, words: &'static str, hint: &'static str| {
        let as_root_set = as_root.setter();
        html! {
            <label class="check">
                <input type="radio" name="archive-kind" checked={*as_root == value}
                    onchange={Callback::from(move |_: Event| as_root_set.set(value))} />
                <span>{ words }{ " " }<span class="quiet">{ hint }</span></span>
            </label>
        }
    };
    let waiting = |file: &LocalFile| Parcel { name: file.name(), bytes: file.bytes(), sent: 0, ended: None };
    let parcels = if sending.parcels.is_empty() {
        files.iter().map(waiting).collect()
    } else {
        sending.parcels.clone()
    };
    let initial = files.first().map(|file| names::from_file(&file.name())).unwrap_or_default();
    dialog::dialog(dialog::Props {
        title: "Add images".into(),
        on_close: on_close.clone(),
        children: html! { <>
            <form class="dialog-form" {onsubmit}>
                { parcel_list(&parcels, &[]) }
                { kind(false, "Saved images.", "What `porthole save` and `docker save` write, or an OCI image layout.") }
                if files.len() == 1 {
                    { kind(true, "A root file system.", "It becomes an image of one layer.") }
                }
                if *as_root {
                    <label class="dialog-label" for="archive-name">{ "Name" }</label>
                    <input class="field" id="archive-name" ref={field} type="text" autocomplete="off" autocapitalize="off"
                        spellcheck="false" value={initial} />
                }
                <div class="dialog-actions">
                    <button type="submit" class="button button-accent" disabled={sending.is_busy()}>{ "Add" }</button>
                </div>
            </form>
        </> },
        class: Classes::new(),
    })
}
