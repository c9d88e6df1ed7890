//! Name, host, connection, and the switches that concern the whole page.

use yew::prelude::*;

use super::connection_status::connection_status;
use super::help_dialog::HelpButton;
use super::icon::{Icon, glyph, logo};
use crate::hooks::use_theme::{Theme, use_theme};
use crate::state::connection::Connection;

/// Properties of [`TopBar`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The connection.
    pub connection: Connection,
}

/// The bar.
#[component]
pub fn TopBar(props: &Props) -> Html {
    let (theme, next_theme) = use_theme();
    let icon = match theme {
        Theme::System => Icon::Contrast,
        Theme::Light => Icon::Sun,
        Theme::Dark => Icon::Moon,
    };
    html! {
        <header class="top-bar" data-region="top" tabindex="-1">
            { logo() }
            <h1 class="brand">{ "Porthole" }</h1>
            if let Some(host) = &props.connection.host {
                <p class="host">
                    <span class="host-kernel">{ format!("Linux {}", host.kernel) }</span>
                    if host.rootless { <span class="tag" title="The launcher runs without root">{ "rootless" }</span> }
                </p>
            }
            { connection_status(&props.connection) }
            <button type="button" class="icon-button" onclick={next_theme.reform(|_| ())}
                aria-label={format!("Colours: {}", theme.name())} title={format!("Colours: {}", theme.name())}>
                { glyph(icon) }
            </button>
            <HelpButton />
        </header>
    }
}
