//! What the list of commands offers.

use super::lists::Lists;
use super::names;
use super::shortcuts::{Shortcut, TABLE};
use super::tabs::{Tab, Tabs, TabsAction};

/// What can be picked.
#[derive(Clone, Debug, PartialEq)]
pub enum Pick {
    /// What a shortcut asks for.
    Do(Shortcut),
    /// Something with another terminal or tab.
    Tabs(TabsAction),
    /// Launch this image.
    Launch(String),
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// What it does.
    pub words: String,
    /// Its keys; may be empty.
    pub keys: &'static str,
    /// What it picks.
    pub pick: Pick,
}

/// What a terminal is called in one line.
#[must_use]
pub fn called(tab: &Tab, lists: &Lists) -> String {
    let container = tab.container().and_then(|id| lists.container(id));
    match container {
        _ if !tab.name.is_empty() => tab.name.clone(),
        Some(container) if tab.title.is_empty() => container.name.clone(),
        Some(container) => format!("{} {}", container.name, tab.title),
        None => tab.title.clone(),
    }
}

/// All that can be done now: the other terminals, the table's commands, the other tabs, the images.
#[must_use]
pub fn all(tabs: &Tabs, lists: &Lists) -> Vec<Command> {
    let command = |words: String, pick| Command { words, keys: "", pick };
    let possible = TABLE.iter().filter(|entry| {
        // The list itself, and what only the browser can do.
        let never = matches!(entry.shortcut, Shortcut::Palette | Shortcut::Paste);
        !(never || entry.of_terminal && tabs.active.is_none())
    });
    let table = possible.map(|entry| Command {
        words: entry.words.to_owned(),
        keys: entry.keys,
        pick: Pick::Do(entry.shortcut),
    });
    let others = tabs.all.iter().filter(|tab| Some(tab.key) != tabs.active);
    let show = others
        .map(|tab| command(format!("Go to {}", called(tab, lists)), Pick::Tabs(TabsAction::Select(tab.key))));
    let elsewhere = tabs.groups.iter().filter_map(|group| {
        let (active, beside) = (tabs.active?, tabs.tab(group.front)?);
        let words = format!("Move the terminal to the tab {}", called(beside, lists));
        (!group.tree.panes().contains(&active))
            .then(|| command(words, Pick::Tabs(TabsAction::Bring(active, beside.key))))
    });
    let images = lists.images.iter().flat_map(|images| images.iter()).map(|image| {
        let name = names::of(image).to_owned();
        command(format!("Launch {}", names::short(&name)), Pick::Launch(name))
    });
    show.chain(table).chain(elsewhere).chain(images).collect()
}

#[cfg(test)]
mod tests {
    use porthole_protocol::ids::ContainerId;

    use super::*;
    use crate::state::tabs::{Origin, Place, TabsAction};

    #[test]
    fn without_a_terminal_there_is_nothing_to_do_with_one() {
        let commands = all(&Tabs::default(), &Lists::default());
        assert!(commands.iter().any(|it| it.pick == Pick::Do(Shortcut::Help)));
        assert!(commands.iter().all(|it| it.pick != Pick::Do(Shortcut::SplitRight)));
    }

    #[test]
    fn other_terminals_can_be_gone_to_by_their_names() {
        let open = |tabs: Tabs, process| {
            let container = ContainerId::from_random([1; 6]);
            tabs.after(TabsAction::Open(Origin::Process(Place { container, process })))
        };
        let tabs = open(open(Tabs::default(), 0), 1).after(TabsAction::Rename(1, "logs".into()));
        let commands = all(&tabs, &Lists::default());
        assert_eq!(
            (commands[0].words.as_str(), &commands[0].pick),
            ("Go to logs", &Pick::Tabs(TabsAction::Select(1)))
        );
        let bring = commands.iter().find(|it| it.pick == Pick::Tabs(TabsAction::Bring(2, 1)));
        assert_eq!(bring.map(|it| it.words.as_str()), Some("Move the terminal to the tab logs"));
    }
}
