//! Something the agent is asked for over HTTP, perhaps again and again: an answer never overwrites a newer one.

use std::rc::Rc;

use porthole_protocol::error::WireError;
use yew::Reducible;

/// What is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote<T> {
    /// The newest answer; kept when a later request fails.
    pub value: Option<Rc<T>>,
    /// Why the newest request failed, if it did.
    pub error: Option<WireError>,
    /// The number of the request that was answered last. Requests are numbered from 1, in the order they are sent.
    answered: u32,
}

impl<T> Default for Remote<T> {
    fn default() -> Self {
        Self { value: None, error: None, answered: 0 }
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RemoteAction<T> {
    /// Something else is asked for from now on: answers to requests up to this number no longer count.
    Forget(u32),
    /// An answer to the request with this number.
    Answered(u32, Result<T, WireError>),
}

impl<T: Clone + PartialEq> Remote<T> {
    /// What is known after this.
    #[must_use]
    pub fn after(&self, action: RemoteAction<T>) -> Self {
        match action {
            RemoteAction::Forget(last) => Self { answered: last, ..Self::default() },
            RemoteAction::Answered(request, _) if request <= self.answered => self.clone(),
            RemoteAction::Answered(answered, Ok(value)) => {
                // The same pointer for the same answer, so that what is drawn from it need not be drawn again.
                let same = self.value.clone().filter(|known| **known == value);
                Self { value: Some(same.unwrap_or_else(|| Rc::new(value))), error: None, answered }
            }
            RemoteAction::Answered(answered, Err(error)) => {
                Self { value: self.value.clone(), error: Some(error), answered }
            }
        }
    }
}

impl<T: Clone + PartialEq> Reducible for Remote<T> {
    type Action = RemoteAction<T>;

    fn reduce(self: Rc<Self>, action: Self::Action) -> Rc<Self> {
        Rc::new(self.after(action))
    }
}

#[cfg(test)]
mod tests {
    use porthole_protocol::error::ErrorCode;

    use super::*;

    fn known(remote: &Remote<&'static str>) -> Option<&'static str> {
        remote.value.as_deref().copied()
    }

    #[test]
    fn an_answer_that_was_overtaken_is_dropped() {
        let remote = Remote::default()
            .after(RemoteAction::Answered(2, Ok("newer")))
            .after(RemoteAction::Answered(1, Ok("older")));
        assert_eq!(known(&remote), Some("newer"));
    }

    #[test]
    fn an_answer_about_what_was_asked_before_is_dropped() {
        let remote = Remote::default()
            .after(RemoteAction::Answered(1, Ok("busybox")))
            .after(RemoteAction::Forget(2))
            .after(RemoteAction::Answered(2, Ok("busybox")));
        assert_eq!(known(&remote), None);
        assert_eq!(known(&remote.after(RemoteAction::Answered(3, Ok("debian")))), Some("debian"));
    }

    #[test]
    fn a_failure_leaves_what_was_known_and_the_next_answer_clears_it() {
        let error = WireError::new(ErrorCode::Internal, "It broke.", "Try again.");
        let failed = Remote::default()
            .after(RemoteAction::Answered(1, Ok("busybox")))
            .after(RemoteAction::Answered(2, Err(error)));
        assert_eq!((known(&failed), failed.error.is_some()), (Some("busybox"), true));
        assert!(failed.after(RemoteAction::Answered(3, Ok("busybox"))).error.is_none());
    }
}
