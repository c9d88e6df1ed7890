//! Somebody else's terminal, by a link.

use yew::prelude::*;

use crate::components::ended::ended;
use crate::components::icon::logo;
use crate::components::people::people;
use crate::components::terminal_status::{self, terminal_status};
use crate::components::terminal_view::TerminalView;
use crate::hooks::contexts::{
    ConnectionContext, ListsContext, Providers, TabsContext, ToastsContext, use_store,
};
use crate::interop::{browser, element};
use crate::state::company::told;
use crate::state::connection::Phase;
use crate::state::tabs::{Origin, Place, TabsAction};
use crate::state::toasts::ToastsAction;

/// Asks for a name, then shows the terminal.
#[component]
pub fn Join() -> Html {
    let field = use_node_ref();
    let joined = use_state(|| browser::session_get(JOINED).is_some());
    use_effect_with(field.clone(), element::focus);
    let onsubmit = {
        let (field, joined) = (field.clone(), joined.setter());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            browser::set_visitor_name(element::input_value(&field).trim());
            browser::session_set(JOINED, "yes");
            joined.set(true);
        })
    };
    if *joined {
        // Only now: what dials says the name.
        return html! { <Providers><Joined /></Providers> };
    }
    html! {
        <main class="welcome">
            { logo() }
            <h1 class="welcome-title">{ "A terminal is shared with you" }</h1>
            <form class="join-form" {onsubmit}>
                <label class="dialog-label" for="join-name">{ "Your name, for those who are there" }</label>
                <input class="field" id="join-name" ref={field} type="text" maxlength="40" autocomplete="nickname" spellcheck="false"
                    value={browser::visitor_name()} placeholder="or none, and you get one" />
                <button type="submit" class="button button-primary">{ "Join" }</button>
            </form>
        </main>
    }
}

/// Remembers that the name was given, for a reload.
const JOINED: &str = "porthole.joined";

/// The terminal, as large as its owner has it, and who is there.
#[component]
fn Joined() -> Html {
    let connection = use_store::<ConnectionContext>();
    let lists = use_store::<ListsContext>();
    let tabs = use_store::<TabsContext>();
    let toasts = use_store::<ToastsContext>();
    let opened = connection.host.as_ref().and_then(|host| host.share.clone());
    let place = opened.clone().map(|it| Place { container: it.container, process: it.process });
    use_effect_with(place.clone(), {
        let tabs = tabs.dispatcher();
        move |place| {
            if let Some(place) = place.clone() {
                tabs.dispatch(TabsAction::Open(Origin::Process(place)));
            }
        }
    });
    let on_note = {
        let toasts = toasts.dispatcher();
        Callback::from(move |text| toasts.dispatch(ToastsAction::Note(text)))
    };
    if let Phase::Refused(error) = &connection.phase {
        return ended(&error.message, &error.hint, None);
    }
    let (Some(opened), Some(place), Some(tab)) = (opened, place, tabs.shown()) else {
        return html! { <main class="welcome">{ logo() }<p class="quiet" role="status">{ "Connecting." }</p></main> };
    };
    let company = lists.people.get(&place);
    let recorded = lists.process(Some(&place)).is_some_and(|process| process.recording.is_some());
    let words = told(company, &opened);
    html! {
        <main class="joined">
            <header class="joined-head">
                { logo() }
                <h1 class="brand">{ &opened.name }</h1>
                <p class="joined-words" role="status" aria-label="Terminal shared">{ words }</p>
                <div class="terminal-head">
                    { company.map(people).unwrap_or_default() }
                    if recorded { <span class="recorded" role="status"><span class="dot" aria-hidden="true" />{ "Recording" }</span> }
                </div>
            </header>
            <div class="terminals">
                <TerminalView key={tab.key} tab={tab.key} origin={tab.origin.clone()} active=true area={AttrValue::Static("inset: 0")}
                    beside=false on_active={Callback::noop()} on_close={Callback::noop()} label={format!("Terminal {}", opened.name)}
                    focus={0} screen_reader=false on_screen_reader={Callback::noop()} {on_note} />
            </div>
            { terminal_status(&terminal_status::Props {
                status: &tab.status, expired: false, connected: connection.phase == Phase::Live, on_again: None,
                children: Html::default(), on_close: Callback::noop(),
            }) }
        </main>
    }
}
