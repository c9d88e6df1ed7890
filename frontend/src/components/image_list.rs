//! The images.

use std::rc::Rc;

use porthole_protocol::image::ImageSummary;
use yew::prelude::*;

use crate::state::format;

/// Properties of [`ImageList`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The images, by name; none until the agent has told.
    pub images: Option<Rc<[ImageSummary]>>,
    /// Whether a launch can be asked for now.
    pub enabled: bool,
    /// Launch this image.
    pub on_launch: Callback<String>,
}

/// The name an image is launched by, and the same without the tag that says nothing.
#[must_use]
pub fn names(image: &ImageSummary) -> (String, String) {
    match image.names.first() {
        Some(name) => (name.clone(), name.strip_suffix(":latest").unwrap_or(name).to_string()),
        None => (image.id.clone(), format::short_digest(&image.id).to_string()),
    }
}

/// The images, each with a button that launches it.
#[component]
pub fn ImageList(props: &Props) -> Html {
    let item = |image: &ImageSummary| {
        let (name, shown) = names(image);
        let layers = image.layers.len();
        let onclick = {
            let name = name.clone();
            props.on_launch.reform(move |_| name.clone())
        };
        html! {
            <li key={image.id.clone()} class="image">
                <span class="image-name" title={name}>{ &shown }</span>
                <span class="image-facts">
                    { format!("{} · {layers} {}", format::bytes(image.bytes), if layers == 1 { "layer" } else { "layers" }) }
                </span>
                <button type="button" class="button" {onclick} disabled={!props.enabled}
                    aria-label={format!("Launch {shown}")}>
                    { "Launch" }
                </button>
            </li>
        }
    };
    match props.images.as_deref() {
        None => html! { <p class="quiet">{ "Waiting for the agent." }</p> },
        Some([]) => html! {
            <p class="quiet">{ "No images. Add one with " }<code class="inline-code">{ "porthole import" }</code>{ "." }</p>
        },
        Some(images) => html! { <ul class="images">{ for images.iter().map(item) }</ul> },
    }
}
