//! All images: what is here, what is on its way, what is shared.

use porthole_protocol::image::ImageSummary;
use yew::functional::Hook;
use yew::prelude::*;

use crate::components::file_button;
use crate::components::image_table::{self, image_table};
use crate::components::part::part;
use crate::components::pull_box;
use crate::components::sharing_view::sharing_view;
use crate::components::transfer_list::{self, transfer_list};
use crate::hooks::contexts::{ConnectionContext, ListsContext, TransfersContext, use_store};
use crate::hooks::use_now::{AGES_EVERY_MS, use_now};
use crate::hooks::use_remote::use_remote;
use crate::interop::files::LocalFile;
use crate::net::api;
use crate::net::client::Client;
use crate::state::connection::Phase;
use crate::state::format;
use crate::state::sharing::Sharing;
use crate::state::transfers::TransfersAction;

/// How often it is asked what is stored, in milliseconds.
const STORAGE_EVERY_MS: u32 = 3_000;

/// What [`images`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// Launch this image and show its terminal.
    pub on_launch: Callback<String>,
    /// Add the images of these archives.
    pub on_files: Callback<Vec<LocalFile>>,
}

/// The list, and where a further image comes from.
pub fn images(props: Props) -> Html {
    part("", props, |props, ctx| use_images(props).run(ctx))
}

#[hook]
fn use_images(props: &Props) -> Html {
    let client = use_store::<Client>();
    let connection = use_store::<ConnectionContext>();
    let lists = use_store::<ListsContext>();
    let transfers = use_store::<TransfersContext>();
    let enabled = connection.phase == Phase::Live;
    let newest = lists.images.iter().flat_map(|all| all.iter()).map(|it| it.created_ms).max().unwrap_or(0);
    let now_ms = use_now(AGES_EVERY_MS).max(newest);
    let on_pull = {
        let client = client.clone();
        Callback::from(move |name| client.pull(name))
    };
    let on_cancel = Callback::from(move |request| client.cancel_pull(request));
    let on_dismiss = {
        let transfers = transfers.dispatcher();
        Callback::from(move |request| transfers.dispatch(TransfersAction::Dismiss(request)))
    };
    let storage = use_remote(connection.is_owners().then_some(()), Some(STORAGE_EVERY_MS), |()| async {
        api::storage().await
    });
    let images = lists.images.clone();
    let count = images.as_deref().map_or(0, <[ImageSummary]>::len);
    html! {
        <>
            <header class="library-head">
                <h2 class="library-title">{ "Images" }</h2>
                <span class="library-figure">{ format::count(count, "image") }</span>
                <div class="library-actions">
                    { file_button::file_button(file_button::Props { words: "Add an archive".into(), on_files: props.on_files.clone() }) }
                </div>
            </header>
            <p class="library-lead">
                { "An image is a stack of read-only layers and a note on what to run. Containers made from it share the \
                   layers; each adds one thin layer of its own." }
            </p>
            { pull_box::pull_box(pull_box::Props { enabled, on_pull: on_pull.clone() }) }
            { transfer_list(&transfer_list::Props { transfers: &transfers, on_pull, on_cancel, on_dismiss }) }
            if let Some(sharing) = storage.value.as_deref().and_then(Sharing::of) { { sharing_view(&sharing) } }
            { match images {
                None => html! { <p class="quiet">{ "Waiting for the agent." }</p> },
                Some(images) if images.is_empty() => html! { <p class="quiet">{ "No images yet. Pull one, or drop an archive here." }</p> },
                Some(images) => image_table(&image_table::Props { images: &images, now_ms, enabled, on_launch: &props.on_launch }),
            } }
        </>
    }
}
