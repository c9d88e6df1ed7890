//! The terminals and their tabs.

use porthole_protocol::http::ContainerState;
use porthole_protocol::ids::ContainerId;
use yew::prelude::*;

use super::launch_any::LaunchAny;
use crate::components::tab_bar::{Label, TabBar};
use crate::components::terminal_status::TerminalStatus;
use crate::components::terminal_view::TerminalView;
use crate::components::welcome::Welcome;
use crate::hooks::contexts::{ConnectionContext, ListsContext, TabsContext, ToastsContext, use_store};
use crate::hooks::use_shortcuts::use_shortcuts;
use crate::state::connection::Phase;
use crate::state::lists::Lists;
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
        (None, Origin::Launch { image }) => image.strip_suffix(":latest").unwrap_or(image).to_string(),
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
        Status::Opening => "opening",
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

/// The image that was launched for this tab, as far as known.
fn image(tab: &Tab, lists: &Lists) -> Option<String> {
    match (&tab.origin, tab.container().and_then(|id| lists.container(id))) {
        (Origin::Launch { image }, _) => Some(image.clone()),
        (_, Some(container)) => Some(container.image.clone()),
        (_, None) => None,
    }
}

/// The terminals.
#[component]
pub fn Stage(props: &Props) -> Html {
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
    let on_launch: Callback<String> = {
        let dispatch = tabs.dispatcher();
        Callback::from(move |image| dispatch.dispatch(TabsAction::Open(Origin::Launch { image })))
    };
    let image = tabs.shown().and_then(|tab| image(tab, &lists));
    let on_again = match (on_new.clone(), image) {
        (Some(new), _) => Some(("New shell", new)),
        (None, Some(image)) => Some(("Launch again", on_launch.reform(move |()| image.clone()))),
        (None, None) => None,
    };
    html! {
        <section class="stage" aria-label="Terminals" data-region="terminal" tabindex="-1">
            if let Some(shown) = tabs.shown() {
                <TabBar labels={labels.clone()} active={tabs.active} {on_select} on_close={on_close.clone()} {on_step}
                    {on_new} />
                <div class="terminals">{ for terminals }</div>
                <TerminalStatus status={shown.status.clone()} {connected} {on_again}
                    on_close={let key = shown.key; on_close.reform(move |()| key)} />
            } else {
                <Welcome images={lists.images.clone()} enabled={connected} on_launch={on_launch.clone()}>
                    <LaunchAny {on_launch} />
                </Welcome>
            }
        </section>
    }
}
