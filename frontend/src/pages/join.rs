//! Somebody else's terminal, by a link.

use yew::functional::Hook;
use yew::prelude::*;

use crate::components::ended::ended;
use crate::components::icon::logo;
use crate::components::part::part;
use crate::components::people::people;
use crate::components::terminal_status::{self, terminal_status};
use crate::components::terminal_view;
use crate::hooks::contexts::{
    ConnectionContext, ListsContext, Providers, TabsContext, ToastsContext, use_store,
};
use crate::hooks::use_route::Navigate;
use crate::interop::{browser, element};
use crate::state::company::{Company, told};
use crate::state::connection::Phase;
use crate::state::tabs::{Origin, Place, TabsAction};
use crate::state::toasts::ToastsAction;

/// What [`join`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The way to other parts of the page.
    pub navigate: Navigate,
}

/// Asks for a name, then shows the terminal.
pub fn join(props: Props) -> Html {
    part("", props, |props, hooks| use_join(props).run(hooks))
}

#[hook]
fn use_join(props: &Props) -> Html {
    let field = use_node_ref();
    let is_in = use_state(|| browser::session_get(JOINED).is_some());
    use_effect_with(field.clone(), element::focus);
    let onsubmit = {
        let (field, is_in) = (field.clone(), is_in.setter());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            browser::set_visitor_name(element::input_value(&field).trim());
            browser::session_set(JOINED, "yes");
            is_in.set(true);
        })
    };
    if *is_in {
        // Only now: what dials says the name.
        return html! { <Providers navigate={props.navigate.clone()}>{ joined() }</Providers> };
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
fn joined() -> Html {
    part("", (), |(), ctx| use_joined().run(ctx))
}

#[hook]
fn use_joined() -> Html {
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
        <main class="joined" data-watches={(!company.is_some_and(Company::i_type)).then_some("true")}>
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
                { terminal_view::terminal_view(&tab.key.to_string(), terminal_view::Props { tab: tab.key, origin: tab.origin.clone(), active: true, area: Some(AttrValue::Static("inset: 0")), beside: false, on_active: Callback::noop(), on_close: Callback::noop(), on_drag: Callback::noop(), label: format!("Terminal {}", opened.name).into(), focus: 0, screen_reader: false, on_screen_reader: Callback::noop(), on_note }) }
            </div>
            { terminal_status(&terminal_status::Props {
                status: &tab.status, expired: false, connected: connection.phase == Phase::Live, on_again: None,
                children: Html::default(), on_close: Callback::noop(),
            }) }
        </main>
    }
}
