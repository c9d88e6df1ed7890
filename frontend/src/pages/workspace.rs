//! The one view: containers, terminals, what the kernel says; and images, in the place of the latter two.

use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::http::{ContainerState, ContainerSummary};
use yew::functional::Hook;
use yew::prelude::*;

use super::add_archive;
use super::image;
use super::images;
use super::inspector;
use super::put_files;
use super::recordings;
use super::replay;
use super::session_bar;
use super::sidebar;
use super::stage;
use crate::components::connection_status::connection_banner;
use crate::components::drop_zone;
use crate::components::ended::ended;
use crate::components::help_dialog::help_dialog;
use crate::components::palette;
use crate::components::part::part;
use crate::components::toast_viewer;
use crate::components::top_bar;
use crate::components::view_switch::{View, view_switch};
use crate::hooks::contexts::{ConnectionContext, ListsContext, TabsContext, ToastsContext, use_store};
use crate::hooks::use_route::Navigate;
use crate::hooks::use_saved_tabs::use_saved_tabs;
use crate::hooks::use_shortcuts::use_shortcuts;
use crate::interop::{focus, keys};
use crate::net::client::Client;
use crate::route::Route;
use crate::state::connection::Phase;
use crate::state::palette::{Pick, all as all_commands};
use crate::state::shortcuts::Shortcut;
use crate::state::tabs::{Origin, TabsAction};
use crate::state::toasts::ToastsAction;

/// What [`workspace`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// Where one is.
    pub route: Route,
}

/// The workspace.
pub fn workspace(props: Props) -> Html {
    part("", props, |props, hooks| use_workspace(props).run(hooks))
}

