//! An address that leads nowhere.

use yew::prelude::*;

use crate::components::icon::logo;
use crate::components::link;
use crate::route::Route;

/// The way back.
pub fn not_found() -> Html {
    html! {
        <main class="welcome">
            { logo() }
            <h1 class="welcome-title">{ "Nothing here" }</h1>
            <p class="welcome-text">{ link::link(link::Props { to: Route::Workspace, children: html! { <>{ "Go to the workspace" }</> }, class: Classes::new() }) }</p>
        </main>
    }
}
