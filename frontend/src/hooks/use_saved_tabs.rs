//! Terminals that come back after a reload.

use porthole_protocol::ids::{ContainerId, ProcessNumber};
use yew::prelude::*;

use super::contexts::{ListsContext, TabsContext};
use crate::interop::browser;
use crate::net::json;
use crate::state::tabs::{Origin, Place, Status, TabsAction};

const KEY: &str = "porthole.tabs";

type Saved = Vec<(ContainerId, ProcessNumber, bool)>;

fn saved() -> Saved {
    browser::session_get(KEY).and_then(|text| json::read(&text).ok()).unwrap_or_default()
}

/// Remembers which terminals are open, and opens those that still exist once the agent has told its containers.
#[hook]
pub fn use_saved_tabs(tabs: &TabsContext, lists: &ListsContext) {
    let restored = use_mut_ref(|| false);
    use_effect_with(lists.containers.is_some(), {
        let (tabs, lists, restored) = (tabs.clone(), lists.clone(), restored.clone());
        move |known| {
            if !*known || std::mem::replace(&mut *restored.borrow_mut(), true) {
                return;
            }
            let exists = |id: &ContainerId, number: ProcessNumber| {
                lists
                    .container(id)
                    .is_some_and(|it| it.processes.iter().any(|process| process.number == number))
            };
            let places = saved().into_iter().filter(|(id, number, _)| exists(id, *number));
            let (shown, hidden): (Vec<_>, Vec<_>) = places.partition(|(_, _, active)| *active);
            // The shown one is opened in its turn, then opened again, which selects it.
            let order = saved()
                .into_iter()
                .filter(|it| hidden.contains(it) || shown.contains(it))
                .chain(shown.clone());
            for (container, process, _) in order {
                tabs.dispatch(TabsAction::Open(Origin::Process(Place { container, process })));
            }
        }
    });
    use_effect_with((**tabs).clone(), move |tabs| {
        if !*restored.borrow() {
            return;
        }
        let open = tabs.all.iter().filter(|tab| !matches!(tab.status, Status::Removed | Status::Failed(_)));
        let places = open.filter_map(|tab| {
            let place = tab.place.as_ref()?;
            Some((place.container.clone(), place.process, Some(tab.key) == tabs.active))
        });
        let text = serde_json::to_string(&places.collect::<Saved>()).expect("ids and numbers are JSON");
        browser::session_set(KEY, &text);
    });
}
