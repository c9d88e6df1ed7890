//! Which part of the workspace is shown where there is room for one only.

use yew::prelude::*;

use super::icon::{Glyph, Icon};

/// A part of the workspace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// Containers and images.
    Containers,
    /// The terminals.
    #[default]
    Terminal,
    /// What the kernel says.
    Kernel,
    /// All images.
    Images,
}

impl View {
    /// Its name in the style sheet.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Containers => "containers",
            Self::Terminal => "terminal",
            Self::Kernel => "kernel",
            Self::Images => "images",
        }
    }
}

const VIEWS: [(View, Icon, &str); 4] = [
    (View::Containers, Icon::Box, "Containers"),
    (View::Terminal, Icon::Prompt, "Terminal"),
    (View::Kernel, Icon::Chip, "Kernel"),
    (View::Images, Icon::Layers, "Images"),
];

/// Properties of [`ViewSwitch`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The part shown.
    pub view: View,
    /// Show this part.
    pub on_view: Callback<View>,
}

/// The parts, as a bar at the bottom.
#[component]
pub fn ViewSwitch(props: &Props) -> Html {
    let button = |(view, icon, name): (View, Icon, &'static str)| {
        html! {
            <button type="button" class="view-button" onclick={props.on_view.reform(move |_| view)}
                aria-current={(props.view == view).then_some("page")}>
                <Glyph {icon} />
                { name }
            </button>
        }
    };
    html! {
        <nav class="view-switch" aria-label="Parts of the workspace" data-region="views" tabindex="-1">
            { for VIEWS.map(button) }
        </nav>
    }
}
