//! The tabs of terminals.

use yew::prelude::*;

use super::icon::{Icon, glyph};
use crate::state::tabs::TabKey;

/// A tab as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Which.
    pub key: TabKey,
    /// The container's name, or the image's before there is one.
    pub name: AttrValue,
    /// Which terminal of the container.
    pub detail: AttrValue,
    /// `opening`, `live` or `ended`.
    pub state: &'static str,
}

/// What [`tab_bar`] is about.
pub struct Props<'a> {
    /// The tabs, in order.
    pub labels: &'a [Label],
    /// The one shown.
    pub active: Option<TabKey>,
    /// Show this one.
    pub on_select: &'a Callback<TabKey>,
    /// Close this one.
    pub on_close: &'a Callback<TabKey>,
    /// Show the next one, or (`true`) the one before.
    pub on_step: Callback<bool>,
    /// A further terminal in the shown container; none when that cannot be.
    pub on_new: Option<Callback<()>>,
}

/// The id of a tab's button.
#[must_use]
pub fn tab_id(key: TabKey) -> String {
    format!("tab-{key}")
}

/// The id of a tab's terminal.
#[must_use]
pub fn panel_id(key: TabKey) -> String {
    format!("terminal-{key}")
}

fn tab(props: &Props<'_>, label: &Label) -> Html {
    let key = label.key;
    let active = props.active == Some(key);
    let onkeydown = {
        let (on_step, on_close) = (props.on_step.clone(), props.on_close.clone());
        Callback::from(move |event: KeyboardEvent| match event.key().as_str() {
            "ArrowRight" => on_step.emit(false),
            "ArrowLeft" => on_step.emit(true),
            "Delete" => on_close.emit(key),
            _ => {}
        })
    };
    let close = props.on_close.reform(move |event: MouseEvent| {
        event.stop_propagation();
        key
    });
    html! {
        <div key={key} class="tab" role="presentation" data-active={active.then_some("true")} data-state={label.state}>
            <button type="button" class="tab-button" role="tab" id={tab_id(key)} aria-controls={panel_id(key)}
                aria-selected={active.to_string()} tabindex={if active { "0" } else { "-1" }}
                aria-keyshortcuts="Delete" onclick={props.on_select.reform(move |_| key)} {onkeydown}>
                <span class="dot" aria-hidden="true" />
                <span class="tab-name">{ &label.name }</span>
                <span class="tab-detail">{ &label.detail }</span>
                // For pointers only; the keyboard has Delete, and a button inside a tab would confuse a screen reader.
                <span class="tab-close" aria-hidden="true" title="Close this tab. Its process runs on." onclick={close}>
                    { glyph(Icon::Close) }
                </span>
            </button>
        </div>
    }
}

/// The tabs, and the button for one more.
pub fn tab_bar(props: &Props<'_>) -> Html {
    html! {
        <div class="tab-bar">
            <div class="tabs" role="tablist" aria-label="Terminals">
                { for props.labels.iter().map(|label| tab(props, label)) }
            </div>
            <button type="button" class="icon-button" disabled={props.on_new.is_none()} aria-label="New terminal"
                title="New terminal in this container"
                onclick={props.on_new.clone().map(|new| new.reform(|_: MouseEvent| ()))}>
                { glyph(Icon::Plus) }
            </button>
        </div>
    }
}
