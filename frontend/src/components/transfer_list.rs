//! Images on their way, layer by layer.

use porthole_protocol::ids::RequestId;
use porthole_protocol::image::{Direction, LayerState, LayerTransfer, Transfer};
use yew::prelude::*;

use super::icon::{Icon, glyph};
use super::problem::problem;
use super::progress::progress;
use crate::state::format;
use crate::state::transfers::{self, Pull, PullStatus, Transfers};

/// What [`transfer_list`] is about.
pub struct Props<'a> {
    /// All of them.
    pub transfers: &'a Transfers,
    /// Pull this image again.
    pub on_pull: Callback<String>,
    /// Give up this pull.
    pub on_cancel: Callback<RequestId>,
    /// The visitor has read why it failed.
    pub on_dismiss: Callback<RequestId>,
}

fn words(state: LayerState) -> &'static str {
    match state {
        LayerState::Waiting => "waiting",
        LayerState::Transferring => "coming",
        LayerState::Retrying => "trying again",
        LayerState::Unpacking => "unpacking",
        LayerState::Present => "here already",
        LayerState::Complete => "here",
        LayerState::Unknown => "on its way",
    }
}

fn layer(layer: &LayerTransfer) -> Html {
    let name = format::short_digest(&layer.digest).to_owned();
    let finished = matches!(layer.state, LayerState::Present | LayerState::Complete);
    let done = if finished { layer.total_bytes } else { layer.done_bytes };
    html! {
        <li key={layer.digest.clone()} class="transfer-layer" data-finished={finished.then_some("true")}>
            <span class="transfer-digest">{ &name }</span>
            { progress(&format!("Layer {name}"), done, layer.total_bytes) }
            <span>{ words(layer.state) }</span>
            <span class="transfer-size">{ format::bytes(layer.total_bytes) }</span>
        </li>
    }
}

/// An image on its way: its name, how far it is once the agent has told, and its layers. It can be given up unless it is
/// another's.
pub fn transfer_card(
    verb: &str,
    name: &str,
    transfer: Option<&Transfer>,
    on_cancel: Option<Callback<()>>,
) -> Html {
    let (done, total) = transfer.map_or((0, 0), transfers::progress);
    let what = match transfer {
        None => "asking the registry".to_string(),
        Some(transfer) if transfer.layers.is_empty() => "asking the registry".to_string(),
        Some(_) => format!("{} of {}", format::bytes(done), format::bytes(total)),
    };
    html! {
        <article key={format!("{verb} {name}")} class="transfer" aria-label={format!("{verb} {name}")}>
            <header class="transfer-head">
                <span class="transfer-name">{ format!("{verb} {name}") }</span>
                <span class="transfer-figures">{ what }</span>
                if let Some(cancel) = on_cancel {
                    <button type="button" class="button" onclick={cancel.reform(|_| ())}
                        aria-label={format!("Cancel {name}")}>
                        { "Cancel" }
                    </button>
                }
            </header>
            { progress(name, done, total) }
            if let Some(transfer) = transfer {
                <ol class="transfer-layers">{ for transfer.layers.iter().map(layer) }</ol>
            }
        </article>
    }
}

fn pull(props: &Props<'_>, pull: &Pull) -> Html {
    let request = pull.request;
    match &pull.status {
        PullStatus::Done => Html::default(),
        PullStatus::UnderWay => {
            let on_cancel = props.on_cancel.reform(move |()| request);
            transfer_card("Pulling", &pull.name, props.transfers.of(pull), Some(on_cancel))
        }
        PullStatus::Failed(error) => {
            let name = pull.name.clone();
            html! {
                <article key={request} class="transfer" aria-label={format!("Failed: {name}")}>
                    <header class="transfer-head">
                        <span class="transfer-name">{ &name }</span>
                        <button type="button" class="button" onclick={props.on_pull.reform(move |_| name.clone())}>
                            { "Try again" }
                        </button>
                        <button type="button" class="icon-button" aria-label="Dismiss"
                            onclick={props.on_dismiss.reform(move |_| request)}>
                            { glyph(Icon::Close) }
                        </button>
                    </header>
                    { problem(error) }
                </article>
            }
        }
    }
}

fn other(transfer: &Transfer) -> Html {
    let verb = if transfer.direction == Direction::Push { "Pushing" } else { "Pulling" };
    transfer_card(verb, &transfer.name, Some(transfer), None)
}

/// What this page asked for, then what others did.
pub fn transfer_list(props: &Props<'_>) -> Html {
    html! {
        <div class="transfers">
            { for props.transfers.pulls.iter().map(|one| pull(props, one)) }
            { for props.transfers.of_others().map(other) }
        </div>
    }
}
