//! Launching an image by name, which is pulled first when it is not here; with limits, where they are asked for.

use porthole_protocol::spec::LaunchSpec;
use yew::functional::Hook;
use yew::prelude::*;

use crate::components::launch_options::launch_options;
use crate::components::part::part;
use crate::components::problem::problem;
use crate::components::transfer_list::transfer_card;
use crate::hooks::contexts::{ConnectionContext, ListsContext, TransfersContext, use_store};
use crate::hooks::use_remote::use_remote;
use crate::interop::element;
use crate::net::api;
use crate::net::client::Client;
use crate::state::connection::Phase;
use crate::state::transfers::PullStatus;
use crate::state::{launch_form, names};

/// What [`launch_any`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// What the field for the image shows while it is empty.
    pub hint: &'static str,
    /// Launch this.
    pub on_launch: Callback<LaunchSpec>,
}

/// A field for the name, and options; then, where it is not here, the offer to pull it, and how far that is.
pub fn launch_any(props: Props) -> Html {
    part("", props, |props, ctx| use_launch_any(props).run(ctx))
}

#[hook]
fn use_launch_any(props: &Props) -> Html {
    let client = use_store::<Client>();
    let connection = use_store::<ConnectionContext>();
    let lists = use_store::<ListsContext>();
    let transfers = use_store::<TransfersContext>();
    // A visitor is known once the socket has brought a cookie.
    let offers =
        use_remote(connection.host.is_some().then_some(()), None, |()| async { api::offers().await });
    let form = use_node_ref();
    let command = use_state(|| launch_form::command(&|_| String::new()));
    let wrong = use_state(String::new);
    let missing = use_state(|| None::<LaunchSpec>);
    let pull = missing.as_ref().and_then(|spec| transfers.newest(&spec.image)).cloned();
    use_effect_with(pull.is_some_and(|pull| pull.status == PullStatus::Done), {
        let (on_launch, missing) = (props.on_launch.clone(), missing.clone());
        move |here| {
            if let (true, Some(spec)) = (here, &*missing) {
                on_launch.emit(spec.clone());
                missing.set(None);
            }
        }
    });
    let oninput = {
        let (form, command, wrong) = (form.clone(), command.setter(), wrong.setter());
        Callback::from(move |_: InputEvent| {
            command.set(launch_form::command(&|name| element::form_value(&form, name)));
            wrong.set(String::new());
        })
    };
    let onsubmit = {
        let (form, missing, wrong) = (form.clone(), missing.setter(), wrong.setter());
        let (on_launch, lists) = (props.on_launch.clone(), lists.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let spec = match launch_form::spec(&|name| element::form_value(&form, name)) {
                Ok(spec) if spec.image.is_empty() => return,
                Ok(spec) => spec,
                Err(words) => return wrong.set(words),
            };
            match lists.images.as_deref().and_then(|images| names::find(images, &spec.image)) {
                Some(image) => on_launch.emit(LaunchSpec { image: names::of(image).to_owned(), ..spec }),
                None => missing.set(Some(spec)),
            }
        })
    };
    let on_cancel = {
        let (client, missing) = (client.clone(), missing.setter());
        Callback::from(move |request| {
            client.cancel_pull(request);
            missing.set(None);
        })
    };
    let offer = |name: &str| {
        let (client, name) = (client.clone(), name.to_owned());
        let shown = name.clone();
        let onclick = Callback::from(move |_: MouseEvent| client.pull(name.clone()));
        html! {
            <p class="offer" role="status">
                <span>{ format!("{shown} is not here.") }</span>
                <button type="button" class="button button-accent" {onclick} disabled={connection.phase != Phase::Live}>
                    { format!("Pull {shown} and launch it") }
                </button>
            </p>
        }
    };
    let below = missing.as_ref().map(|spec| match transfers.newest(&spec.image) {
        None => offer(&spec.image),
        Some(pull) => match &pull.status {
            PullStatus::Failed(error) => html! { <>{ problem(error) }{ offer(&spec.image) }</> },
            PullStatus::UnderWay | PullStatus::Done => {
                let request = pull.request;
                let on_cancel = on_cancel.reform(move |()| request);
                transfer_card("Pulling", &spec.image, transfers.of(pull), Some(on_cancel))
            }
        },
    });
    let session = connection.host.as_ref().and_then(|host| host.session.as_ref());
    let quota =
        session.and_then(|session| Some((session.containers, session.max_containers?))).map(|(own, most)| {
            let full = if own >= most { ": end one to launch another" } else { "" };
            html! { <p class="quiet">{ format!("{own} of {most} containers{full}") }</p> }
        });
    html! {
        <div class="any">
            <form class="any-form" ref={form} {onsubmit} {oninput}>
                <input class="field" name="image" type="text" autocomplete="off" autocapitalize="off" spellcheck="false"
                    placeholder={props.hint} aria-label="Another image" />
                <button type="submit" class="button">{ "Launch" }</button>
                if !wrong.is_empty() { <p class="problem" role="alert">{ &*wrong }</p> }
                if let Some(offers) = &offers.value { { launch_options(offers, &command) } }
            </form>
            { quota.unwrap_or_default() }
            { below.unwrap_or_default() }
        </div>
    }
}
