//! An address that leads nowhere.

use yew::prelude::*;

use crate::components::icon::Logo;
use crate::components::link::Link;
use crate::route::Route;

/// The way back.
#[component]
pub fn NotFound() -> Html {
    html! {
        <main class="welcome">
            <Logo />
            <h1 class="welcome-title">{ "Nothing here" }</h1>
            <p class="welcome-text"><Link to={Route::Workspace}>{ "Go to the workspace" }</Link></p>
        </main>
    }
}
