//! Where the visitor is.

use yew::prelude::*;

use crate::interop::browser;
use crate::route::Route;

/// A context: goes elsewhere, so that the browser's "back" leads here.
pub type Navigate = Callback<Route>;

fn here() -> Route {
    Route::at(&browser::path(), &browser::fragment())
}

/// Where the address bar says one is, and the way elsewhere.
#[hook]
pub fn use_route() -> (Route, Navigate) {
    let route = use_state(here);
    use_effect_with((), {
        let route = route.setter();
        move |()| {
            let listener = browser::on_back_or_forward(move || route.set(here()));
            move || drop(listener)
        }
    });
    let navigate = use_callback(route.setter(), |to: Route, route| {
        browser::go_to(&to.path());
        route.set(to);
    });
    ((*route).clone(), navigate)
}
