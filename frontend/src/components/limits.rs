//! Limits against use.

use porthole_protocol::kernel::CgroupValue;
use yew::prelude::*;

use crate::state::kernel::Rates;
use crate::state::meters::meter;

/// A bar for each limited resource.
pub fn limits(values: &[CgroupValue], rates: Rates) -> Html {
    let bar = |value: &CgroupValue| {
        let meter = meter(value, rates);
        html! {
            <li key={value.resource.clone()} class="limit">
                <span class="limit-name">{ meter.name }</span>
                <span class="limit-figures"><span class="limit-now">{ meter.now }</span>{ format!(" {}", meter.limit) }</span>
                <span class="limit-bar" role="img" aria-label={format!("{} percent in use", meter.percent)}>
                    <span class="limit-fill" data-high={(meter.percent >= 90).then_some("true")}
                        style={format!("inline-size: {}%", meter.percent)} />
                </span>
                <span class="limit-note">
                    if !meter.hits.is_empty() { <strong class="limit-hits">{ meter.hits }</strong> }
                    { meter.served_by }
                </span>
            </li>
        }
    };
    html! { <ul class="limits">{ for values.iter().map(bar) }</ul> }
}
