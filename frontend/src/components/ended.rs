//! What is said when there is nothing more to see.

use yew::prelude::*;

use super::icon::logo;
use crate::interop::browser;

/// One sentence, what to do, and (with its words) the way to begin anew.
pub fn ended(sentence: &str, hint: &str, again: Option<&'static str>) -> Html {
    html! {
        <main class="welcome ended-page">
            { logo() }
            <div class="ended-words" role="alert">
                <h1 class="welcome-title">{ sentence }</h1>
                <p class="welcome-text">{ hint }</p>
            </div>
            if let Some(again) = again {
                <button type="button" class="button button-primary" onclick={Callback::from(|_: MouseEvent| browser::reload())}>
                    { again }
                </button>
            }
        </main>
    }
}
