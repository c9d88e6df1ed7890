//! The tabs: which terminals are open, how they are put side by side, which one has the keyboard, and how each is doing.

use std::rc::Rc;

use porthole_protocol::error::WireError;
use porthole_protocol::http::Exit;
use porthole_protocol::ids::{ContainerId, ProcessNumber};
use porthole_protocol::spec::LaunchSpec;
use yew::Reducible;

use super::layout::{Axis, Tree};

/// A terminal's number on this page; never reused.
pub type TabKey = u32;

/// A process, named from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its container.
    pub container: ContainerId,
    /// Its number there.
    pub process: ProcessNumber,
}

/// How a terminal comes to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Launch a container as asked for.
    Launch(Box<LaunchSpec>),
    /// Start a further process.
    Exec {
        /// In this container.
        container: ContainerId,
        /// The command.
        command: Vec<String>,
    },
    /// Attach to a process that runs already.
    Process(Place),
}

impl Origin {
    /// A launch of an image, with nothing else asked for.
    #[must_use]
    pub fn image(image: String) -> Self {
        Self::Launch(Box::new(LaunchSpec { image, ..LaunchSpec::default() }))
    }
}

/// How a terminal is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Asked for, not there yet.
    Opening,
    /// The launch waits until the machine has room for it.
    Queued {
        /// Its place: 1 is next.
        position: u32,
        /// What it waits for, in one sentence.
        reason: String,
    },
    /// Attached.
    Live,
    /// Its process ended.
    Exited(Exit),
    /// It could not be opened.
    Failed(WireError),
    /// Its container was removed.
    Removed,
}

/// One terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tab {
    /// Its number.
    pub key: TabKey,
    /// How it came to be.
    pub origin: Origin,
    /// Its process, once known.
    pub place: Option<Place>,
    /// How it is doing.
    pub status: Status,
    /// What the visitor calls it; empty when nothing.
    pub name: String,
    /// What its program calls itself; empty when it does not say.
    pub title: String,
    /// Whether its program rang while another terminal had the keyboard.
    pub rang: bool,
}

impl Tab {
    /// The container it shows or is about to show.
    #[must_use]
    pub fn container(&self) -> Option<&ContainerId> {
        match (&self.place, &self.origin) {
            (Some(place), _) | (None, Origin::Process(place)) => Some(&place.container),
            (None, Origin::Exec { container, .. }) => Some(container),
            (None, Origin::Launch(_)) => None,
        }
    }
}

/// One tab: a terminal, or several side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its terminals.
    pub tree: Tree,
    /// The one that had the keyboard last; it stands for all of them.
    pub front: TabKey,
}

/// All terminals and the tabs they are in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tabs {
    /// The terminals, in the order they were opened.
    pub all: Vec<Tab>,
    /// The one that has the keyboard.
    pub active: Option<TabKey>,
    /// The tabs, in the order shown. Each terminal is in one of them.
    pub groups: Vec<Group>,
    last_key: TabKey,
}

/// What is remembered of a terminal: its process; 1 when it stood for its tab, 2 when it was the active one as well; its name; and
/// how it is joined to those after it, see [`Tree::flat`].
pub type Kept = (ContainerId, ProcessNumber, u8, String, Vec<i32>);

/// What happens to tabs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TabsAction {
    /// Open a terminal, or show the one that already has this process.
    Open(Origin),
    /// Open a terminal beside the active one.
    Split(Origin, Axis),
    /// Show this terminal.
    Select(TabKey),
    /// Show the next terminal, or the one before.
    Step {
        /// To the left.
        backwards: bool,
    },
    /// Close this terminal. Its process runs on.
    Close(TabKey),
    /// Give the active terminal, one of several in its tab, a tab of its own.
    Part,
    /// Take the first of these terminals out of its tab, and put it beside the second.
    Bring(TabKey, TabKey),
    /// Put the tab with the first of these terminals in the place of the tab with the second.
    Move(TabKey, TabKey),
    /// Move the active tab by one.
    Shift {
        /// To the left.
        backwards: bool,
    },
    /// Move a line between terminals of the active tab, see [`Tree::move_divider`].
    Divide(usize, u16),
    /// The visitor calls this terminal so; nothing takes the name away.
    Rename(TabKey, String),
    /// The program in this terminal calls itself so.
    Titled(TabKey, String),
    /// The program in this terminal rang.
    Rang(TabKey),
    /// Open what was open before the page was reloaded, but for these, which are gone.
    Restore(Vec<Kept>, Vec<Place>),
    /// The terminal is attached to its process.
    Attached(TabKey, Place),
    /// The terminal has a new status.
    Became(TabKey, Status),
}

