//! A recording, played.

use std::rc::Rc;

use porthole_protocol::error::{ErrorCode, WireError};
use yew::functional::Hook;
use yew::prelude::*;

use crate::components::link;
use crate::components::part::part;
use crate::components::problem::problem;
use crate::hooks::use_task::use_tasks;
use crate::interop::browser;
use crate::interop::files::LocalFile;
use crate::interop::player::Player;
use crate::net::api;
use crate::route::Route;

/// What [`replay`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// Its id; empty for a file.
    pub id: String,
    /// Where to begin, in milliseconds.
    pub at_ms: u32,
    /// A file of the visitor's own.
    pub file: Option<LocalFile>,
}

/// The recording and its controls.
pub fn replay(key: &str, props: Props) -> Html {
    part(key, props, |props, hooks| use_replay(props).run(hooks))
}

#[hook]
fn use_replay(props: &Props) -> Html {
    let tasks = use_tasks();
    let host = use_node_ref();
    let player = use_state(|| None::<Rc<Player>>);
    let failure = use_state(|| None::<WireError>);
    use_effect_with((), {
        let (host, player, failure) = (host.clone(), player.setter(), failure.setter());
        let Props { id, at_ms, file } = props;
        let (id, at_ms, file) = (id.clone(), *at_ms, file.clone());
        move |()| {
            tasks.start(async move {
                let (text, link) = match file {
                    Some(file) => (Ok(file.text().await), String::new()),
                    None => (api::recording_text(&id).await, browser::link(&format!("/#recording/{id}"))),
                };
                let text = match text {
                    Ok(text) => text,
                    Err(error) => return failure.set(Some(error)),
                };
                match Player::open(&host, &text, at_ms, &link).await {
                    Some(opened) => player.set(Some(Rc::new(opened))),
                    None => failure.set(Some(WireError::new(
                        ErrorCode::BadRequest,
                        "This is no recording.",
                        "Asciicasts of version 2 and 3 are played.",
                    ))),
                }
            });
        }
    });
    html! {
        <>
            { link::link(link::Props { class: classes!("library-back"), to: Route::Recordings, children: html! { <>{ "Recordings" }</> } }) }
            if let Some(error) = &*failure { { problem(error) } }
            <div class="replay" ref={host} />
        </>
    }
}
