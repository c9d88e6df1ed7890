//! The terminals and their tabs.

use porthole_protocol::http::ContainerState;
use porthole_protocol::ids::ContainerId;
use yew::functional::Hook;
use yew::prelude::*;

use super::launch_any;
use super::lifetime;
use super::ports;
use super::terminal_head;
use crate::components::ask_name;
use crate::components::dividers::dividers;
use crate::components::part::part;
use crate::components::queue_card::queue_card;
use crate::components::tab_bar::{self, Dragged, Label, tab_bar};
use crate::components::terminal_status::{self, terminal_status};
use crate::components::terminal_view;
use crate::components::welcome::{self, welcome};
use crate::hooks::contexts::{ConnectionContext, ListsContext, TabsContext, ToastsContext, use_store};
use crate::hooks::use_shortcuts::use_shortcuts;
use crate::interop::browser;
use crate::net::client::Client;
use crate::state::connection::Phase;
use crate::state::format;
use crate::state::layout::{Area, Axis, WHOLE};
use crate::state::lists::Lists;
use crate::state::names;
use crate::state::shortcuts::Shortcut;
use crate::state::tabs::{Origin, Status, Tab, TabKey, TabsAction};
use crate::state::toasts::ToastsAction;

/// What [`stage`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The visitor wants to see the terminal.
    pub on_terminal: Callback<()>,
}

fn label(tab: &Tab, lists: &Lists, behind: bool) -> Label {
    let container = tab.container().and_then(|id| lists.container(id));
    let name = match (container, &tab.origin) {
        _ if !tab.name.is_empty() => tab.name.clone(),
        (Some(container), _) => container.name.clone(),
        (None, Origin::Launch(spec)) => names::short(&spec.image).to_owned(),
        (None, _) => tab.container().map_or_else(String::new, ToString::to_string),
    };
    let process = lists.process(tab.place.as_ref());
    let detail = match process.and_then(|process| Some((process.number, process.command.first()?))) {
        _ if !tab.title.is_empty() => tab.title.clone(),
        Some((0, command)) => command.clone(),
        Some((number, command)) => format!("{command} {}", number + 1),
        None => String::new(),
    };
    let state = match tab.status {
        Status::Opening | Status::Queued { .. } => "opening",
        Status::Live if process.is_some_and(|process| process.recording.is_some()) => "recording",
        Status::Live if tab.rang => "rang",
        Status::Live => "live",
        Status::Exited(_) | Status::Failed(_) | Status::Removed => "ended",
    };
    Label { key: tab.key, name: name.into(), detail: detail.into(), state, behind }
}

/// The container in which a further terminal can be opened: the shown one, while it runs.
fn running(tab: Option<&Tab>, lists: &Lists) -> Option<ContainerId> {
    let container = lists.container(tab?.container()?)?;
    (container.state == ContainerState::Running).then(|| container.id.clone())
}

/// What was launched for this tab, as far as known.
fn launch(tab: &Tab, lists: &Lists) -> Option<Origin> {
    match (&tab.origin, tab.container().and_then(|id| lists.container(id))) {
        (Origin::Launch(_), _) => Some(tab.origin.clone()),
        (_, Some(container)) => Some(Origin::image(container.image.clone())),
        (_, None) => None,
    }
}

/// A place as a style.
fn style(area: Area) -> AttrValue {
    let of = |length: u16| format::part(length.into(), WHOLE.into());
    let Area { x, y, width, height } = area;
    format!("left: {}; top: {}; width: {}; height: {}", of(x), of(y), of(width), of(height)).into()
}

/// A further shell in this container.
fn shell(container: ContainerId) -> Origin {
    Origin::Exec { container, command: vec!["sh".into()] }
}

/// The terminals.
pub fn stage(props: Props) -> Html {
    part("", props, |props, ctx| use_stage(props).run(ctx))
}

