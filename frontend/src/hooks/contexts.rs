//! The page's contexts, one for each rate of change, and the client that feeds them.

use std::rc::Rc;

use yew::prelude::*;

use super::use_route::Navigate;
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

/// What never changes.
#[derive(Clone, PartialEq)]
pub struct Fixed(Client, Navigate);

/// What changes now and then. A context of its own for each would cost the page more than to draw what one of them concerns.
#[derive(Clone, PartialEq)]
pub struct Rare(ConnectionContext, ListsContext, ToastsContext);

/// What changes all the time.
#[derive(Clone, PartialEq)]
pub struct Busy(TransfersContext, KernelContext);

/// Something that [`Providers`] puts above everything, by itself or within something else.
pub trait Store: Sized {
    /// What it is provided in.
    type Within: Clone + PartialEq + 'static;
    /// It.
    fn of(within: Self::Within) -> Self;
}

macro_rules! stores {
    ($($store:ty: $within:ty => $pick:expr;)*) => {
        $(impl Store for $store {
            type Within = $within;
            fn of(within: $within) -> Self {
                let pick: fn($within) -> Self = $pick;
                pick(within)
            }
        })*
    };
}

stores! {
    Client: Fixed => |fixed| fixed.0;
    Navigate: Fixed => |fixed| fixed.1;
    ConnectionContext: Rare => |rare| rare.0;
    ListsContext: Rare => |rare| rare.1;
    ToastsContext: Rare => |rare| rare.2;
    TabsContext: TabsContext => |tabs| tabs;
    TransfersContext: Busy => |busy| busy.0;
    KernelContext: Busy => |busy| busy.1;
}

/// One of the page's stores. Whoever asks for it is drawn anew when it changes, or what it is provided in.
#[hook]
pub fn use_store<T: Store>() -> T {
    T::of(use_context::<T::Within>().expect("Providers is above every component"))
}

/// Properties of [`Providers`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The way to other parts of the page.
    pub navigate: Navigate,
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
    let fixed = Fixed((*client).clone(), props.navigate.clone());
    html! {
        <ContextProvider<Fixed> context={fixed}>
        <ContextProvider<Rare> context={Rare(connection, lists, toasts)}>
        <ContextProvider<TabsContext> context={tabs}>
        <ContextProvider<Busy> context={Busy(transfers, kernel)}>
            { props.children.clone() }
        </ContextProvider<Busy>>
        </ContextProvider<TabsContext>>
        </ContextProvider<Rare>>
        </ContextProvider<Fixed>>
    }
}
