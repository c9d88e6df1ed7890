//! All images, with what each weighs.

use porthole_protocol::image::ImageSummary;
use yew::prelude::*;

use super::icon::{Icon, glyph};
use super::link;
use crate::route::Route;
use crate::state::{format, names};

/// What [`image_table`] is about.
pub struct Props<'a> {
    /// The images, by name.
    pub images: &'a [ImageSummary],
    /// Now, in milliseconds since 1970-01-01 UTC.
    pub now_ms: u64,
    /// Whether something can be asked for now.
    pub enabled: bool,
    /// Launch this image.
    pub on_launch: &'a Callback<String>,
}

/// Bytes of an image: those it shares with others, and those it alone has. The bar's whole length stands for `largest`.
fn size_bar(image: &ImageSummary, largest: u64) -> Html {
    let ImageSummary { bytes, unique_bytes, .. } = *image;
    let shared = bytes.saturating_sub(unique_bytes);
    let words = match (unique_bytes, shared) {
        (_, 0) => "all its own".to_string(),
        (0, _) => "all shared".to_string(),
        (unique, shared) => format!("{} its own, {} shared", format::bytes(unique), format::bytes(shared)),
    };
    let part = |bytes| format!("inline-size: {}%", format::percent(bytes, largest.max(1)));
    html! {
        <span class="weight">
            <span class="weight-figure">{ format::bytes(bytes) }</span>
            <span class="weight-bar" aria-hidden="true">
                <span class="weight-own" style={part(unique_bytes)} />
                <span class="weight-shared" style={part(shared)} />
            </span>
            <span class="weight-words">{ words }</span>
        </span>
    }
}

fn row(props: &Props<'_>, image: &ImageSummary, largest: u64) -> Html {
    let name = names::of(image).to_owned();
    let shown = names::short(&name).to_owned();
    let to = Route::Image { address: names::address(&image.id) };
    let others: Vec<_> = image.names.iter().skip(1).map(|name| names::short(name)).collect();
    let made = match image.created_ms {
        0 => "age unknown".to_string(),
        then => match format::age(then, props.now_ms).as_str() {
            "just now" => "made just now".into(),
            age => format!("made {age} ago"),
        },
    };
    let onclick = props.on_launch.reform(move |_| name.clone());
    html! {
        <li key={image.id.clone()} class="shelf-item">
            <span class="shelf-name">
                { link::link(link::Props { class: classes!("shelf-link"), to, children: html! { <>{ &shown }</> } }) }
                if !others.is_empty() { <span class="shelf-also">{ format!("also {}", others.join(", ")) }</span> }
                <span class="shelf-facts">
                    { format!("{} · {} · {made}", format::count(image.layers.len(), "layer"),
                        format::count(image.containers as usize, "container")) }
                </span>
            </span>
            { size_bar(image, largest) }
            <button type="button" class="button" {onclick} disabled={!props.enabled} aria-label={format!("Launch {shown}")}>
                { glyph(Icon::Play) }{ "Launch" }
            </button>
        </li>
    }
}

/// The images, one a row.
pub fn image_table(props: &Props<'_>) -> Html {
    let largest = props.images.iter().map(|image| image.bytes).max().unwrap_or(0);
    html! {
        <ul class="shelf" aria-label="Images">
            { for props.images.iter().map(|image| row(props, image, largest)) }
        </ul>
    }
}
