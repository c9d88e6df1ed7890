//! One image: its layers, how it was made, and what can be done with it.

use porthole_protocol::error::WireError;
use porthole_protocol::image::ImageSummary;
use yew::functional::Hook;
use yew::prelude::*;

use super::layers;
use crate::components::ask_name;
use crate::components::delete_image;
use crate::components::history::history;
use crate::components::icon::{Icon, glyph};
use crate::components::image_config::image_config;
use crate::components::link;
use crate::components::part::part;
use crate::components::problem::problem;
use crate::components::section::section;
use crate::hooks::contexts::{ConnectionContext, ListsContext, ToastsContext, use_store};
use crate::hooks::use_remote::use_remote;
use crate::hooks::use_route::Navigate;
use crate::hooks::use_task::use_tasks;
use crate::net::{api, download};
use crate::route::Route;
use crate::state::connection::Phase;
use crate::state::files::Place;
use crate::state::toasts::ToastsAction;
use crate::state::{format, names};

/// What [`image`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The first digits of its id.
    pub address: AttrValue,
    /// Launch this image and show its terminal.
    pub on_launch: Callback<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Asking {
    Nothing,
    Name,
    Deletion,
}

/// The image at this address, or the way back.
pub fn image(props: Props) -> Html {
    part("", props, |props, ctx| use_image(props).run(ctx))
}

#[hook]
fn use_image(props: &Props) -> Html {
    let toasts = use_store::<ToastsContext>();
    let navigate = use_store::<Navigate>();
    // Not the page's, which goes with the image.
    let tasks = use_tasks();
    let on_delete = {
        let toasts = toasts.dispatcher();
        Callback::from(move |(image, force): (ImageSummary, bool)| {
            let (toasts, navigate) = (toasts.clone(), navigate.clone());
            tasks.start(async move {
                let name = names::of(&image);
                match api::delete_image(if force { &image.id } else { name }, force).await {
                    Ok(removed) => {
                        let (name, freed) = (names::short(name), format::bytes(removed.freed_bytes));
                        let words = match removed.deleted.is_empty() {
                            true => format!(
                                "{name} has no name any more. Its layers go when no container uses them."
                            ),
                            false => format!("{name} is deleted: {freed} given back."),
                        };
                        toasts.dispatch(ToastsAction::Note(words));
                        navigate.emit(Route::Images);
                    }
                    Err(error) => toasts.dispatch(ToastsAction::Failure(error)),
                }
            });
        })
    };
    let lists = use_store::<ListsContext>();
    let found = lists.images.as_deref().and_then(|images| names::at_address(images, &props.address)).cloned();
    let back = link::link(link::Props {
        class: classes!("library-back"),
        to: Route::Images,
        children: html! { <>{ "Images" }</> },
    });
    match (found, &lists.images) {
        (Some(image), _) => {
            html! { <>{ back }{ page(&image.id.clone().to_string(), PageProps { image: image.clone(), on_delete, on_launch: props.on_launch.clone() }) }</> }
        }
        (None, None) => html! { <>{ back }<p class="quiet">{ "Waiting for the agent." }</p></> },
        (None, Some(_)) => html! { <>{ back }<p class="quiet">{ "This image is not here any more." }</p></> },
    }
}

#[derive(PartialEq)]
struct PageProps {
    image: ImageSummary,
    on_delete: Callback<(ImageSummary, bool)>,
    on_launch: Callback<String>,
}

fn page(key: &str, props: PageProps) -> Html {
    part(key, props, |props, ctx| use_page(props).run(ctx))
}

