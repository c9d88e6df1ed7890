//! Name, host, connection, and the switches that concern the whole page.

use yew::functional::Hook;
use yew::prelude::*;

use super::connection_status::connection_status;
use super::icon::{Icon, glyph, logo};
use super::part::part;
use crate::hooks::use_theme::{Theme, use_theme};
use crate::interop::keys;
use crate::state::connection::Connection;
use crate::state::shortcuts::Shortcut;

/// What [`top_bar`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The connection.
    pub connection: Connection,
    /// What else concerns the whole page.
    pub children: Html,
}

fn button(icon: Icon, name: &'static str, shortcut: Shortcut) -> Html {
    let onclick = Callback::from(move |_: MouseEvent| keys::press(shortcut));
    html! {
        <button type="button" class="icon-button" {onclick} aria-label={name} title={name}>{ glyph(icon) }</button>
    }
}

/// The bar.
pub fn top_bar(props: Props) -> Html {
    part("", props, |props, hooks| use_top_bar(props).run(hooks))
}

#[hook]
fn use_top_bar(props: &Props) -> Html {
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
            { props.children.clone() }
            { connection_status(&props.connection) }
            <button type="button" class="icon-button" onclick={next_theme.reform(|_| ())}
                aria-label={format!("Colours: {}", theme.name())} title={format!("Colours: {}", theme.name())}>
                { glyph(icon) }
            </button>
            { button(Icon::Search, "Commands", Shortcut::Palette) }
            { button(Icon::Keyboard, "Keyboard shortcuts", Shortcut::Help) }
        </header>
    }
}
