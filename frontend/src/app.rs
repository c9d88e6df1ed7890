//! Contexts around routes.

use yew::prelude::*;

use crate::hooks::contexts::Providers;
use crate::hooks::use_route::{Navigate, use_route};
use crate::interop::{browser, window};
use crate::pages::join::Join;
use crate::pages::not_found::not_found;
use crate::pages::workspace::Workspace;
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
    if route == Route::Join {
        // It asks for a name before it dials.
        return html! { <ContextProvider<Navigate> context={navigate}><Join /></ContextProvider<Navigate>> };
    }
    let page = match route {
        // One component for all of them, so that terminals stay when the visitor looks at images.
        Route::NotFound => not_found(),
        _ => html! { <Workspace {route} /> },
    };
    html! {
        <ContextProvider<Navigate> context={navigate}>
            <Providers>{ page }</Providers>
        </ContextProvider<Navigate>>
    }
}
