//! Which part of the workspace is shown where there is room for one only.

use yew::prelude::*;

use super::icon::{Icon, glyph};

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

/// The parts, as a bar at the bottom.
pub fn view_switch(view: View, on_view: &Callback<View>) -> Html {
    let button = |(this, icon, name): (View, Icon, &'static str)| {
        html! {
            <button type="button" class="view-button" onclick={on_view.reform(move |_| this)}
                aria-current={(view == this).then_some("page")}>
                { glyph(icon) }
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