#[hook]
fn use_page(props: &PageProps) -> Html {
    let image = &props.image;
    let connection = use_store::<ConnectionContext>();
    let toasts = use_store::<ToastsContext>();
    let tasks = use_tasks();
    let asking = use_state(|| Asking::Nothing);
    let refused = use_state(|| None::<WireError>);
    // Asked anew when its names change: they are part of the answer.
    let key = Some((image.id.clone(), image.names.clone()));
    let detail = use_remote(key, None, |(id, _)| async move { api::image(&id).await });

    let name = names::of(image).to_owned();
    let shown = names::short(&name).to_owned();
    let ask = |what: Asking| {
        let (asking, refused) = (asking.setter(), refused.setter());
        Callback::from(move |()| {
            refused.set(None);
            asking.set(what);
        })
    };
    let on_close = ask(Asking::Nothing);
    let on_save = {
        let (tasks, name, file) =
            (tasks.clone(), name.clone(), format!("{}.tar", shown.replace(['/', ':'], "-")));
        let toasts = toasts.dispatcher();
        Callback::from(move |_: MouseEvent| {
            let (name, file, toasts) = (name.clone(), file.clone(), toasts.clone());
            tasks.start(async move {
                match download::save(&api::archive(&name), &file).await {
                    Ok(()) => toasts.dispatch(ToastsAction::Note(format!(
                        "Saving {file}. `porthole load` and `docker load` take it."
                    ))),
                    Err(error) => toasts.dispatch(ToastsAction::Failure(error)),
                }
            });
        })
    };
    let on_name = {
        let (tasks, name, refused, done) = (tasks.clone(), name.clone(), refused.setter(), on_close.clone());
        Callback::from(move |new: String| {
            let (name, refused, done) = (name.clone(), refused.clone(), done.clone());
            tasks.start(async move {
                match api::tag_image(&name, &new).await {
                    Ok(_) => done.emit(()),
                    Err(error) => refused.set(Some(error)),
                }
            });
        })
    };
    let on_delete = {
        let (done, on_delete) = (on_close.clone(), props.on_delete.clone());
        let image = image.clone();
        Callback::from(move |force| {
            done.emit(());
            on_delete.emit((image.clone(), force));
        })
    };
    let live = connection.phase == Phase::Live;
    let launch = {
        let name = name.clone();
        props.on_launch.reform(move |_| name.clone())
    };
    let action = |icon: Icon, words: &'static str, onclick: Callback<MouseEvent>| {
        html! {
            <button type="button" class="button owners" {onclick} aria-label={format!("{words} {shown}")}>{ glyph(icon) }{ words }</button>
        }
    };
    html! {
        <>
            <header class="library-head">
                <h2 class="library-title">{ &shown }</h2>
                <span class="library-figure">
                    { format!("{} in {}", format::bytes(image.bytes), format::count(image.layers.len(), "layer")) }
                </span>
                <div class="library-actions">
                    <button type="button" class="button button-accent" onclick={launch} disabled={!live}
                        aria-label={format!("Launch {shown}")}>
                        { glyph(Icon::Play) }{ "Launch" }
                    </button>
                    { action(Icon::Download, "Save", on_save) }
                    { action(Icon::Tag, "Tag", ask(Asking::Name).reform(|_| ())) }
                    { action(Icon::Trash, "Delete", ask(Asking::Deletion).reform(|_| ())) }
                </div>
            </header>
            if let Some(error) = &detail.error { { problem(error) } }
            { section("Layers", image.layers.len().to_string(),
                html! { "What its files are made of, and which step each comes from." },
                layers::layers("", layers::Props { place: Place::Image(image.id.clone()), name: shown.clone().into(), actions: Html::default() })) }
            if let Some(detail) = &detail.value {
                { section("History", format::count(detail.history.len(), "step"),
                    html! { <>{ "What was done to make it, newest first. A step that changed files left a layer. " }
                        <code class="inline-code">{ format!("porthole history {shown}") }</code></> },
                    history(&detail.history)) }
                { section("Configuration", String::new(),
                    html! { "What a container made from it runs, unless told otherwise." }, image_config(detail)) }
            }
            { match *asking {
                Asking::Nothing => Html::default(),
                Asking::Name => ask_name::ask_name(ask_name::Props { title: format!("Another name for {shown}").into(), verb: "Tag".into(), error: (*refused).clone(), on_name, on_close, lead: "A name is a label on the same layers: it costs no bytes. A name that another image has is taken from it.".into(), initial: AttrValue::default(), hint: ask_name::IMAGE_HINT.into(), optional: false, busy: false }),
                Asking::Deletion => delete_image::delete_image(delete_image::Props { image: image.clone(), on_delete, on_close }),
            } }
        </>
    }
}
