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
        Route::Workspace => html! { <Workspace /> },
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