impl Tabs {
    /// The terminal that has the keyboard.
    #[must_use]
    pub fn shown(&self) -> Option<&Tab> {
        self.tab(self.active?)
    }

    /// The terminal with this number.
    #[must_use]
    pub fn tab(&self, key: TabKey) -> Option<&Tab> {
        self.all.iter().find(|tab| tab.key == key)
    }

    /// The tab that is shown.
    #[must_use]
    pub fn group(&self) -> Option<&Group> {
        self.groups.get(self.group_of(self.active?)?)
    }

    /// All terminals, in the order of tabs, and in reading order within each.
    #[must_use]
    pub fn order(&self) -> Vec<TabKey> {
        self.groups.iter().flat_map(|group| group.tree.panes()).collect()
    }

    /// What is to be remembered.
    #[must_use]
    pub fn kept(&self) -> Vec<Kept> {
        let mut lasting = self.clone();
        for tab in &self.all {
            if tab.place.is_none() || matches!(tab.status, Status::Removed | Status::Failed(_)) {
                lasting.close(tab.key);
            }
        }
        let list = lasting.groups.iter().flat_map(|group| group.tree.flat());
        list.filter_map(|(key, splits)| {
            let tab = lasting.tab(key)?;
            let Place { container, process } = tab.place.clone()?;
            let is_front = lasting.groups.iter().any(|group| group.front == key);
            let rank = if self.active == Some(key) { 2 } else { u8::from(is_front) };
            Some((container, process, rank, tab.name.clone(), splits))
        })
        .collect()
    }

    /// The tabs after this.
    #[must_use]
    pub fn after(&self, action: TabsAction) -> Self {
        let mut next = self.clone();
        match action {
            TabsAction::Open(origin) => next.open(origin, None),
            TabsAction::Split(origin, axis) => next.open(origin, Some(axis)),
            TabsAction::Select(key) => next.select(key),
            TabsAction::Step { backwards } => {
                if let Some(key) = self.active.and_then(|active| neighbour(&self.order(), active, backwards))
                {
                    next.select(key);
                }
            }
            TabsAction::Close(key) => next.close(key),
            TabsAction::Part => next.part(),
            TabsAction::Bring(key, beside) => next.bring(key, beside),
            TabsAction::Move(key, onto) => next.swing(self.group_of(key), self.group_of(onto)),
            TabsAction::Shift { backwards } => {
                let from = self.active.and_then(|active| self.group_of(active));
                let to = from.and_then(|from| if backwards { from.checked_sub(1) } else { Some(from + 1) });
                next.swing(from, to.filter(|to| *to < self.groups.len()));
            }
            TabsAction::Divide(index, share) => {
                if let Some(at) = self.active.and_then(|active| self.group_of(active)) {
                    next.groups[at].tree.move_divider(index, share);
                }
            }
            TabsAction::Rename(key, name) => next.change(key, |tab| tab.name = name),
            TabsAction::Rang(key) if self.active != Some(key) => next.change(key, |tab| tab.rang = true),
            TabsAction::Rang(_) => {}
            TabsAction::Titled(key, title) => next.change(key, |tab| tab.title = title),
            TabsAction::Restore(kept, gone) => next.restore(kept, &gone),
            TabsAction::Attached(key, place) => next.change(key, |tab| {
                tab.place = Some(place);
                tab.status = Status::Live;
            }),
            TabsAction::Became(key, status) => next.change(key, |tab| tab.status = status),
        }
        next
    }

    fn group_of(&self, key: TabKey) -> Option<usize> {
        self.groups.iter().position(|group| group.tree.panes().contains(&key))
    }

    fn change(&mut self, key: TabKey, change: impl FnOnce(&mut Tab)) {
        if let Some(tab) = self.all.iter_mut().find(|tab| tab.key == key) {
            change(tab);
        }
    }

    fn select(&mut self, key: TabKey) {
        if let Some(at) = self.group_of(key) {
            self.groups[at].front = key;
            self.active = Some(key);
            self.change(key, |tab| tab.rang = false);
        }
    }

    fn add(&mut self, origin: Origin) -> TabKey {
        self.last_key += 1;
        let place = match &origin {
            Origin::Process(place) => Some(place.clone()),
            Origin::Launch(_) | Origin::Exec { .. } => None,
        };
        let (name, title) = (String::new(), String::new());
        let (key, status) = (self.last_key, Status::Opening);
        self.all.push(Tab { key, origin, place, status, name, title, rang: false });
        self.last_key
    }

