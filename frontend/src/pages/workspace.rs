//! The one view: containers, terminals, what the kernel says; and images, in the place of the latter two.

use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::http::{ContainerState, ContainerSummary};
use yew::prelude::*;

use super::add_archive::AddArchive;
use super::image::Image;
use super::images::Images;
use super::inspector::Inspector;
use super::put_files::PutFiles;
use super::recordings::Recordings;
use super::session_bar::SessionBar;
use super::sidebar::Sidebar;
use super::stage::Stage;
use crate::components::connection_status::connection_banner;
use crate::components::drop_zone::DropZone;
use crate::components::ended::ended;
use crate::components::help_dialog::help_dialog;
use crate::components::palette::Palette;
use crate::components::toast_viewer::ToastViewer;
use crate::components::top_bar::TopBar;
use crate::components::view_switch::{View, view_switch};
use crate::hooks::contexts::{ConnectionContext, ListsContext, TabsContext, ToastsContext, use_store};
use crate::hooks::use_route::Navigate;
use crate::hooks::use_saved_tabs::use_saved_tabs;
use crate::hooks::use_shortcuts::use_shortcuts;
use crate::interop::{focus, keys};
use crate::net::client::Client;
use crate::route::Route;
use crate::state::connection::Phase;
use crate::state::palette::{self, Pick};
use crate::state::shortcuts::Shortcut;
use crate::state::tabs::{Origin, TabsAction};
use crate::state::toasts::ToastsAction;

/// Properties of [`Workspace`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// Where one is.
    pub route: Route,
}

/// The workspace.
#[component]
pub fn Workspace(props: &Props) -> Html {
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
    let images = match &props.route {
        Route::Images => {
            Some(html! { <Images on_launch={on_launch.clone()} on_files={on_dropped.clone()} /> })
        }
        Route::Image { address } => {
            Some(html! { <Image address={address.clone()} on_launch={on_launch.clone()} /> })
        }
        Route::Recordings | Route::Recording { .. } => Some(html! { <Recordings /> }),
        Route::Workspace | Route::Join | Route::NotFound => None,
    };
    let running = |it: &&ContainerSummary| it.state == ContainerState::Running;
    let container = container.and_then(|id| lists.container(&id)).filter(running).cloned();
    let (words, on_files) = match (&images, &container) {
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
        _ if files.is_empty() => Html::default(),
        _ if images.is_some() => html! { <AddArchive {files} {on_close} /> },
        Some(container) => html! { <PutFiles {container} {files} {on_close} /> },
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
                Pick::Show(key) => tabs.dispatch(TabsAction::Select(key)),
                Pick::Launch(image) => launch.emit(image),
            });
            html! { <Palette commands={palette::all(&tabs_now, &lists)} {on_pick} on_close={on_over} /> }
        }
        None => Html::default(),
    };
    let on_dismiss = {
        let toasts = toasts.dispatcher();
        Callback::from(move |key| toasts.dispatch(ToastsAction::Dismiss(key)))
    };
    let session =
        connection.host.as_ref().and_then(|host| host.session.clone()).filter(|session| !session.owner);
    let session = session.map(|session| html! { <SessionBar {session} /> });
    if let Phase::Refused(WireError { code: ErrorCode::NoSuchShare, message, .. }) = &connection.phase {
        return ended(message, "Nothing of it is left on this machine.", Some("Start a new one"));
    }
    let library =
        if matches!(props.route, Route::Images | Route::Image { .. }) { "Images" } else { "Recordings" };
    html! {
        <div class="shell" data-view={shown.name()}>
            <TopBar connection={(*connection).clone()}>{ session.unwrap_or_default() }</TopBar>
            { connection_banner(&connection, &Callback::from(move |()| client.retry_now())) }
            <DropZone {words} on_files={on_files.clone()}>
            <Sidebar {on_launch} on_spec={on_open.reform(|spec| Origin::Launch(Box::new(spec)))} on_terminal={on_terminal.clone()} />
            <Stage on_terminal={on_terminal.clone()} />
            <Inspector {on_terminal} on_files={on_files.clone()} />
            if let Some(images) = images {
                <section class="library" aria-label={library} data-region="images" tabindex="-1">
                    <div class="library-page">{ images }</div>
                </section>
            }
            </DropZone>
            { view_switch(shown, &on_view) }
            { dialog }
            { over }
            <ToastViewer toasts={toasts.all.clone()} {on_dismiss} />
        </div>
    }
}
