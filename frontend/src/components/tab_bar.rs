//! The tabs of terminals.

use yew::prelude::*;

use super::icon::{Icon, glyph};
use crate::state::tabs::{TabKey, TabsAction};

/// A tab as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Which.
    pub key: TabKey,
    /// The container's name, or the image's before there is one.
    pub name: AttrValue,
    /// Which terminal of the container.
    pub detail: AttrValue,
    /// `opening`, `live`, `rang`, `recording` or `ended`.
    pub state: &'static str,
    /// Whether another terminal stands for the tab it is in: where there is room, that one's is shown alone.
    pub behind: bool,
}

/// What is dragged: a terminal, and whether it alone is meant and not its tab.
pub type Dragged = Option<(TabKey, bool)>;

/// What [`tab_bar`] is about.
pub struct Props<'a> {
    /// The terminals, in order.
    pub labels: &'a [Label],
    /// The one shown.
    pub active: Option<TabKey>,
    /// Show this one.
    pub on_select: &'a Callback<TabKey>,
    /// Close one, show the next one, move one.
    pub on_act: &'a Callback<TabsAction>,
    /// Rename this one.
    pub on_rename: &'a Callback<TabKey>,
    /// What is being dragged.
    pub dragged: &'a UseStateHandle<Dragged>,
    /// A further terminal in the shown container; none when that cannot be.
    pub on_new: Option<Callback<()>>,
    /// What stands at the end of the bar.
    pub children: Html,
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
        let (on_act, on_rename) = (props.on_act.clone(), props.on_rename.clone());
        Callback::from(move |event: KeyboardEvent| {
            let (name, shift) = (event.key(), event.shift_key());
            let backwards = name == "ArrowLeft";
            match name.as_str() {
                "ArrowLeft" | "ArrowRight" if shift => on_act.emit(TabsAction::Shift { backwards }),
                "ArrowLeft" | "ArrowRight" => on_act.emit(TabsAction::Step { backwards }),
                "Delete" => on_act.emit(TabsAction::Close(key)),
                "F2" => on_rename.emit(key),
                _ => {}
            }
        })
    };
    let close = props.on_act.reform(move |event: MouseEvent| {
        event.stop_propagation();
        TabsAction::Close(key)
    });
    let drag = |to: Dragged| {
        let dragged = props.dragged.setter();
        Callback::from(move |_: DragEvent| dragged.set(to))
    };
    // A tab is moved while it is dragged; a terminal comes into the tab on which it is dropped.
    let meet = |alone: bool, act: fn(TabKey, TabKey) -> TabsAction| {
        let met = (**props.dragged).filter(|met| met.1 == alone && met.0 != key);
        let on_act = props.on_act.clone();
        Callback::from(move |_: DragEvent| met.iter().for_each(|met| on_act.emit(act(met.0, key))))
    };
    let ondragover = receive(**props.dragged);
    html! {
        <div key={key} class="tab" role="presentation" data-active={active.then_some("true")} data-state={label.state}
            data-behind={label.behind.then_some("true")} data-dragged={(**props.dragged == Some((key, false))).then_some("true")}
            draggable="true" ondragstart={drag(Some((key, false)))} ondragend={drag(None)} {ondragover}
            ondragenter={meet(false, TabsAction::Move)} ondrop={meet(true, TabsAction::Bring)}
            ondblclick={props.on_rename.reform(move |_| key)}>
            <button type="button" class="tab-button" role="tab" id={tab_id(key)} aria-controls={panel_id(key)}
                aria-selected={active.to_string()} tabindex={if active { "0" } else { "-1" }}
                aria-keyshortcuts="Delete F2 Shift+ArrowLeft Shift+ArrowRight" onclick={props.on_select.reform(move |_| key)} {onkeydown}>
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

/// Lets something be dropped, if it is one of ours.
pub fn receive(dragged: Dragged) -> Callback<DragEvent> {
    Callback::from(move |event: DragEvent| {
        if dragged.is_some() {
            event.prevent_default();
        }
    })
}

/// The tabs, the button for one more, and what concerns the active terminal.
pub fn tab_bar(props: &Props<'_>) -> Html {
    html! {
        <div class="tab-bar">
            <div class="tabs" role="tablist" aria-label="Terminals" data-takes={props.dragged.is_some_and(|it| it.1).then_some("true")}>
                { for props.labels.iter().map(|label| tab(props, label)) }
            </div>
            <button type="button" class="icon-button" disabled={props.on_new.is_none()} aria-label="New terminal"
                title="New terminal in this container"
                onclick={props.on_new.clone().map(|new| new.reform(|_: MouseEvent| ()))}>
                { glyph(Icon::Plus) }
            </button>
            { props.children.clone() }
        </div>
    }
}
