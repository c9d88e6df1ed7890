//! How an image was made.

use porthole_protocol::image::HistoryStep;
use yew::prelude::*;

use crate::state::{format, stack};

/// The instructions, newest first, each with the bytes it added.
pub fn history(steps: &[HistoryStep]) -> Html {
    let largest = steps.iter().map(|step| step.bytes).max().unwrap_or(0);
    let step = |step: &HistoryStep| {
        let instruction = stack::instruction(&step.created_by);
        let shown = if instruction.is_empty() { "no instruction told".into() } else { instruction };
        html! {
            <li class="made" data-empty={step.layer.is_none().then_some("true")}>
                <code class="made-by" title={step.created_by.clone()}>{ shown }</code>
                <span class="made-size">
                    { step.layer.as_ref().map_or_else(|| "changed no file".to_string(), |_| format::bytes(step.bytes)) }
                </span>
                <span class="made-bar" aria-hidden="true">
                    <span class="made-fill" style={format!("inline-size: {}%", format::percent(step.bytes, largest))} />
                </span>
                if !step.comment.is_empty() { <span class="made-note">{ &step.comment }</span> }
            </li>
        }
    };
    html! { <ol class="making">{ for steps.iter().map(step) }</ol> }
}
