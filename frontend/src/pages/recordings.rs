//! What was recorded of terminals.

use porthole_protocol::recording::Recording;
use yew::functional::Hook;
use yew::prelude::*;

use crate::components::icon::{Icon, glyph};
use crate::components::link;
use crate::components::part::part;
use crate::components::problem::problem;
use crate::hooks::contexts::{ConnectionContext, ToastsContext, use_store};
use crate::hooks::use_now::{AGES_EVERY_MS, use_now};
use crate::hooks::use_remote::use_remote;
use crate::hooks::use_task::use_tasks;
use crate::net::{api, download};
use crate::route::Route;
use crate::state::format;
use crate::state::toasts::ToastsAction;

/// How often the list is asked for, in milliseconds: a recording may grow, and end.
const EVERY_MS: u32 = 5_000;

/// The list.
pub fn recordings() -> Html {
    part("", (), |(), ctx| use_recordings().run(ctx))
}

#[hook]
fn use_recordings() -> Html {
    let connection = use_store::<ConnectionContext>();
    let toasts = use_store::<ToastsContext>();
    let tasks = use_tasks();
    let round = use_state(u32::default);
    let now_ms = use_now(AGES_EVERY_MS);
    let recordings = use_remote(connection.host.is_some().then_some(*round), Some(EVERY_MS), |_| async {
        api::recordings().await
    });
    let save = |one: &Recording, version: u8| {
        let (tasks, toasts) = (tasks.clone(), toasts.dispatcher());
        let (path, name) = (api::recording(&one.id, version), format!("{}-{}.cast", one.name, one.id));
        Callback::from(move |_: MouseEvent| {
            let (path, name, toasts) = (path.clone(), name.clone(), toasts.clone());
            tasks.start(async move {
                if let Err(error) = download::save(&path, &name).await {
                    toasts.dispatch(ToastsAction::Failure(error));
                }
            });
        })
    };
    let delete = |one: &Recording| {
        let (tasks, toasts, id, round) = (tasks.clone(), toasts.dispatcher(), one.id.clone(), round.clone());
        Callback::from(move |_: MouseEvent| {
            let (toasts, id, round) = (toasts.clone(), id.clone(), round.clone());
            tasks.start(async move {
                match api::delete_recording(&id).await {
                    Ok(()) => round.set(*round + 1),
                    Err(error) => toasts.dispatch(ToastsAction::Failure(error)),
                }
            });
        })
    };
    let row = |one: &Recording| {
        let length = match one.ended_ms {
            Some(end) => format::clock(end.saturating_sub(one.started_ms)),
            None => "recording".to_owned(),
        };
        let begun = format::date(i64::try_from(one.started_ms).unwrap_or(i64::MAX));
        let facts =
            format!("{} · {length} · {} · {}", one.command.join(" "), format::bytes(one.bytes), one.image);
        let full = if one.full { " · ended because it was full" } else { "" };
        let to = Route::Recording { id: one.id.clone(), at_ms: 0 };
        html! {
            <li key={one.id.clone()} class="shelf-item recording" data-on={one.ended_ms.is_none().then_some("true")}>
                <span class="shelf-name">
                    { link::link(link::Props { class: classes!("shelf-link"), to, children: html! { <>{ &one.name }</> } }) }
                    <span class="shelf-facts">{ facts }{ full }</span>
                </span>
                <span class="quiet" title={begun.clone()}>
                    { match format::age(one.started_ms, now_ms.max(one.started_ms)).as_str() {
                        "just now" => "just now".to_owned(),
                        age => format!("{age} ago"),
                    } }
                </span>
                <span class="recording-actions">
                    <button type="button" class="button" onclick={save(one, 2)} aria-label={format!("Download {} as asciicast v2", one.name)}
                        title="asciicast v2, which most players read">{ glyph(Icon::Download) }{ "v2" }</button>
                    <button type="button" class="button" onclick={save(one, 3)} aria-label={format!("Download {} as asciicast v3", one.name)}
                        title="asciicast v3">{ glyph(Icon::Download) }{ "v3" }</button>
                    <button type="button" class="icon-button" onclick={delete(one)} aria-label={format!("Delete the recording of {}", one.name)}
                        title="Delete">{ glyph(Icon::Trash) }</button>
                </span>
            </li>
        }
    };
    let all = recordings.value.as_deref().map(Vec::as_slice);
    html! {
        <>
            <header class="library-head">
                <h2 class="library-title">{ "Recordings" }</h2>
                if let Some(all) = all { <span class="library-figure">{ format::count(all.len(), "recording") }</span> }
            </header>
            <p class="library-lead">
                { "What a terminal printed, with its times. A recording outlives its container; everyone at the terminal sees that it \
                   is on. What is typed is in it as far as the terminal shows it." }
            </p>
            if let Some(error) = &recordings.error { { problem(error) } }
            { match all {
                None => html! { <p class="quiet">{ "Asking." }</p> },
                Some([]) => html! {
                    <p class="quiet">{ "None yet. The round button beside a terminal's tabs begins one." }</p>
                },
                Some(all) => html! { <ul class="shelf" aria-label="Recordings">{ for all.iter().map(row) }</ul> },
            } }
        </>
    }
}
