//! A visitor's session: how long it lasts, more of it, and its end.

use porthole_protocol::session::Session;
use yew::functional::Hook;
use yew::prelude::*;

use crate::components::dialog;
use crate::components::part::part;
use crate::hooks::contexts::{ToastsContext, use_store};
use crate::hooks::use_now::{AGES_EVERY_MS, use_now};
use crate::hooks::use_task::use_tasks;
use crate::net::api;
use crate::state::format;
use crate::state::toasts::ToastsAction;

/// What is left when the clock calls for attention, in milliseconds.
const SOON_MS: u64 = 300_000;
/// Below this the clock shows seconds, in milliseconds.
const CLOSE_MS: u32 = 120_000;

/// What [`session_bar`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The session.
    pub session: Session,
}

/// A clock, and two buttons.
pub fn session_bar(props: Props) -> Html {
    part("", props, |props, ctx| use_session_bar(props).run(ctx))
}

#[hook]
fn use_session_bar(props: &Props) -> Html {
    let Session { created_ms, expires_ms, extends_to_ms, ends_by_ms, containers, .. } = props.session;
    let toasts = use_store::<ToastsContext>();
    let tasks = use_tasks();
    let ending = use_state(bool::default);
    let every_ms = use_state(|| AGES_EVERY_MS);
    let left = expires_ms.unwrap_or(0).saturating_sub(use_now(*every_ms));
    use_effect_with(left < u64::from(CLOSE_MS), {
        let every_ms = every_ms.setter();
        move |close| every_ms.set(if *close { 1_000 } else { AGES_EVERY_MS })
    });
    let Some(expires_ms) = expires_ms else { return Html::default() };
    let act = |method: &'static str, path: &'static str| {
        let (tasks, toasts) = (tasks.clone(), toasts.dispatcher());
        Callback::from(move |_: MouseEvent| {
            let toasts = toasts.clone();
            tasks.start(async move {
                if let Err(error) = api::session(method, path).await {
                    toasts.dispatch(ToastsAction::Failure(error));
                }
            });
        })
    };
    let open = |to: bool| {
        let ending = ending.setter();
        Callback::from(move |()| ending.set(to))
    };
    // A whole number of minutes, so that the words stand still.
    let shown = if left < u64::from(CLOSE_MS) { left } else { left / 60_000 * 60_000 };
    // What the agent says of it was said when the session last changed: in its second half there is more to be had by now.
    let may = ends_by_ms.is_none_or(|latest| latest > expires_ms);
    let more = extends_to_ms.is_some() || may && left < expires_ms.saturating_sub(created_ms) / 2;
    html! {
        <div class="session" data-soon={(left < SOON_MS).then_some("true")}>
            <span role="timer" aria-label="Session">{ format!("Ends in {}", format::span(shown)) }</span>
            if more {
                <button type="button" class="button" onclick={act("POST", "/extend")} aria-label="Extend the session"
                    title="Your session and everything in it lasts longer">{ "Extend" }</button>
            }
            <button type="button" class="button" onclick={open(true).reform(|_| ())} aria-label="End the session">{ "End" }</button>
            if *ending {
                { dialog::dialog(dialog::Props { title: "End the session?".into(), on_close: open(false), children: html! { <>
                    <p class="dialog-text">
                        { format!("What runs in it is ended and deleted: {}. Recordings go as well.",
                            format::count(containers as usize, "container")) }
                    </p>
                    <div class="dialog-actions">
                        <button type="button" class="button" onclick={open(false).reform(|_| ())}>{ "Go on" }</button>
                        <button type="button" class="button button-bad" onclick={act("DELETE", "")}>{ "End it" }</button>
                    </div>
                </> }, class: Classes::new() }) }
            }
        </div>
    }
}
