//! The tabs: which terminals are open, which one is shown, and how each is doing.

use std::rc::Rc;

use porthole_protocol::error::WireError;
use porthole_protocol::http::Exit;
use porthole_protocol::ids::{ContainerId, ProcessNumber};
use porthole_protocol::spec::LaunchSpec;
use yew::Reducible;

/// A tab's number on this page; never reused.
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

/// One tab.
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

/// All tabs, in the order shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tabs {
    /// The tabs.
    pub all: Vec<Tab>,
    /// The one shown.
    pub active: Option<TabKey>,
    last_key: TabKey,
}

/// What happens to tabs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TabsAction {
    /// Open a terminal, or show the tab that already has this process.
    Open(Origin),
    /// Show this tab.
    Select(TabKey),
    /// Show the next tab, or the one before.
    Step {
        /// To the left.
        backwards: bool,
    },
    /// Close this tab. Its process runs on.
    Close(TabKey),
    /// The tab is attached to its process.
    Attached(TabKey, Place),
    /// The tab has a new status.
    Became(TabKey, Status),
}

impl Tabs {
    /// The tab that is shown.
    #[must_use]
    pub fn shown(&self) -> Option<&Tab> {
        self.all.iter().find(|tab| Some(tab.key) == self.active)
    }

    /// The tabs after this.
    #[must_use]
    pub fn after(&self, action: TabsAction) -> Self {
        let mut next = self.clone();
        match action {
            TabsAction::Open(origin) => next.open(origin),
            TabsAction::Select(key) if self.all.iter().any(|tab| tab.key == key) => next.active = Some(key),
            TabsAction::Select(_) => {}
            TabsAction::Step { backwards } => next.step(backwards),
            TabsAction::Close(key) => next.close(key),
            TabsAction::Attached(key, place) => {
                if let Some(tab) = next.get(key) {
                    tab.place = Some(place);
                    tab.status = Status::Live;
                }
            }
            TabsAction::Became(key, status) => {
                if let Some(tab) = next.get(key) {
                    tab.status = status;
                }
            }
        }
        next
    }

    fn get(&mut self, key: TabKey) -> Option<&mut Tab> {
        self.all.iter_mut().find(|tab| tab.key == key)
    }

    fn open(&mut self, origin: Origin) {
        if let Origin::Process(place) = &origin {
            let held =
                |tab: &&Tab| tab.place.as_ref() == Some(place) && !matches!(tab.status, Status::Failed(_));
            if let Some(tab) = self.all.iter().find(held) {
                self.active = Some(tab.key);
                return;
            }
        }
        self.last_key += 1;
        let place = match &origin {
            Origin::Process(place) => Some(place.clone()),
            Origin::Launch(_) | Origin::Exec { .. } => None,
        };
        self.all.push(Tab { key: self.last_key, origin, place, status: Status::Opening });
        self.active = Some(self.last_key);
    }

    fn step(&mut self, backwards: bool) {
        let Some(here) = self.all.iter().position(|tab| Some(tab.key) == self.active) else { return };
        let by = if backwards { self.all.len() - 1 } else { 1 };
        self.active = Some(self.all[(here + by) % self.all.len()].key);
    }

    fn close(&mut self, key: TabKey) {
        let Some(at) = self.all.iter().position(|tab| tab.key == key) else { return };
        self.all.remove(at);
        if self.active == Some(key) {
            let neighbour = self.all.get(at).or_else(|| self.all.last());
            self.active = neighbour.map(|tab| tab.key);
        }
    }
}

impl Reducible for Tabs {
    type Action = TabsAction;

    fn reduce(self: Rc<Self>, action: Self::Action) -> Rc<Self> {
        Rc::new(self.after(action))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(process: ProcessNumber) -> Place {
        Place { container: ContainerId::from_random([1; 6]), process }
    }

    fn three() -> Tabs {
        (0..3).fold(Tabs::default(), |tabs, n| tabs.after(TabsAction::Open(Origin::Process(place(n)))))
    }

    #[test]
    fn opening_shows_the_new_tab_and_an_open_process_only_once() {
        let tabs = three();
        assert_eq!((tabs.all.len(), tabs.active), (3, Some(3)));
        let again = tabs.after(TabsAction::Open(Origin::Process(place(0))));
        assert_eq!((again.all.len(), again.active), (3, Some(1)));
    }

    #[test]
    fn stepping_goes_round_both_ways() {
        let tabs = three();
        assert_eq!(tabs.after(TabsAction::Step { backwards: false }).active, Some(1));
        assert_eq!(tabs.after(TabsAction::Step { backwards: true }).active, Some(2));
        assert_eq!(Tabs::default().after(TabsAction::Step { backwards: true }).active, None);
    }

    #[test]
    fn closing_shows_the_neighbour_and_keys_are_never_reused() {
        let tabs = three().after(TabsAction::Select(2)).after(TabsAction::Close(2));
        assert_eq!(tabs.active, Some(3));
        let tabs = tabs.after(TabsAction::Close(3));
        assert_eq!(tabs.active, Some(1));
        let tabs = tabs.after(TabsAction::Open(Origin::image("busybox".into())));
        assert_eq!(tabs.active, Some(4));
    }

    #[test]
    fn closing_a_tab_in_the_background_leaves_the_shown_one() {
        assert_eq!(three().after(TabsAction::Close(1)).active, Some(3));
    }

    #[test]
    fn a_launched_tab_learns_its_place() {
        let tabs = Tabs::default().after(TabsAction::Open(Origin::image("busybox".into())));
        assert_eq!(tabs.all[0].container(), None);
        let tabs = tabs.after(TabsAction::Attached(1, place(0)));
        assert_eq!(
            (tabs.all[0].container(), &tabs.all[0].status),
            (Some(&place(0).container), &Status::Live)
        );
    }
}
