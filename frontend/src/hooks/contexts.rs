//! The page's contexts, one for each rate of change, and the client that feeds them.

use std::rc::Rc;

use yew::prelude::*;

use crate::net::client::{Client, Stores};
use crate::state::connection::Connection;
use crate::state::kernel::Kernel;
use crate::state::lists::Lists;
use crate::state::tabs::Tabs;
use crate::state::toasts::Toasts;
use crate::state::transfers::Transfers;

/// Changes when the network does.
pub type ConnectionContext = UseReducerHandle<Connection>;
/// Changes when a container or an image comes, goes or ends.
pub type ListsContext = UseReducerHandle<Lists>;
/// Changes when the visitor opens, closes or selects.
pub type TabsContext = UseReducerHandle<Tabs>;
/// Changes every second.
pub type KernelContext = UseReducerHandle<Kernel>;
/// Changes when there is something to say.
pub type ToastsContext = UseReducerHandle<Toasts>;
/// Changes ten times a second while an image is on its way.
pub type TransfersContext = UseReducerHandle<Transfers>;

/// A context that [`Providers`] puts above everything.
#[hook]
pub fn use_store<T: Clone + PartialEq + 'static>() -> T {
    use_context::<T>().expect("Providers is above every component")
}

/// Properties of [`Providers`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// What they are provided to.
    pub children: Html,
}

/// Owns the stores and the connection.
#[component]
pub fn Providers(props: &Props) -> Html {
    let connection = use_reducer(Connection::default);
    let lists = use_reducer(Lists::default);
    let tabs = use_reducer(Tabs::default);
    let kernel = use_reducer(Kernel::default);
    let toasts = use_reducer(Toasts::default);
    let transfers = use_reducer(Transfers::default);
    let stores = Stores {
        connection: connection.dispatcher(),
        lists: lists.dispatcher(),
        tabs: tabs.dispatcher(),
        kernel: kernel.dispatcher(),
        toasts: toasts.dispatcher(),
        transfers: transfers.dispatcher(),
    };
    let client: Rc<Client> = use_memo((), move |()| Client::new(stores));
    html! {
        <ContextProvider<Client> context={(*client).clone()}>
        <ContextProvider<ConnectionContext> context={connection}>
        <ContextProvider<ListsContext> context={lists}>
        <ContextProvider<TabsContext> context={tabs}>
        <ContextProvider<ToastsContext> context={toasts}>
        <ContextProvider<TransfersContext> context={transfers}>
        <ContextProvider<KernelContext> context={kernel}>
            { props.children.clone() }
        </ContextProvider<KernelContext>>
        </ContextProvider<TransfersContext>>
        </ContextProvider<ToastsContext>>
        </ContextProvider<TabsContext>>
        </ContextProvider<ListsContext>>
        </ContextProvider<ConnectionContext>>
        </ContextProvider<Client>>
    }
}
