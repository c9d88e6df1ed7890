//! How far something is.

use yew::prelude::*;

use crate::state::format;

/// A bar.
pub fn progress(label: &str, done: u64, total: u64) -> Html {
    let percent = format::percent(done, total);
    let known = total > 0;
    html! {
        <span class="bar" role="progressbar" aria-label={label.to_owned()} aria-valuemin="0" aria-valuemax="100"
            aria-valuenow={known.then(|| percent.to_string())}>
            <span class="bar-fill" data-unknown={(!known).then_some("true")} style={format!("inline-size: {percent}%")} />
        </span>
    }
}
