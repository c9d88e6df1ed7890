//! Contexts around routes.

use yew::prelude::*;
use yew_router::prelude::*;

use crate::hooks::contexts::Providers;
use crate::interop::browser;
use crate::pages::not_found::NotFound;
use crate::pages::workspace::Workspace;
use crate::route::Route;

fn page(route: Route) -> Html {
    match route {
        // One component for all of them, so that terminals stay when the visitor looks at images.
        Route::Workspace | Route::Images | Route::Image { .. } => html! { <Workspace {route} /> },
        Route::NotFound => html! { <NotFound /> },
    }
}

/// The page.
#[component]
pub fn App() -> Html {
    // Before anything dials.
    use_memo((), |()| browser::adopt_token());
    html! {
        <BrowserRouter>
            <Providers>
                <Switch<Route> render={page} />
            </Providers>
        </BrowserRouter>
    }
}
