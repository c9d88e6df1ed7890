//! Contexts around routes.

use yew::prelude::*;

use crate::hooks::contexts::Providers;
use crate::hooks::use_route::use_route;
use crate::interop::{browser, window};
use crate::pages::join;
use crate::pages::not_found::not_found;
use crate::pages::workspace;
use crate::route::Route;

/// The page.
#[component]
pub fn App() -> Html {
    // Before anything dials.
    use_memo((), |()| {
        browser::adopt_token();
        window::guard_shell();
    });
    let (route, navigate) = use_route();
    match route {
        // It asks for a name before it dials.
        Route::Join => join::join(join::Props { navigate }),
        Route::NotFound => html! { <Providers {navigate}>{ not_found() }</Providers> },
        // One part for all of them, so that terminals stay when the visitor looks at images.
        route => {
            html! { <Providers {navigate}>{ workspace::workspace(workspace::Props { route }) }</Providers> }
        }
    }
}
