//! How far something is.

use yew::prelude::*;

use crate::state::format;

/// Properties of [`Progress`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// Of what, for screen readers.
    pub label: AttrValue,
    /// Bytes that have passed.
    pub done: u64,
    /// All of them; 0 while that is not known.
    pub total: u64,
}

/// A bar.
#[component]
pub fn Progress(props: &Props) -> Html {
    let percent = format::percent(props.done, props.total);
    let known = props.total > 0;
    html! {
        <span class="bar" role="progressbar" aria-label={props.label.clone()} aria-valuemin="0" aria-valuemax="100"
            aria-valuenow={known.then(|| percent.to_string())}>
            <span class="bar-fill" data-unknown={(!known).then_some("true")} style={format!("inline-size: {percent}%")} />
        </span>
    }
}
