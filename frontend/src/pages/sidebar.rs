//! Containers and images, and what can be done with them.

use porthole_protocol::ids::ContainerId;
use porthole_protocol::spec::LaunchSpec;
use yew::functional::Hook;
use yew::prelude::*;

use super::launch_any;
use crate::components::container_list::{self, container_list};
use crate::components::dialog;
use crate::components::icon::{Icon, glyph};
use crate::components::image_list::{self, image_list};
use crate::components::link;
use crate::components::part::part;
use crate::hooks::contexts::{ConnectionContext, ListsContext, TabsContext, use_store};
use crate::hooks::use_now::{AGES_EVERY_MS, use_now};
use crate::net::client::Client;
use crate::route::Route;
use crate::state::connection::Phase;
use crate::state::tabs::{Origin, Place, TabsAction};

/// What [`sidebar`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// Launch this image and show its terminal.
    pub on_launch: Callback<String>,
    /// Launch this and show its terminal.
    pub on_spec: Callback<LaunchSpec>,
    /// The visitor wants to see the terminal.
    pub on_terminal: Callback<()>,
}

/// The lists.
pub fn sidebar(props: Props) -> Html {
    part("", props, |props, ctx| use_sidebar(props).run(ctx))
}

#[hook]
fn use_sidebar(props: &Props) -> Html {
    let client = use_store::<Client>();
    let connection = use_store::<ConnectionContext>();
    let lists = use_store::<ListsContext>();
    let tabs = use_store::<TabsContext>();
    // A container that has just come is younger than the last tick.
    let newest = lists.containers.as_deref().and_then(|all| all.first()).map_or(0, |it| it.created_ms);
    let now_ms = use_now(AGES_EVERY_MS).max(newest);

    let launching = use_state(bool::default);
    let open = |to: bool| {
        let launching = launching.setter();
        Callback::from(move |_: MouseEvent| launching.set(to))
    };
    let close = {
        let launching = launching.setter();
        Callback::from(move |()| launching.set(false))
    };
    let on_spec = {
        let (on_spec, close) = (props.on_spec.clone(), close.clone());
        Callback::from(move |spec| {
            close.emit(());
            on_spec.emit(spec);
        })
    };
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
    let shown = tabs.shown().and_then(|tab| tab.container());
    let containers = container_list::Props {
        containers: lists.containers.as_deref(),
        shown,
        now_ms,
        on_open,
        on_stop,
        on_remove,
    };
    let images = image_list::Props {
        images: lists.images.as_deref(),
        enabled: connection.phase == Phase::Live,
        on_launch: &props.on_launch,
    };
    html! {
        <nav class="sidebar" aria-label="Containers and images" data-region="sidebar" tabindex="-1">
            <header class="sidebar-head">
                <h2 class="sidebar-title">{ "Containers" }</h2>
                <button type="button" class="icon-button" onclick={open(true)} aria-label="Launch a container"
                    title="Launch a container, with limits of your own">
                    { glyph(Icon::Plus) }
                </button>
            </header>
            { container_list(&containers) }
            <h2 class="sidebar-title images-title">{ link::link(link::Props { class: classes!("sidebar-link"), to: Route::Images, children: html! { <>{ "Images" }</> } }) }</h2>
            { image_list(&images) }
            <h2 class="sidebar-title images-title">{ link::link(link::Props { class: classes!("sidebar-link"), to: Route::Recordings, children: html! { <>{ "Recordings" }</> } }) }</h2>
            if *launching {
                { dialog::dialog(dialog::Props { title: "Launch a container".into(), on_close: close, children: html! { <>
                    { launch_any::launch_any(launch_any::Props { hint: "busybox".into(), on_launch: on_spec }) }
                </> }, class: Classes::new() }) }
            }
        </nav>
    }
}
