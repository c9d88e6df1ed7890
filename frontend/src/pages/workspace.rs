//! The one view: containers, terminals, kernel panel.

use yew::prelude::*;

use super::inspector::Inspector;
use super::sidebar::Sidebar;
use super::stage::Stage;
use crate::components::connection_status::ConnectionBanner;
use crate::components::toast_viewer::ToastViewer;
use crate::components::top_bar::TopBar;
use crate::components::view_switch::{View, ViewSwitch};
use crate::hooks::contexts::{ConnectionContext, ListsContext, TabsContext, ToastsContext, use_store};
use crate::hooks::use_saved_tabs::use_saved_tabs;
use crate::hooks::use_shortcuts::use_shortcuts;
use crate::interop::focus;
use crate::net::client::Client;
use crate::state::shortcuts::Shortcut;
use crate::state::toasts::ToastsAction;

/// The workspace.
#[component]
pub fn Workspace() -> Html {
    let client = use_store::<Client>();
    let connection = use_store::<ConnectionContext>();
    let lists = use_store::<ListsContext>();
    let tabs = use_store::<TabsContext>();
    let toasts = use_store::<ToastsContext>();
    let view = use_state(View::default);
    use_saved_tabs(&tabs, &lists);

    // The kernel panel follows the shown terminal.
    let container = tabs.shown().and_then(|tab| tab.place.as_ref()).map(|place| place.container.clone());
    use_effect_with(container, {
        let client = client.clone();
        move |container| client.inspect(container.clone())
    });
    // A terminal that is selected or opened is what the visitor wants to see.
    use_effect_with(tabs.active, {
        let view = view.setter();
        move |_| view.set(View::Terminal)
    });
    use_shortcuts((), |shortcut| match shortcut {
        Shortcut::StepRegion { backwards } => {
            focus::step_region(backwards);
            true
        }
        _ => false,
    });

    let on_view = {
        let view = view.setter();
        Callback::from(move |next| view.set(next))
    };
    let on_terminal = on_view.reform(|()| View::Terminal);
    let on_dismiss = {
        let toasts = toasts.dispatcher();
        Callback::from(move |key| toasts.dispatch(ToastsAction::Dismiss(key)))
    };
    html! {
        <div class="shell" data-view={view.name()}>
            <TopBar connection={(*connection).clone()} />
            <ConnectionBanner connection={(*connection).clone()} on_retry={Callback::from(move |()| client.retry_now())} />
            <main class="workspace">
            <Sidebar />
            <Stage on_terminal={on_terminal.clone()} />
            <Inspector view={*view} on_view={on_view.clone()} {on_terminal} />
            </main>
            <ViewSwitch view={*view} {on_view} />
            <ToastViewer toasts={toasts.all.clone()} {on_dismiss} />
        </div>
    }
}
