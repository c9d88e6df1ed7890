//! A command that prints what stands beside it; a click types it into the terminal.

use yew::prelude::*;

/// Properties of [`Command`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The command.
    pub command: AttrValue,
    /// Types a command into the terminal.
    pub on_type: Callback<String>,
}

/// The command as a quiet button.
#[component]
pub fn Command(props: &Props) -> Html {
    let onclick = {
        let (command, on_type) = (props.command.clone(), props.on_type.clone());
        Callback::from(move |_| on_type.emit(command.to_string()))
    };
    html! {
        <button type="button" class="command" {onclick} aria-label={format!("Type {} into the terminal", props.command)}
            title="Type this into the terminal">
            { &props.command }
        </button>
    }
}
