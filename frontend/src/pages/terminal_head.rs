//! What concerns the active terminal, at the end of the tabs: who is there, who is let in, whether it is recorded.

use yew::functional::Hook;
use yew::prelude::*;

use super::share;
use crate::components::icon::{Icon, glyph};
use crate::components::part::part;
use crate::components::people::people;
use crate::hooks::contexts::{ListsContext, use_store};
use crate::hooks::use_shortcuts::use_shortcuts;
use crate::interop::keys;
use crate::net::client::Client;
use crate::state::shortcuts::Shortcut;
use crate::state::tabs::Place;

/// What [`terminal_head`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The terminal.
    pub place: Place,
}

/// Its people and its buttons.
pub fn terminal_head(props: Props) -> Html {
    part("", props, |props, ctx| use_terminal_head(props).run(ctx))
}

#[hook]
fn use_terminal_head(props: &Props) -> Html {
    let client = use_store::<Client>();
    let lists = use_store::<ListsContext>();
    let sharing = use_state(bool::default);
    let process = lists.process(Some(&props.place));
    let recorded = process.is_some_and(|process| process.recording.is_some());
    let running = process.is_some_and(|process| process.exit.is_none());
    use_shortcuts((props.place.clone(), recorded, running), {
        let (place, sharing) = (props.place.clone(), sharing.setter());
        move |shortcut| {
            match shortcut {
                Shortcut::Share => sharing.set(true),
                Shortcut::Record if running => client.record(&place, !recorded),
                _ => return false,
            }
            true
        }
    });
    let button = |icon: Icon,
                  name: &'static str,
                  asks: Shortcut,
                  class: Option<&'static str>,
                  pressed: Option<bool>| {
        html! {
            <button type="button" class={classes!("icon-button", class)} onclick={Callback::from(move |_: MouseEvent| keys::press(asks))} disabled={!running}
                aria-label={name} title={name} aria-pressed={pressed.map(|on| on.to_string())}>
                { glyph(icon) }
            </button>
        }
    };
    let on_close = {
        let sharing = sharing.setter();
        Callback::from(move |()| sharing.set(false))
    };
    let name = lists.container(&props.place.container).map(|it| it.name.clone()).unwrap_or_default();
    html! {
        <div class="terminal-head">
            { lists.people.get(&props.place).map(people).unwrap_or_default() }
            if recorded { <span class="recorded" role="status"><span class="dot" aria-hidden="true" />{ "Recording" }</span> }
            { button(Icon::Columns, "Split to the right", Shortcut::SplitRight, Some("head-split"), None) }
            { button(Icon::Rows, "Split below", Shortcut::SplitDown, Some("head-split"), None) }
            { button(Icon::Record, "Record", Shortcut::Record, None, Some(recorded)) }
            { button(Icon::People, "Share", Shortcut::Share, None, None) }
            if *sharing { { share::share(share::Props { place: props.place.clone(), name, on_close }) } }
        </div>
    }
}
