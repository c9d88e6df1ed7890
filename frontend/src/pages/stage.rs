//! The terminals and their tabs.

use porthole_protocol::http::ContainerState;
use porthole_protocol::ids::ContainerId;
use yew::prelude::*;

use super::launch_any::LaunchAny;
use super::lifetime::Lifetime;
use super::ports::Ports;
use crate::components::queue_card::queue_card;
use crate::components::tab_bar::{self, Label, tab_bar};
use crate::components::terminal_status::{self, terminal_status};
use crate::components::terminal_view::TerminalView;
use crate::components::welcome::{self, welcome};
use crate::hooks::contexts::{ConnectionContext, ListsContext, TabsContext, ToastsContext, use_store};
use crate::hooks::use_shortcuts::use_shortcuts;
use crate::interop::browser;
use crate::net::client::Client;
use crate::state::connection::Phase;
use crate::state::lists::Lists;
use crate::state::names;
use crate::state::shortcuts::Shortcut;
use crate::state::tabs::{Origin, Status, Tab, TabKey, TabsAction};
use crate::state::toasts::ToastsAction;

/// Properties of [`Stage`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The visitor wants to see the terminal.
    pub on_terminal: Callback<()>,
}

fn label(tab: &Tab, lists: &Lists) -> Label {
    let container = tab.container().and_then(|id| lists.container(id));
    let name = match (container, &tab.origin) {
        (Some(container), _) => container.name.clone(),
        (None, Origin::Launch(spec)) => names::short(&spec.image).to_owned(),
        (None, _) => tab.container().map_or_else(String::new, ToString::to_string),
    };
    let detail = match (&tab.place, container) {
        (Some(place), Some(container)) => container
            .processes
            .iter()
            .find(|process| process.number == place.process)
            .and_then(|process| process.command.first())
            .map_or_else(String::new, |command| match place.process {
                0 => command.clone(),
                number => format!("{command} {}", number + 1),
            }),
        _ => String::new(),
    };
    let state = match tab.status {
        Status::Opening | Status::Queued { .. } => "opening",
        Status::Live => "live",
        Status::Exited(_) | Status::Failed(_) | Status::Removed => "ended",
    };
    Label { key: tab.key, name: name.into(), detail: detail.into(), state }
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

/// The terminals.
#[component]
pub fn Stage(props: &Props) -> Html {
    let client = use_store::<Client>();
    let connection = use_store::<ConnectionContext>();
    let lists = use_store::<ListsContext>();
    let tabs = use_store::<TabsContext>();
    let toasts = use_store::<ToastsContext>();
    let screen_reader = use_state(|| false);
    let focus = use_state(|| 0_u32);
    let dispatch = tabs.dispatcher();
    let act = move |make: fn(TabKey) -> TabsAction| {
        let dispatch = dispatch.clone();
        Callback::from(move |key| dispatch.dispatch(make(key)))
    };
    let on_close = act(TabsAction::Close);
    let on_step = {
        let dispatch = tabs.dispatcher();
        Callback::from(move |backwards| dispatch.dispatch(TabsAction::Step { backwards }))
    };
    let on_select = {
        let (select, terminal, focus) = (act(TabsAction::Select), props.on_terminal.clone(), focus.clone());
        Callback::from(move |key| {
            select.emit(key);
            terminal.emit(());
            focus.set(*focus + 1);
        })
    };
    let on_new = running(tabs.shown(), &lists).map(|container| {
        let dispatch = tabs.dispatcher();
        Callback::from(move |()| {
            let origin = Origin::Exec { container: container.clone(), command: vec!["sh".into()] };
            dispatch.dispatch(TabsAction::Open(origin));
        })
    });
    use_shortcuts(running(tabs.shown(), &lists), {
        let (on_new, on_step) = (on_new.clone(), on_step.clone());
        move |shortcut| match (shortcut, &on_new) {
            (Shortcut::NewTerminal, Some(new)) => {
                new.emit(());
                true
            }
            (Shortcut::StepTab { backwards }, _) => {
                on_step.emit(backwards);
                true
            }
            _ => false,
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
    let labels: Vec<Label> = tabs.all.iter().map(|tab| label(tab, &lists)).collect();
    let terminals = tabs.all.iter().zip(&labels).map(|(tab, label)| html! {
        <TerminalView key={tab.key} tab={tab.key} origin={tab.origin.clone()} active={tabs.active == Some(tab.key)}
            label={format!("Terminal {} {}", label.name, label.detail)} focus={*focus}
            screen_reader={*screen_reader} on_screen_reader={on_screen_reader.clone()} on_note={on_note.clone()} />
    });
    let on_open: Callback<Origin> = {
        let dispatch = tabs.dispatcher();
        Callback::from(move |origin| dispatch.dispatch(TabsAction::Open(origin)))
    };
    let on_again = match (on_new.clone(), tabs.shown().and_then(|tab| launch(tab, &lists))) {
        (Some(new), _) => Some(("New shell", new)),
        (None, Some(again)) => Some(("Launch again", on_open.reform(move |()| again.clone()))),
        (None, None) => None,
    };
    let container = tabs.shown().and_then(Tab::container).and_then(|id| lists.container(id));
    let expires_ms = container.and_then(|it| it.expires_ms);
    let running = container.filter(|it| it.state == ContainerState::Running);
    let lifetime = running.zip(expires_ms).map(|(container, expires_ms)| {
        html! {
            <Lifetime container={container.id.clone()} {expires_ms} />
        }
    });
    let queue = match tabs.shown() {
        Some(Tab { key, status: Status::Queued { position, reason }, .. }) => {
            let (client, key) = (client.clone(), *key);
            queue_card(*position, reason, Callback::from(move |_| client.cancel_launch(key)))
        }
        _ => Html::default(),
    };
    html! {
        <section class="stage" aria-label="Terminals" data-region="terminal" tabindex="-1">
            if let Some(shown) = tabs.shown() {
                { tab_bar(&tab_bar::Props { labels: &labels, active: tabs.active, on_select: &on_select, on_close: &on_close, on_step, on_new }) }
                if let Some(container) = running { <Ports key={container.id.to_string()} container={container.id.clone()} /> }
                <div class="terminals">{ for terminals }</div>
                // Beside the terminals, not among them: what has no key there would have Yew make them anew.
                { queue }
                { terminal_status(&terminal_status::Props {
                    status: &shown.status, expired: expires_ms.is_some_and(|at| at <= browser::now_ms()), connected, on_again,
                    children: lifetime.unwrap_or_default(), on_close: { let key = shown.key; on_close.reform(move |()| key) },
                }) }
            } else {
                { welcome(&welcome::Props {
                    images: lists.images.as_deref(),
                    enabled: connected,
                    on_launch: &on_open.reform(Origin::image),
                    children: html! {
                        <LaunchAny hint="or another image: alpine" on_launch={on_open.reform(|spec| Origin::Launch(Box::new(spec)))} />
                    },
                }) }
            }
        </section>
    }
}
