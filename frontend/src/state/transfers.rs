//! Images on their way: what the agent tells of all of them, and what this page asked for.

use std::rc::Rc;

use porthole_protocol::error::WireError;
use porthole_protocol::ids::RequestId;
use porthole_protocol::image::{Direction, LayerState, Transfer};
use yew::Reducible;

use super::names;

/// A pull that this page asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pull {
    /// The request.
    pub request: RequestId,
    /// The image, as the visitor wrote it.
    pub name: String,
    /// How it is doing.
    pub status: PullStatus,
}

/// How a pull is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PullStatus {
    /// Bytes are coming, or are about to.
    UnderWay,
    /// The image is here.
    Done,
    /// It did not come to be.
    Failed(WireError),
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transfers {
    /// What is on its way, whoever asked.
    pub all: Rc<[Transfer]>,
    /// What this page asked for, oldest first.
    pub pulls: Vec<Pull>,
}

/// What happens to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransfersAction {
    /// The agent told.
    All(Vec<Transfer>),
    /// This page asks for an image.
    Asked(RequestId, String),
    /// A request was answered; perhaps one of these.
    Done(RequestId),
    /// A request failed; perhaps one of these.
    Failed(RequestId, WireError),
    /// The visitor has seen how it ended.
    Dismiss(RequestId),
}

/// Bytes that have passed, and all of them, over every layer whose size is known.
#[must_use]
pub fn progress(transfer: &Transfer) -> (u64, u64) {
    transfer.layers.iter().fold((0, 0), |(done, total), layer| {
        let finished = matches!(layer.state, LayerState::Present | LayerState::Complete);
        let passed = if finished { layer.total_bytes } else { layer.done_bytes };
        (done + passed, total + layer.total_bytes)
    })
}

impl Transfers {
    /// How far this pull is, as the agent tells.
    #[must_use]
    pub fn of(&self, pull: &Pull) -> Option<&Transfer> {
        let pulled = |transfer: &&Transfer| transfer.direction == Direction::Pull;
        self.all.iter().filter(pulled).find(|transfer| names::is_same(&transfer.name, &pull.name))
    }

    /// What is on its way for others.
    pub fn of_others(&self) -> impl Iterator<Item = &Transfer> {
        self.all.iter().filter(|transfer| {
            let mine = |pull: &Pull| {
                pull.status == PullStatus::UnderWay && names::is_same(&transfer.name, &pull.name)
            };
            transfer.direction != Direction::Pull || !self.pulls.iter().any(mine)
        })
    }

    /// The newest pull of this image that this page asked for.
    #[must_use]
    pub fn newest(&self, name: &str) -> Option<&Pull> {
        self.pulls.iter().rev().find(|pull| pull.name == name)
    }

    /// The transfers after this. A pull that is asked for again takes the place of its failure.
    #[must_use]
    pub fn after(&self, action: TransfersAction) -> Self {
        let mut next = self.clone();
        match action {
            TransfersAction::All(all) => next.all = all.into(),
            TransfersAction::Asked(request, name) => {
                next.pulls.retain(|pull| pull.name != name || pull.status == PullStatus::UnderWay);
                next.pulls.push(Pull { request, name, status: PullStatus::UnderWay });
            }
            TransfersAction::Done(request) => next.became(request, PullStatus::Done),
            TransfersAction::Failed(request, error) => next.became(request, PullStatus::Failed(error)),
            TransfersAction::Dismiss(request) => next.pulls.retain(|pull| pull.request != request),
        }
        next
    }

    fn became(&mut self, request: RequestId, status: PullStatus) {
        if let Some(pull) = self.pulls.iter_mut().find(|pull| pull.request == request) {
            pull.status = status;
        }
    }
}

impl Reducible for Transfers {
    type Action = TransfersAction;

    fn reduce(self: Rc<Self>, action: Self::Action) -> Rc<Self> {
        Rc::new(self.after(action))
    }
}

#[cfg(test)]
mod tests {
    use porthole_protocol::error::ErrorCode;
    use porthole_protocol::image::LayerTransfer;

    use super::*;

    fn layer(state: LayerState, done_bytes: u64) -> LayerTransfer {
        LayerTransfer { digest: "sha256:00".into(), state, done_bytes, total_bytes: 100 }
    }

    fn transfer(name: &str, layers: Vec<LayerTransfer>) -> Transfer {
        Transfer { name: name.into(), direction: Direction::Pull, layers }
    }

    #[test]
    fn layers_that_are_here_count_in_full() {
        let layers = vec![
            layer(LayerState::Present, 0),
            layer(LayerState::Transferring, 30),
            layer(LayerState::Waiting, 0),
        ];
        assert_eq!(progress(&transfer("alpine", layers)), (130, 300));
    }

    #[test]
    fn a_pull_finds_its_transfer_under_the_full_name_and_others_are_told_apart() {
        let transfers = Transfers::default().after(TransfersAction::Asked(7, "alpine".into())).after(
            TransfersAction::All(vec![
                transfer("docker.io/library/alpine:latest", Vec::new()),
                transfer("docker.io/library/debian:12", Vec::new()),
            ]),
        );
        let found = transfers.of(&transfers.pulls[0]).map(|it| it.name.as_str());
        assert_eq!(found, Some("docker.io/library/alpine:latest"));
        let others: Vec<_> = transfers.of_others().map(|it| it.name.as_str()).collect();
        assert_eq!(others, ["docker.io/library/debian:12"]);
    }

    #[test]
    fn a_pull_that_is_asked_for_again_takes_the_place_of_its_failure() {
        let error = WireError::new(ErrorCode::RegistryFailed, "The registry is silent.", "Try again.");
        let transfers = Transfers::default()
            .after(TransfersAction::Asked(1, "alpine".into()))
            .after(TransfersAction::Failed(1, error))
            .after(TransfersAction::Asked(2, "alpine".into()));
        assert_eq!(transfers.pulls.len(), 1);
        assert_eq!(transfers.newest("alpine").map(|pull| pull.request), Some(2));
    }

    #[test]
    fn an_answer_to_another_kind_of_request_changes_nothing() {
        let transfers = Transfers::default().after(TransfersAction::Asked(1, "alpine".into()));
        assert_eq!(transfers.after(TransfersAction::Done(9)), transfers);
    }
}
