//! The lists the agent keeps the page up to date with.

use std::rc::Rc;

use porthole_protocol::http::{ContainerSummary, ProcessSummary};
use porthole_protocol::ids::ContainerId;
use porthole_protocol::image::ImageSummary;
use yew::Reducible;

use super::company::Company;
use super::few::Few;
use super::tabs::Place;

/// Containers and images; none until the agent has told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// Containers, newest first.
    pub containers: Option<Rc<[ContainerSummary]>>,
    /// Images, by name.
    pub images: Option<Rc<[ImageSummary]>>,
    /// Who is at the terminals that this page is attached to.
    pub people: Few<Place, Company>,
}

impl Lists {
    /// The container with this id.
    #[must_use]
    pub fn container(&self, id: &ContainerId) -> Option<&ContainerSummary> {
        self.containers.as_deref()?.iter().find(|container| container.id == *id)
    }

    /// The process at this place.
    #[must_use]
    pub fn process(&self, place: Option<&Place>) -> Option<&ProcessSummary> {
        let place = place?;
        self.container(&place.container)?.processes.iter().find(|process| process.number == place.process)
    }
}

/// A list arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListsAction {
    /// All containers.
    Containers(Vec<ContainerSummary>),
    /// All images.
    Images(Vec<ImageSummary>),
    /// Who is at a terminal.
    People(Place, Company),
}

impl Reducible for Lists {
    type Action = ListsAction;

    fn reduce(self: Rc<Self>, action: Self::Action) -> Rc<Self> {
        let mut next = (*self).clone();
        match action {
            ListsAction::Containers(containers) => next.containers = Some(containers.into()),
            ListsAction::Images(images) => next.images = Some(images.into()),
            ListsAction::People(place, company) => next.people.insert(place, company),
        }
        Rc::new(next)
    }
}
