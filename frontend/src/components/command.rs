//! A command that prints what stands beside it; a click types it into the terminal.

use yew::prelude::*;

/// The command as a quiet button.
pub fn command(command: &str, on_type: &Callback<String>) -> Html {
    let onclick = {
        let command = command.to_owned();
        on_type.reform(move |_: MouseEvent| command.clone())
    };
    html! {
        <button type="button" class="command" {onclick} aria-label={format!("Type {} into the terminal", command)}
            title="Type this into the terminal">
            { command }
        </button>
    }
}
