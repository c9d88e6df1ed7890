//! Control groups: limits against use.

use porthole_protocol::kernel::CgroupValue;
use yew::prelude::*;

use crate::state::format;

/// Properties of [`Limits`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// Limits and use.
    pub values: Vec<CgroupValue>,
    /// CPU in use now, in thousandths of one CPU.
    pub cpu_millis: Option<u64>,
}

struct Meter {
    name: &'static str,
    now: String,
    limit: String,
    percent: u64,
    hits: Option<String>,
}

fn meter(value: &CgroupValue, cpu_millis: Option<u64>) -> Meter {
    let (name, unit, hit): (_, fn(u64) -> String, _) = match value.resource.as_str() {
        "memory" => ("Memory", format::bytes, "killed for memory"),
        "swap" => ("Swap", format::bytes, "at the limit"),
        "pids" => ("Processes", |count| count.to_string(), "forks refused"),
        "cpu" => ("CPU", |millis| format!("{} %", millis / 10), "times throttled"),
        _ => ("Other", |count| count.to_string(), "at the limit"),
    };
    let usage = if value.resource == "cpu" { cpu_millis.unwrap_or(0) } else { value.usage };
    Meter {
        name,
        now: unit(usage),
        limit: match value.limit {
            None => "no limit".into(),
            Some(0) => "none allowed".into(),
            Some(limit) => format!("of {}", unit(limit)),
        },
        percent: value.limit.map_or(0, |limit| format::percent(usage, limit)),
        hits: (value.hits > 0).then(|| format!("{} {hit}", value.hits)),
    }
}

/// A bar for each limited resource.
#[component]
pub fn Limits(props: &Props) -> Html {
    let bar = |value: &CgroupValue| {
        let meter = meter(value, props.cpu_millis);
        html! {
            <li key={value.resource.clone()} class="limit">
                <span class="limit-name">{ meter.name }</span>
                <span class="limit-figures">
                    <span class="limit-now">{ meter.now }</span>
                    { format!(" {}", meter.limit) }
                </span>
                <span class="limit-bar" role="img" aria-label={format!("{} percent in use", meter.percent)}>
                    <span class="limit-fill" data-high={(meter.percent >= 90).then_some("true")}
                        style={format!("inline-size: {}%", meter.percent)} />
                </span>
                <span class="limit-note">
                    if let Some(hits) = meter.hits { <strong class="limit-hits">{ hits }</strong> }
                    { format!("cgroup v{}", value.version) }
                </span>
            </li>
        }
    };
    html! { <ul class="limits">{ for props.values.iter().map(bar) }</ul> }
}