#[hook]
fn use_stage(props: &Props) -> Html {
    let client = use_store::<Client>();
    let connection = use_store::<ConnectionContext>();
    let lists = use_store::<ListsContext>();
    let tabs = use_store::<TabsContext>();
    let toasts = use_store::<ToastsContext>();
    let screen_reader = use_state(bool::default);
    let focus = use_state(u32::default);
    let dragged = use_state(Dragged::default);
    let renaming = use_state(|| None::<TabKey>);
    let on_act = {
        let dispatch = tabs.dispatcher();
        Callback::from(move |action| dispatch.dispatch(action))
    };
    let on_active = on_act.reform(TabsAction::Select);
    let on_close = on_act.reform(TabsAction::Close);
    let on_open = on_act.reform(TabsAction::Open);
    let on_select = {
        let (select, terminal, focus) = (on_active.clone(), props.on_terminal.clone(), focus.clone());
        Callback::from(move |key| {
            select.emit(key);
            terminal.emit(());
            focus.set(*focus + 1);
        })
    };
    let on_drag = {
        let dragged = dragged.setter();
        Callback::from(move |to| dragged.set(to))
    };
    // A tab that is dropped here comes beside the terminal that is shown.
    let ondrop = {
        let (dropped, active, act) = (*dragged, tabs.active, on_act.clone());
        Callback::from(move |_: DragEvent| {
            if let (Some((key, _)), Some(active)) = (dropped, active) {
                act.emit(TabsAction::Bring(key, active));
            }
        })
    };
    let on_rename = {
        let renaming = renaming.setter();
        Callback::from(move |key| renaming.set(Some(key)))
    };
    let container = running(tabs.shown(), &lists);
    let on_new = container.clone().map(|container| on_open.reform(move |()| shell(container.clone())));
    use_shortcuts((container.clone(), tabs.active), {
        let (act, active, on_rename) = (on_act.clone(), tabs.active, on_rename.clone());
        move |shortcut| {
            let further = |make: fn(Origin) -> TabsAction| container.clone().map(|it| make(shell(it)));
            let action = match shortcut {
                Shortcut::NewTerminal => further(TabsAction::Open),
                Shortcut::SplitRight => further(|it| TabsAction::Split(it, Axis::Row)),
                Shortcut::SplitDown => further(|it| TabsAction::Split(it, Axis::Column)),
                Shortcut::StepTab { backwards } => Some(TabsAction::Step { backwards }),
                Shortcut::ShiftTab { backwards } => Some(TabsAction::Shift { backwards }),
                Shortcut::Part => Some(TabsAction::Part),
                Shortcut::Close => active.map(TabsAction::Close),
                Shortcut::Rename => {
                    active.iter().for_each(|key| on_rename.emit(*key));
                    return true;
                }
                _ => return false,
            };
            action.into_iter().for_each(|action| act.emit(action));
            true
        }
    });
    let on_note = {
        let toasts = toasts.dispatcher();
        Callback::from(move |text| toasts.dispatch(ToastsAction::Note(text)))
    };
    let on_screen_reader = {
        let screen_reader = screen_reader.clone();
        Callback::from(move |()| screen_reader.set(!*screen_reader))
    };
    let connected = connection.phase == Phase::Live;
    let behind = |key| tabs.groups.iter().all(|group| group.front != key);
    let labels: Vec<Label> =
        tabs.order().into_iter().filter_map(|key| Some(label(tabs.tab(key)?, &lists, behind(key)))).collect();
    let places = tabs.group().map(|group| group.tree.places()).unwrap_or_default();
    // In the order they were opened: what changes its place among others would lose the keyboard.
    let terminals = tabs.all.iter().map(|tab| {
        let area = places.panes.iter().find(|(key, _)| *key == tab.key).map(|(_, area)| style(*area));
        let label = labels.iter().find(|label| label.key == tab.key);
        let label =
            label.map_or_else(String::new, |label| format!("Terminal {} {}", label.name, label.detail));
        terminal_view::terminal_view(
            &tab.key.to_string(),
            terminal_view::Props {
                tab: tab.key,
                origin: tab.origin.clone(),
                active: tabs.active == Some(tab.key),
                area,
                beside: places.panes.len() > 1,
                on_active: on_active.clone(),
                on_close: on_close.clone(),
                on_drag: on_drag.clone(),
                label: label.into(),
                focus: *focus,
                screen_reader: *screen_reader,
                on_screen_reader: on_screen_reader.clone(),
                on_note: on_note.clone(),
            },
        )
    });
    let on_divide = on_act.reform(|(index, share)| TabsAction::Divide(index, share));
    let on_again = match (on_new.clone(), tabs.shown().and_then(|tab| launch(tab, &lists))) {
        (Some(new), _) => Some(("New shell", new)),
        (None, Some(again)) => Some(("Launch again", on_open.reform(move |()| again.clone()))),
        (None, None) => None,
    };
    let container = tabs.shown().and_then(Tab::container).and_then(|id| lists.container(id));
    let expires_ms = container.and_then(|it| it.expires_ms);
    let running = container.filter(|it| it.state == ContainerState::Running);
    let lifetime = running.zip(expires_ms).map(|(container, expires_ms)| {
        lifetime::lifetime(lifetime::Props { container: container.id.clone(), expires_ms })
    });
    let queue = match tabs.shown() {
        Some(Tab { key, status: Status::Queued { position, reason }, .. }) => {
            let (client, key) = (client.clone(), *key);
            queue_card(*position, reason, Callback::from(move |_| client.cancel_launch(key)))
        }
        _ => Html::default(),
    };
    let head = tabs.shown().and_then(|tab| {
        Some(terminal_head::terminal_head(terminal_head::Props { place: tab.place.clone()? }))
    });
    let rename = renaming.and_then(|key| tabs.tab(key)).map(|tab| {
        let (key, renaming) = (tab.key, renaming.setter());
        let on_close = Callback::from(move |()| renaming.set(None));
        let on_name = {
            let (act, close) = (on_act.clone(), on_close.clone());
            Callback::from(move |name| {
                act.emit(TabsAction::Rename(key, name));
                close.emit(());
            })
        };
        ask_name::ask_name(ask_name::Props {
            title: "Rename the terminal".into(),
            lead: html! { "Left empty, it is called as its container is." },
            verb: "Rename".into(),
            initial: tab.name.clone().into(),
            hint: "".into(),
            optional: true,
            on_name,
            on_close,
            busy: false,
            error: None,
        })
    });
    html! {
        <section class="stage" aria-label="Terminals" data-region="terminal" tabindex="-1">
            if let Some(shown) = tabs.shown() {
                { tab_bar(&tab_bar::Props {
                    labels: &labels, active: tabs.active, on_select: &on_select, on_act: &on_act, on_rename: &on_rename,
                    dragged: &dragged, on_new, children: head.unwrap_or_default(),
                }) }
                if let Some(container) = running { { ports::ports(&container.id.to_string(), ports::Props { container: container.id.clone() }) } }
                <div class="terminals" data-takes={dragged.is_some_and(|it| !it.1).then_some("true")} ondragover={tab_bar::receive(*dragged)} {ondrop}>
                    { for terminals }
                    // With a key, as all that is among the terminals: else Yew would make them anew.
                    <div key="dividers" class="dividers">{ dividers(&places.dividers, &on_divide) }</div>
                </div>
                // Beside the terminals, not among them: what has no key there would have Yew make them anew.
                { queue }
                { terminal_status(&terminal_status::Props {
                    status: &shown.status, expired: expires_ms.is_some_and(|at| at <= browser::now_ms()), connected, on_again,
                    children: lifetime.unwrap_or_default(), on_close: { let key = shown.key; on_close.reform(move |()| key) },
                }) }
                // Always there, if only as nothing: one more or less at the end would have Yew make all before it anew.
                { rename.unwrap_or_default() }
            } else {
                { welcome(&welcome::Props {
                    images: lists.images.as_deref(),
                    enabled: connected,
                    on_launch: &on_open.reform(Origin::image),
                    children: launch_any::launch_any(launch_any::Props { hint: "or another image: alpine".into(), on_launch: on_open.reform(|spec| Origin::Launch(Box::new(spec))) }),
                }) }
            }
        </section>
    }
}
