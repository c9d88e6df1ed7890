//! Containers and images, and what can be done with them.

use gloo_timers::callback::Interval;
use porthole_protocol::ids::ContainerId;
use yew::prelude::*;

use crate::components::container_list::ContainerList;
use crate::components::image_list::ImageList;
use crate::hooks::contexts::{ConnectionContext, ListsContext, TabsContext, use_store};
use crate::interop::browser;
use crate::net::client::Client;
use crate::state::connection::Phase;
use crate::state::tabs::{Origin, Place, TabsAction};

/// How often ages are told anew, in milliseconds.
const AGES_EVERY_MS: u32 = 10_000;

/// The time, told anew every few seconds.
#[hook]
fn use_now() -> u64 {
    let now = use_state(browser::now_ms);
    use_effect_with((), {
        let now = now.setter();
        move |()| {
            let interval = Interval::new(AGES_EVERY_MS, move || now.set(browser::now_ms()));
            move || drop(interval)
        }
    });
    *now
}

/// The lists.
#[component]
pub fn Sidebar() -> Html {
    let client = use_store::<Client>();
    let connection = use_store::<ConnectionContext>();
    let lists = use_store::<ListsContext>();
    let tabs = use_store::<TabsContext>();
    // A container that has just come is younger than the last tick.
    let newest = lists.containers.as_deref().and_then(|all| all.first()).map_or(0, |it| it.created_ms);
    let now_ms = use_now().max(newest);

    let on_open = {
        let tabs = tabs.dispatcher();
        Callback::from(move |container| {
            tabs.dispatch(TabsAction::Open(Origin::Process(Place { container, process: 0 })));
        })
    };
    let on_launch = {
        let tabs = tabs.dispatcher();
        Callback::from(move |image| tabs.dispatch(TabsAction::Open(Origin::Launch { image })))
    };
    let on_stop = {
        let client = client.clone();
        Callback::from(move |container: ContainerId| client.stop(container))
    };
    let on_remove = Callback::from(move |container: ContainerId| client.remove(container));
    let shown = tabs.shown().and_then(|tab| tab.container().cloned());
    html! {
        <nav class="sidebar" aria-label="Containers and images" data-region="sidebar" tabindex="-1">
            <h2 class="sidebar-title">{ "Containers" }</h2>
            <ContainerList containers={lists.containers.clone()} {shown} {now_ms} {on_open} {on_stop} {on_remove} />
            <h2 class="sidebar-title images-title">{ "Images" }</h2>
            <ImageList images={lists.images.clone()} enabled={connection.phase == Phase::Live} {on_launch} />
        </nav>
    }
}
