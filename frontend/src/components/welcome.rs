//! What is seen before the first terminal.

use porthole_protocol::image::ImageSummary;
use yew::prelude::*;

use super::icon::logo;
use crate::state::names;

/// What [`welcome`] is about.
pub struct Props<'a> {
    /// The images.
    pub images: Option<&'a [ImageSummary]>,
    /// Whether a launch can be asked for now.
    pub enabled: bool,
    /// Launch this image.
    pub on_launch: &'a Callback<String>,
    /// What else can be done.
    pub children: Html,
}

/// One sentence and one button.
pub fn welcome(props: &Props<'_>) -> Html {
    let launch = props.images.and_then(<[ImageSummary]>::first).map(|image| {
        let name = names::of(image).to_owned();
        let shown = names::short(&name).to_owned();
        let onclick = props.on_launch.reform(move |_| name.clone());
        html! {
            <button type="button" class="button button-primary" {onclick} disabled={!props.enabled}>
                { format!("Launch {shown}") }
            </button>
        }
    });
    html! {
        <div class="welcome">
            { logo() }
            <h2 class="welcome-title">{ "A real shell in a real container" }</h2>
            <p class="welcome-text">
                { "Launch one and type. Beside it you see what the Linux kernel did to make that process believe it is alone: \
                   its namespaces, its limits, its layers, and the milliseconds each step took." }
            </p>
            { launch }
            { props.children.clone() }
        </div>
    }
}
