//! The birth timeline: what was done to make this container, step by step, on one scale.

use std::rc::Rc;

use porthole_protocol::http::ContainerDetail;
use yew::functional::Hook;
use yew::prelude::*;

use super::part::part;
use crate::state::format;
use crate::state::timeline::{self, Bar, Group, Timeline, WHOLE};

/// What [`birth`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The container.
    pub detail: Rc<ContainerDetail>,
}

fn place(left: u64, width: u64, least: &str) -> String {
    let part = |of_whole| format::part(of_whole, WHOLE);
    format!("inset-inline-start: {}; inline-size: max({least}, {})", part(left), part(width))
}

fn bar(bar: &Bar) -> Html {
    // A step of nanoseconds is still one pixel.
    let place = place(bar.left.min(WHOLE - 50), bar.width, "2px");
    html! {
        <li class="step">
            <div class="step-line">
                <code class="step-call">{ &bar.step.call }</code>
                <span class="step-time">{ format::nanos(bar.step.duration_ns) }</span>
            </div>
            <div class="step-track" aria-hidden="true"><span class="step-bar" style={place} /></div>
            <p class="step-why">{ &bar.step.why }</p>
        </li>
    }
}

/// All steps on one strip: where the time went, at a glance.
fn overview(laid_out: &Timeline) -> Html {
    let bars = laid_out.groups.iter().flat_map(|group| {
        group.bars.iter().map(move |bar| {
            let place = place(bar.left, bar.width, "1px");
            html! { <span class="overview-bar" data-actor={group.actor.clone()} style={place} title={bar.step.call.clone()} /> }
        })
    });
    html! { <div class="overview" aria-hidden="true">{ for bars }</div> }
}

fn group(group: &Group) -> Html {
    html! {
        <section class="steps" data-actor={group.actor.clone()}>
            <header class="steps-head">
                <h2 class="steps-actor">{ &group.actor }</h2>
                <p class="steps-who">{ timeline::actor(&group.actor) }</p>
                <span class="steps-time">{ format::nanos(group.duration_ns) }</span>
            </header>
            <ol class="steps-list">{ for group.bars.iter().map(bar) }</ol>
        </section>
    }
}

/// The timeline of one container.
pub fn birth(props: Props) -> Html {
    part("", props, |props, ctx| use_birth(props).run(ctx))
}

#[hook]
fn use_birth(props: &Props) -> Html {
    let laid_out = use_memo(props.detail.clone(), |detail| timeline::timeline(&detail.birth));
    let steps: usize = laid_out.groups.iter().map(|group| group.bars.len()).sum();
    html! {
        <div class="birth">
            <div class="birth-total">
                <strong class="birth-figure">{ format::nanos(laid_out.total_ns) }</strong>
                <p class="birth-words">
                    { format!("from the request to your command running, in {steps} steps. Nothing else is in a container: \
                        these calls, and a program.") }
                </p>
            </div>
            { overview(&laid_out) }
            { for laid_out.groups.iter().map(group) }
        </div>
    }
}
