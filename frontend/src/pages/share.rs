//! Letting others to a terminal: links that watch, links that type, and who came by them.

use porthole_protocol::session::{May, Person};
use yew::functional::Hook;
use yew::prelude::*;

use crate::components::dialog;
use crate::components::part::part;
use crate::components::people::avatar;
use crate::components::problem::problem;
use crate::hooks::contexts::{ListsContext, use_store};
use crate::hooks::use_now::{AGES_EVERY_MS, use_now};
use crate::hooks::use_remote::use_remote;
use crate::hooks::use_task::use_tasks;
use crate::interop::{browser, element, window};
use crate::net::api;
use crate::net::client::Client;
use crate::state::company::{Company, doing};
use crate::state::format;
use crate::state::tabs::Place;

/// What [`share`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The terminal.
    pub place: Place,
    /// Its container's name.
    pub name: String,
    /// The visitor has had enough of it.
    pub on_close: Callback<()>,
}

fn words(may: May) -> &'static str {
    if may == May::Type { "Type" } else { "Watch" }
}

/// Everyone here, and who has the keyboard.
fn present(company: &Company, client: &Client, place: &Place) -> Html {
    let hand = |words: &'static str, holder| {
        let (client, place) = (client.clone(), place.clone());
        html! {
            <button type="button" class="button" onclick={Callback::from(move |_: MouseEvent| client.keyboard(&place, holder))}>
                { words }
            </button>
        }
    };
    let row = |person: &Person| {
        let you = person.id == company.you;
        let able = person.owner || person.may == May::Type;
        let words = if you { "Take the keyboard" } else { "Hand over the keyboard" };
        html! {
            <li key={person.id} class="share-row">
                { avatar(company, person) }
                <span class="share-who">{ &person.name }{ if you { " (you)" } else { "" } }
                    <span class="quiet">{ format!(" {}", doing(company, person)) }</span>
                </span>
                if able && company.keyboard != Some(person.id) { { hand(words, Some(person.id)) } }
                if company.keyboard == Some(person.id) { { hand("Let everyone type", None) } }
            </li>
        }
    };
    html! {
        <>
            <h3 class="share-title">{ "Here now" }</h3>
            <ul class="share-rows" aria-label="People">{ for company.people.iter().map(row) }</ul>
        </>
    }
}

/// Who is here, a new link, and the links that open.
pub fn share(props: Props) -> Html {
    part("", props, |props, ctx| use_share(props).run(ctx))
}

#[hook]
fn use_share(props: &Props) -> Html {
    let Props { place, name, on_close } = props;
    let client = use_store::<Client>();
    let lists = use_store::<ListsContext>();
    let tasks = use_tasks();
    let form = use_node_ref();
    let made = use_state(|| None::<String>);
    let copied = use_state(bool::default);
    let failure = use_state(|| None);
    let round = use_state(u32::default);
    let now_ms = use_now(AGES_EVERY_MS);
    let shares = use_remote(Some((place.container.clone(), *round)), None, |(container, _)| async move {
        api::shares(&container).await
    });
    let onsubmit = {
        let (form, place, tasks) = (form.clone(), place.clone(), tasks.clone());
        let (made, failure, round, copied) =
            (made.setter(), failure.setter(), round.clone(), copied.setter());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let said = |field| element::form_value(&form, field);
            let (may, lasts, place) = (said("may"), said("lasts"), place.clone());
            let (made, failure, round, copied) =
                (made.clone(), failure.clone(), round.clone(), copied.clone());
            tasks.start(async move {
                match api::share(&place, &may, &lasts).await {
                    Ok(secret) => {
                        made.set(Some(browser::join_link(&secret)));
                        copied.set(false);
                        failure.set(None);
                        round.set(*round + 1);
                    }
                    Err(error) => failure.set(Some(error)),
                }
            });
        })
    };
    let revoke = |id: &str| {
        let (container, id, tasks) = (place.container.clone(), id.to_owned(), tasks.clone());
        let (made, failure, round) = (made.setter(), failure.setter(), round.clone());
        Callback::from(move |_: MouseEvent| {
            let (container, id, made, failure, round) =
                (container.clone(), id.clone(), made.clone(), failure.clone(), round.clone());
            tasks.start(async move {
                failure.set(api::revoke_share(&container, &id).await.err());
                made.set(None);
                round.set(*round + 1);
            });
        })
    };
    let copy = {
        let (made, copied, tasks) = (made.clone(), copied.setter(), tasks.clone());
        Callback::from(move |_: MouseEvent| {
            let (link, copied) = ((*made).clone().unwrap_or_default(), copied.clone());
            tasks.start(async move { copied.set(window::copy(&link).await) });
        })
    };
    let choice = |may: &'static str, title: &'static str, meaning: &'static str| {
        html! {
            <label class="check">
                <input type="radio" name="may" value={may} ~defaultChecked={may == "watch"} />
                <span>{ title }{ " " }<span class="quiet">{ meaning }</span></span>
            </label>
        }
    };
    let here = shares.value.as_deref().map_or(&[][..], Vec::as_slice);
    let links: Vec<_> = here.iter().filter(|share| share.process == place.process).collect();
    let row = |share: &&porthole_protocol::session::Share| {
        let ends = match share.expires_ms {
            Some(at) => format!("for {} more", format::span(at.saturating_sub(now_ms))),
            None => "as long as the container".to_owned(),
        };
        let what = format!(
            "{}, made {}",
            words(share.may),
            format::age(share.created_ms, now_ms.max(share.created_ms))
        );
        html! {
            <li key={share.id.clone()} class="share-row">
                <span class="share-who">{ &what }<span class="quiet">{ format!(" · opens {ends}") }</span></span>
                <button type="button" class="button button-bad" onclick={revoke(&share.id)}
                    aria-label={format!("Revoke the link: {what}")}>{ "Revoke" }</button>
            </li>
        }
    };
    let company = lists.people.get(place).filter(|company| company.others().next().is_some());
    dialog::dialog(dialog::Props {
        title: format!("Share {name}").into(),
        on_close: on_close.clone(),
        children: html! { <>
            if let Some(company) = company { { present(company, &client, place) } }
            <form class="dialog-form" ref={form} {onsubmit}>
                { choice("watch", "Watch", "who has the link sees this terminal, and nothing else") }
                { choice("type", "Type", "and types into it as you do") }
                <label class="share-lasts">{ "The link opens for " }
                    <select class="field" name="lasts">
                        <option value="3600000" selected=true>{ "1 hour" }</option>
                        <option value="28800000">{ "8 hours" }</option>
                        <option value="">{ "as long as the container" }</option>
                    </select>
                    <button type="submit" class="button button-accent">{ "Make a link" }</button>
                </label>
                if let Some(error) = &*failure { { problem(error) } }
            </form>
            if let Some(link) = &*made {
                <div class="share-link" role="status">
                    <input class="field" type="text" readonly=true aria-label="Link" value={link.clone()} />
                    <button type="button" class="button" onclick={copy}>{ if *copied { "Copied" } else { "Copy" } }</button>
                </div>
                <p class="dialog-text">{ "It is told this once. Whoever has it needs nothing else." }</p>
            }
            if !links.is_empty() {
                <h3 class="share-title">{ "Open links" }</h3>
                <ul class="share-rows" aria-label="Open links">{ for links.iter().map(row) }</ul>
            }
        </> },
        class: Classes::new(),
    })
}