#[hook]
fn use_workspace(props: &Props) -> Html {
    let client = use_store::<Client>();
    let connection = use_store::<ConnectionContext>();
    let lists = use_store::<ListsContext>();
    let tabs = use_store::<TabsContext>();
    let toasts = use_store::<ToastsContext>();
    let navigate = use_store::<Navigate>();
    let view = use_state(View::default);
    use_saved_tabs(&tabs, &lists);

    // The kernel panel follows the shown terminal.
    let container = tabs.shown().and_then(|tab| tab.place.as_ref()).map(|place| place.container.clone());
    use_effect_with(container.clone(), {
        let client = client.clone();
        move |container| client.inspect(container.clone())
    });
    // A terminal that is selected or opened is what the visitor wants to see.
    use_effect_with(tabs.active, {
        let view = view.setter();
        move |_| view.set(View::Terminal)
    });
    let over = use_state(|| None::<Shortcut>);
    use_shortcuts((), {
        let (over, navigate) = (over.setter(), navigate.clone());
        move |shortcut| {
            match shortcut {
                Shortcut::StepRegion { backwards } => focus::step_region(backwards),
                Shortcut::Palette | Shortcut::Help => over.set(Some(shortcut)),
                Shortcut::Recordings => navigate.emit(Route::Recordings),
                _ => return false,
            }
            true
        }
    });

    let on_view = {
        let (view, route) = (view.setter(), props.route.clone());
        Callback::from(move |next| match next {
            View::Images => navigate.emit(Route::Images),
            View::Containers | View::Terminal | View::Kernel => {
                view.set(next);
                if route != Route::Workspace {
                    navigate.emit(Route::Workspace);
                }
            }
        })
    };
    let shown = if props.route == Route::Workspace { *view } else { View::Images };
    let on_terminal = on_view.reform(|()| View::Terminal);
    let on_open = {
        let (tabs, show) = (tabs.dispatcher(), on_terminal.clone());
        Callback::from(move |origin| {
            tabs.dispatch(TabsAction::Open(origin));
            show.emit(());
        })
    };
    let on_launch = on_open.reform(Origin::image);
    let dropped = use_state(Vec::new);
    let on_dropped = {
        let dropped = dropped.setter();
        Callback::from(move |files| dropped.set(files))
    };
    let library = match props.route {
        Route::Recordings | Route::Recording { .. } => "Recordings",
        _ => "Images",
    };
    // A file that was dropped on another part of the page is no recording.
    use_effect_with(props.route.clone(), {
        let dropped = dropped.setter();
        move |_| dropped.set(Vec::new())
    });
    let images = match &props.route {
        Route::Images => {
            Some(images::images(images::Props { on_launch: on_launch.clone(), on_files: on_dropped.clone() }))
        }
        Route::Image { address } => {
            Some(image::image(image::Props { address: address.clone().into(), on_launch: on_launch.clone() }))
        }
        Route::Recordings | Route::Recording { .. } => Some(match (dropped.first(), &props.route) {
            (Some(file), _) => replay::replay(
                &file.name(),
                replay::Props { id: String::new(), at_ms: 0, file: Some(file.clone()) },
            ),
            (None, Route::Recording { id, at_ms }) => {
                replay::replay(id, replay::Props { id: id.clone(), at_ms: *at_ms, file: None })
            }
            _ => recordings::recordings(),
        }),
        Route::Workspace | Route::Join | Route::NotFound => None,
    };
    let running = |it: &&ContainerSummary| it.state == ContainerState::Running;
    let container = container.and_then(|id| lists.container(&id)).filter(running).cloned();
    let (words, on_files) = match (&images, &container) {
        _ if library == "Recordings" => ("Play this recording".to_string(), Some(on_dropped)),
        (Some(_), _) => ("Add the images of this archive".to_string(), Some(on_dropped)),
        (None, Some(container)) => (format!("Put into {}", container.name), Some(on_dropped)),
        (None, None) => ("A file can be put into a container that runs: launch one first".to_string(), None),
    };
    let on_close = {
        let dropped = dropped.setter();
        Callback::from(move |()| dropped.set(Vec::new()))
    };
    let files = (*dropped).clone();
    let dialog = match container {
        _ if files.is_empty() || library == "Recordings" => Html::default(),
        _ if images.is_some() => add_archive::add_archive(add_archive::Props { files, on_close }),
        Some(container) => put_files::put_files(put_files::Props { container, files, on_close }),
        None => Html::default(),
    };
    let on_over = {
        let over = over.setter();
        Callback::from(move |()| over.set(None))
    };
    let over = match *over {
        Some(Shortcut::Help) => help_dialog(on_over),
        Some(_) => {
            let (tabs_now, tabs, launch) = (tabs.clone(), tabs.dispatcher(), on_launch.clone());
            let on_pick = Callback::from(move |pick| match pick {
                Pick::Do(shortcut) => keys::press(shortcut),
                Pick::Tabs(action) => tabs.dispatch(action),
                Pick::Launch(image) => launch.emit(image),
            });
            palette::palette(palette::Props {
                commands: all_commands(&tabs_now, &lists),
                on_pick,
                on_close: on_over,
            })
        }
        None => Html::default(),
    };
    let on_dismiss = {
        let toasts = toasts.dispatcher();
        Callback::from(move |key| toasts.dispatch(ToastsAction::Dismiss(key)))
    };
    let session =
        connection.host.as_ref().and_then(|host| host.session.clone()).filter(|session| !session.owner);
    let session = session.map(|session| session_bar::session_bar(session_bar::Props { session }));
    if let Phase::Refused(WireError { code: ErrorCode::NoSuchShare, message, hint }) = &connection.phase {
        return ended(message, hint, Some("Start a new one"));
    }
    html! {
        <div class="shell" data-view={shown.name()} data-visitor={(!connection.is_owners()).then_some("true")}>
            { top_bar::top_bar(top_bar::Props { connection: (*connection).clone(), children: html! { <>{ session.unwrap_or_default() }</> } }) }
            { connection_banner(&connection, &Callback::from(move |()| client.retry_now())) }
            { drop_zone::drop_zone(drop_zone::Props { words: words.into(), on_files: on_files.clone(), children: html! { <>
            { sidebar::sidebar(sidebar::Props { on_launch, on_spec: on_open.reform(|spec| Origin::Launch(Box::new(spec))), on_terminal: on_terminal.clone() }) }
            { stage::stage(stage::Props { on_terminal: on_terminal.clone() }) }
            { inspector::inspector(inspector::Props { on_terminal, on_files: on_files.clone() }) }
            if let Some(images) = images {
                <section class="library" aria-label={library} data-region="images" tabindex="-1">
                    <div class="library-page">{ images }</div>
                </section>
            }
            </> } }) }
            { view_switch(shown, &on_view) }
            { dialog }
            { over }
            { toast_viewer::toast_viewer(toast_viewer::Props { toasts: toasts.all.clone(), on_dismiss }) }
        </div>
    }
}
