//! How the connection to the agent is doing.

use yew::prelude::*;

use crate::state::connection::{Connection, Phase};

/// One word with a dot, announced when it changes.
pub fn connection_status(connection: &Connection) -> Html {
    let (state, word) = match connection.phase {
        Phase::Live => ("live", "Connected"),
        Phase::Connecting if connection.host.is_none() => ("busy", "Connecting"),
        Phase::Connecting | Phase::Waiting => ("lost", "Disconnected"),
        Phase::Refused(_) => ("lost", "Refused"),
    };
    html! {
        <span class="connection" role="status" aria-label="Connection" data-state={state}>
            <span class="dot" aria-hidden="true" />
            { word }
        </span>
    }
}

/// What to know and do while there is no connection. Nothing while there is one, or before it first failed.
pub fn connection_banner(connection: &Connection, on_retry: &Callback<()>) -> Html {
    let (message, hint) = match &connection.phase {
        Phase::Live => return Html::default(),
        Phase::Connecting if connection.failures == 0 => return Html::default(),
        Phase::Connecting | Phase::Waiting if connection.host.is_none() => (
            "The agent does not answer.".to_string(),
            "Is `porthole serve` running? Trying again by itself.".to_string(),
        ),
        Phase::Connecting | Phase::Waiting => (
            "Disconnected.".to_string(),
            "Your shells run on. Trying again by itself; nothing they print is lost.".to_string(),
        ),
        Phase::Refused(error) => (error.message.clone(), error.hint.clone()),
    };
    let retry = on_retry.reform(|_| ());
    html! {
        <div class="banner" role="alert">
            <p class="banner-text"><strong>{ message }</strong>{ " " }{ hint }</p>
            <button type="button" class="button" onclick={retry}>{ "Retry now" }</button>
        </div>
    }
}
