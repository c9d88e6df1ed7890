//! Launching an image by name, which is pulled first when it is not here.

use yew::prelude::*;

use crate::components::problem::Problem;
use crate::components::transfer_list::TransferCard;
use crate::hooks::contexts::{ConnectionContext, ListsContext, TransfersContext, use_store};
use crate::interop::element;
use crate::net::client::Client;
use crate::state::connection::Phase;
use crate::state::names;
use crate::state::transfers::PullStatus;

/// Properties of [`LaunchAny`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// Launch this image.
    pub on_launch: Callback<String>,
}

/// A field for the name; then, where it is not here, the offer to pull it, and how far that is.
#[component]
pub fn LaunchAny(props: &Props) -> Html {
    let client = use_store::<Client>();
    let connection = use_store::<ConnectionContext>();
    let lists = use_store::<ListsContext>();
    let transfers = use_store::<TransfersContext>();
    let field = use_node_ref();
    let missing = use_state(|| None::<String>);
    let pull = missing.as_ref().and_then(|name| transfers.newest(name)).cloned();
    use_effect_with(pull.as_ref().map(|pull| (pull.name.clone(), pull.status == PullStatus::Done)), {
        let (on_launch, missing) = (props.on_launch.clone(), missing.setter());
        move |pull| {
            if let Some((name, true)) = pull {
                missing.set(None);
                on_launch.emit(name.clone());
            }
        }
    });
    let onsubmit = {
        let (field, missing, lists) = (field.clone(), missing.setter(), lists.clone());
        let on_launch = props.on_launch.clone();
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            let name = element::input_value(&field).trim().to_owned();
            let here = lists.images.as_deref().and_then(|images| names::find(images, &name));
            match here {
                _ if name.is_empty() => {}
                Some(image) => on_launch.emit(names::of(image).to_owned()),
                None => missing.set(Some(name)),
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
    let below = match (&*missing, &pull) {
        (None, _) => Html::default(),
        (Some(name), None) => offer(name),
        (Some(name), Some(pull)) => match &pull.status {
            PullStatus::Failed(error) => html! { <><Problem error={error.clone()} />{ offer(name) }</> },
            PullStatus::UnderWay | PullStatus::Done => {
                let request = pull.request;
                html! {
                    <TransferCard verb="Pulling" name={name.clone()} transfer={transfers.of(pull).cloned()}
                        on_cancel={Some(on_cancel.reform(move |()| request))} />
                }
            }
        },
    };
    html! {
        <div class="any">
            <form class="any-form" {onsubmit}>
                <label class="visually-hidden" for="any-name">{ "Another image" }</label>
                <input class="field" id="any-name" ref={field} type="text" autocomplete="off" autocapitalize="off"
                    spellcheck="false" placeholder="or another image: alpine" />
                <button type="submit" class="button">{ "Launch" }</button>
            </form>
            { below }
        </div>
    }
}
