//! Terminals that come back after a reload.

use yew::prelude::*;

use super::contexts::{ListsContext, TabsContext};
use crate::interop::browser;
use crate::net::json;
use crate::state::tabs::{Kept, Place, TabsAction};

const KEY: &str = "porthole.tabs";

fn saved() -> Vec<Kept> {
    browser::session_get(KEY).and_then(|text| json::read(&text).ok()).unwrap_or_default()
}

/// Remembers which terminals are open and how they are put together, and opens those that still exist once the
/// agent has told its containers.
#[hook]
pub fn use_saved_tabs(tabs: &TabsContext, lists: &ListsContext) {
    let restored = use_mut_ref(|| false);
    use_effect_with(lists.containers.is_some(), {
        let (tabs, lists, restored) = (tabs.clone(), lists.clone(), restored.clone());
        move |known| {
            if !*known || std::mem::replace(&mut *restored.borrow_mut(), true) {
                return;
            }
            let saved = saved();
            let gone = |(id, number, ..): &&Kept| {
                let container = lists.container(id);
                container.is_none_or(|it| it.processes.iter().all(|process| process.number != *number))
            };
            let place = |it: &Kept| Place { container: it.0.clone(), process: it.1 };
            let gone = saved.iter().filter(gone).map(place).collect();
            tabs.dispatch(TabsAction::Restore(saved, gone));
        }
    });
    use_effect_with((**tabs).clone(), move |tabs| {
        if *restored.borrow() {
            let text = json::write(&tabs.kept());
            browser::session_set(KEY, &text);
        }
    });
}
