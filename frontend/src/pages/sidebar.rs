//! Containers and images, and what can be done with them.

use porthole_protocol::ids::ContainerId;
use yew::prelude::*;

use crate::components::container_list::ContainerList;
use crate::components::image_list::ImageList;
use crate::components::link::Link;
use crate::hooks::contexts::{ConnectionContext, ListsContext, TabsContext, use_store};
use crate::hooks::use_now::use_now;
use crate::net::client::Client;
use crate::route::Route;
use crate::state::connection::Phase;
use crate::state::tabs::{Origin, Place, TabsAction};

/// Properties of [`Sidebar`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// Launch this image and show its terminal.
    pub on_launch: Callback<String>,
    /// The visitor wants to see the terminal.
    pub on_terminal: Callback<()>,
}

/// The lists.
#[component]
pub fn Sidebar(props: &Props) -> Html {
    let client = use_store::<Client>();
    let connection = use_store::<ConnectionContext>();
    let lists = use_store::<ListsContext>();
    let tabs = use_store::<TabsContext>();
    // A container that has just come is younger than the last tick.
    let newest = lists.containers.as_deref().and_then(|all| all.first()).map_or(0, |it| it.created_ms);
    let now_ms = use_now().max(newest);

    let on_open = {
        let (tabs, show) = (tabs.dispatcher(), props.on_terminal.clone());
        Callback::from(move |container| {
            tabs.dispatch(TabsAction::Open(Origin::Process(Place { container, process: 0 })));
            show.emit(());
        })
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
            <h2 class="sidebar-title images-title"><Link class="sidebar-link" to={Route::Images}>{ "Images" }</Link></h2>
            <ImageList images={lists.images.clone()} enabled={connection.phase == Phase::Live} on_launch={props.on_launch.clone()} />
        </nav>
    }
}
