//! Contexts around routes.

use yew::prelude::*;

use crate::hooks::contexts::Providers;
use crate::hooks::use_route::{Navigate, use_route};
use crate::interop::browser;
use crate::pages::not_found::not_found;
use crate::pages::workspace::Workspace;
use crate::route::Route;

/// The page.
#[component]
pub fn App() -> Html {
    // Before anything dials.
    use_memo((), |()| browser::adopt_token());
    let (route, navigate) = use_route();
    let page = match route {
        // One component for all of them, so that terminals stay when the visitor looks at images.
        Route::Workspace | Route::Images | Route::Image { .. } => html! { <Workspace {route} /> },
        Route::NotFound => not_found(),
    };
    html! {
        <ContextProvider<Navigate> context={navigate}>
            <Providers>{ page }</Providers>
        </ContextProvider<Navigate>>
    }
}
