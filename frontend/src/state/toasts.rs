//! Short messages at the edge of the page.

use std::rc::Rc;

use porthole_protocol::error::WireError;
use yew::Reducible;

/// Most messages shown at a time; the oldest make room.
const MOST_TOASTS: usize = 4;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// Its number on this page.
    pub key: u32,
    /// One sentence.
    pub message: String,
    /// What to do next; may be empty.
    pub hint: String,
    /// Whether something failed.
    pub failure: bool,
}

/// The messages shown, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Toasts {
    /// The messages.
    pub all: Vec<Toast>,
    last_key: u32,
}

/// What happens to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToastsAction {
    /// Something failed.
    Failure(WireError),
    /// Something is worth knowing.
    Note(String),
    /// Read, or timed out.
    Dismiss(u32),
}

impl Toasts {
    /// The messages after this. A message that is shown already is not shown twice.
    #[must_use]
    pub fn after(&self, action: ToastsAction) -> Self {
        let mut next = self.clone();
        let (message, hint, failure) = match action {
            ToastsAction::Dismiss(key) => {
                next.all.retain(|toast| toast.key != key);
                return next;
            }
            ToastsAction::Failure(error) => (error.message, error.hint, true),
            ToastsAction::Note(message) => (message, String::new(), false),
        };
        next.all.retain(|toast| toast.message != message);
        next.last_key += 1;
        next.all.push(Toast { key: next.last_key, message, hint, failure });
        let surplus = next.all.len().saturating_sub(MOST_TOASTS);
        next.all.drain(..surplus);
        next
    }
}

impl Reducible for Toasts {
    type Action = ToastsAction;

    fn reduce(self: Rc<Self>, action: Self::Action) -> Rc<Self> {
        Rc::new(self.after(action))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(text: &str) -> ToastsAction {
        ToastsAction::Note(text.into())
    }

    #[test]
    fn the_same_message_is_shown_once_and_the_oldest_make_room() {
        let toasts =
            ["a", "b", "a", "c", "d", "e"].into_iter().fold(Toasts::default(), |t, text| t.after(note(text)));
        let shown: Vec<_> = toasts.all.iter().map(|toast| toast.message.as_str()).collect();
        assert_eq!(shown, ["a", "c", "d", "e"]);
    }

    #[test]
    fn a_dismissed_message_is_gone() {
        let toasts = Toasts::default().after(note("a"));
        assert_eq!(toasts.after(ToastsAction::Dismiss(toasts.all[0].key)).all, []);
    }
}
