//! The images.

use porthole_protocol::image::ImageSummary;
use yew::prelude::*;

use super::link;
use crate::route::Route;
use crate::state::{format, names};

/// What [`image_list`] is about.
pub struct Props<'a> {
    /// The images, by name; none until the agent has told.
    pub images: Option<&'a [ImageSummary]>,
    /// Whether a launch can be asked for now.
    pub enabled: bool,
    /// Launch this image.
    pub on_launch: &'a Callback<String>,
}

/// The images, each with a button that launches it.
pub fn image_list(props: &Props<'_>) -> Html {
    let item = |image: &ImageSummary| {
        let name = names::of(image).to_owned();
        let shown = names::short(&name).to_owned();
        let to = Route::Image { address: names::address(&image.id) };
        let onclick = {
            let name = name.clone();
            props.on_launch.reform(move |_| name.clone())
        };
        html! {
            <li key={image.id.clone()} class="image">
                { link::link(link::Props { class: classes!("image-name"), to, children: html! { <>{ &shown }</> } }) }
                <span class="image-facts">
                    { format!("{} · {}", format::bytes(image.bytes), format::count(image.layers.len(), "layer")) }
                </span>
                <button type="button" class="button" {onclick} disabled={!props.enabled}
                    aria-label={format!("Launch {shown}")}>
                    { "Launch" }
                </button>
            </li>
        }
    };
    match props.images {
        None => html! { <p class="quiet">{ "Waiting for the agent." }</p> },
        Some([]) => html! {
            <p class="quiet">{ "None yet." }</p>
        },
        Some(images) => html! { <ul class="images">{ for images.iter().map(item) }</ul> },
    }
}
