//! Images on their way, layer by layer.

use porthole_protocol::ids::RequestId;
use porthole_protocol::image::{Direction, LayerState, LayerTransfer, Transfer};
use yew::prelude::*;

use super::icon::{Glyph, Icon};
use super::problem::Problem;
use super::progress::Progress;
use crate::state::format;
use crate::state::transfers::{Pull, PullStatus, Transfers, progress};

/// Properties of [`TransferList`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// All of them.
    pub transfers: Transfers,
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
            <Progress label={format!("Layer {name}")} {done} total={layer.total_bytes} />
            <span>{ words(layer.state) }</span>
            <span class="transfer-size">{ format::bytes(layer.total_bytes) }</span>
        </li>
    }
}

/// An image on its way: its name, how far it is, and its layers.
#[component]
pub fn TransferCard(props: &CardProps) -> Html {
    let (done, total) = props.transfer.as_ref().map_or((0, 0), progress);
    let what = match &props.transfer {
        None => "asking the registry".to_string(),
        Some(transfer) if transfer.layers.is_empty() => "asking the registry".to_string(),
        Some(_) => format!("{} of {}", format::bytes(done), format::bytes(total)),
    };
    html! {
        <article class="transfer" aria-label={format!("{} {}", props.verb, props.name)}>
            <header class="transfer-head">
                <span class="transfer-name">{ format!("{} {}", props.verb, props.name) }</span>
                <span class="transfer-figures">{ what }</span>
                if let Some(cancel) = &props.on_cancel {
                    <button type="button" class="button" onclick={cancel.reform(|_| ())}
                        aria-label={format!("Cancel {}", props.name)}>
                        { "Cancel" }
                    </button>
                }
            </header>
            <Progress label={props.name.clone()} {done} {total} />
            if let Some(transfer) = &props.transfer {
                <ol class="transfer-layers">{ for transfer.layers.iter().map(layer) }</ol>
            }
        </article>
    }
}

/// Properties of [`TransferCard`].
#[derive(Properties, PartialEq)]
pub struct CardProps {
    /// `Pulling` or `Pushing`.
    pub verb: AttrValue,
    /// Its name.
    pub name: AttrValue,
    /// How far it is, once the agent has told.
    pub transfer: Option<Transfer>,
    /// Give it up; none when it is another's.
    #[prop_or_default]
    pub on_cancel: Option<Callback<()>>,
}

fn pull(props: &Props, pull: &Pull) -> Html {
    let request = pull.request;
    match &pull.status {
        PullStatus::Done => Html::default(),
        PullStatus::UnderWay => html! {
            <TransferCard key={request} verb="Pulling" name={pull.name.clone()} transfer={props.transfers.of(pull).cloned()}
                on_cancel={Some(props.on_cancel.reform(move |()| request))} />
        },
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
                            <Glyph icon={Icon::Close} />
                        </button>
                    </header>
                    <Problem error={error.clone()} />
                </article>
            }
        }
    }
}

fn other(transfer: &Transfer) -> Html {
    let verb = if transfer.direction == Direction::Push { "Pushing" } else { "Pulling" };
    html! {
        <TransferCard key={format!("{verb} {}", transfer.name)} {verb} name={transfer.name.clone()}
            transfer={transfer.clone()} />
    }
}

/// What this page asked for, then what others did.
#[component]
pub fn TransferList(props: &Props) -> Html {
    html! {
        <div class="transfers">
            { for props.transfers.pulls.iter().map(|one| pull(props, one)) }
            { for props.transfers.of_others().map(other) }
        </div>
    }
}
