//! Who is at a terminal, in a glance.

use porthole_protocol::session::Person;
use yew::prelude::*;

use crate::state::company::{Company, doing, initials};

/// How many colours there are for people.
const COLOURS: u32 = 6;

/// The first letters of a person's name in the person's colour.
pub fn avatar(company: &Company, person: &Person) -> Html {
    html! {
        <span class="avatar" data-colour={(person.id % COLOURS).to_string()} aria-hidden="true"
            data-types={company.types(person).then_some("true")}>
            { initials(&person.name) }
        </span>
    }
}

/// Everyone at the terminal; nothing where nobody is but this page.
pub fn people(company: &Company) -> Html {
    if company.others().next().is_none() {
        return Html::default();
    }
    html! {
        <ul class="people" aria-label="Who is here">
            { for company.people.iter().map(|person| {
                let you = if person.id == company.you { " (you)" } else { "" };
                let words = format!("{}{you}: {}", person.name, doing(company, person));
                html! {
                    <li key={person.id} class="person" title={words.clone()}>
                        { avatar(company, person) }
                        <span class="visually-hidden">{ words }</span>
                    </li>
                }
            }) }
        </ul>
    }
}