    fn open(&mut self, origin: Origin, beside: Option<Axis>) {
        if let Origin::Process(place) = &origin {
            let held =
                |tab: &&Tab| tab.place.as_ref() == Some(place) && !matches!(tab.status, Status::Failed(_));
            if let Some(key) = self.all.iter().find(held).map(|tab| tab.key) {
                return self.select(key);
            }
        }
        let key = self.add(origin);
        match (beside, self.active.and_then(|active| Some((active, self.group_of(active)?)))) {
            (Some(axis), Some((active, at))) => self.groups[at].tree.split(active, key, axis),
            _ => self.groups.push(Group { tree: Tree::Pane(key), front: key }),
        }
        self.select(key);
    }

    /// Takes a terminal out of its tab. Answers with where that is, or was if there was nothing else in it.
    fn take(&mut self, key: TabKey) -> Option<usize> {
        let at = self.group_of(key)?;
        let Group { tree, front } = self.groups.remove(at);
        let heir = neighbour(&tree.panes(), key, true);
        if let Some(tree) = tree.without(key) {
            let front = if front == key { heir.unwrap_or(front) } else { front };
            self.groups.insert(at, Group { tree, front });
        }
        Some(at)
    }

    fn close(&mut self, key: TabKey) {
        let Some(at) = self.take(key) else { return };
        self.all.retain(|tab| tab.key != key);
        if self.active == Some(key) {
            let group = self.groups.get(at).or_else(|| self.groups.last());
            self.active = group.map(|group| group.front);
        }
    }

    fn part(&mut self) {
        let before = self.groups.len();
        if let Some((key, at)) = self.active.and_then(|key| Some((key, self.take(key)?))) {
            let at = at + usize::from(self.groups.len() == before);
            self.groups.insert(at, Group { tree: Tree::Pane(key), front: key });
        }
    }

    fn bring(&mut self, key: TabKey, beside: TabKey) {
        let (from, to) = (self.group_of(key), self.group_of(beside));
        if from.is_none() || to.is_none() || from == to {
            return;
        }
        self.take(key);
        if let Some(at) = self.group_of(beside) {
            self.groups[at].tree.split(beside, key, Axis::Row);
        }
        self.select(key);
    }

    fn swing(&mut self, from: Option<usize>, to: Option<usize>) {
        if let (Some(from), Some(to)) = (from, to) {
            let group = self.groups.remove(from);
            self.groups.insert(to, group);
        }
    }

    fn restore(&mut self, kept: Vec<Kept>, gone: &[Place]) {
        let (mut active, mut fronts) = (self.active, Vec::new());
        let flat: Vec<_> = kept
            .into_iter()
            .map(|(container, process, rank, name, splits)| {
                let key = self.add(Origin::Process(Place { container, process }));
                self.change(key, |tab| tab.name = name);
                active = active.or((rank == 2).then_some(key));
                if rank > 0 {
                    fronts.push(key);
                }
                (key, splits)
            })
            .collect();
        let mut flat = flat.into_iter();
        while let Some(tree) = Tree::of_flat(&mut flat) {
            let panes = tree.panes();
            let front = panes.iter().copied().find(|key| fronts.contains(key)).unwrap_or(panes[0]);
            self.groups.push(Group { tree, front });
        }
        // What a broken list left without a place.
        let placed = self.order();
        self.all.retain(|tab| placed.contains(&tab.key));
        if let Some(key) = active.or(placed.last().copied()) {
            self.select(key);
        }
        let missing = |tab: &&Tab| tab.place.as_ref().is_some_and(|place| gone.contains(place));
        let missing: Vec<_> = self.all.iter().filter(missing).map(|tab| tab.key).collect();
        for key in missing {
            self.close(key);
        }
    }
}

/// The next of a list, or the one before, going round; none when there is no other.
fn neighbour(list: &[TabKey], key: TabKey, backwards: bool) -> Option<TabKey> {
    let here = list.iter().position(|it| *it == key)?;
    let by = if backwards { list.len() - 1 } else { 1 };
    Some(list[(here + by) % list.len()]).filter(|it| *it != key)
}

impl Reducible for Tabs {
    type Action = TabsAction;

    fn reduce(self: Rc<Self>, action: Self::Action) -> Rc<Self> {
        Rc::new(self.after(action))
    }
}

#[cfg(test)]
#[path = "tabs_tests.rs"]
mod tests;
