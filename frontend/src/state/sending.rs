//! Files on their way from the visitor's machine, one after the other.

use std::rc::Rc;

use porthole_protocol::error::WireError;
use yew::Reducible;

/// A file on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Its name.
    pub name: String,
    /// Its size, in bytes.
    pub bytes: u64,
    /// Bytes that have left.
    pub sent: u64,
    /// How it ended; none until then.
    pub ended: Option<Result<(), WireError>>,
}

/// All of them, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sending {
    /// The files.
    pub parcels: Vec<Parcel>,
}

/// What happens to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendingAction {
    /// These are to be sent: name and size of each. What was there before is forgotten.
    Begin(Vec<(String, u64)>),
    /// So many bytes of this one have left.
    Sent(usize, u64),
    /// This one has ended.
    Ended(usize, Result<(), WireError>),
}

impl Sending {
    /// Whether one of them is still on its way.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.parcels.iter().any(|parcel| parcel.ended.is_none())
    }

    /// The files after this.
    #[must_use]
    pub fn after(&self, action: SendingAction) -> Self {
        let mut next = self.clone();
        match action {
            SendingAction::Begin(files) => {
                let parcel = |(name, bytes)| Parcel { name, bytes, sent: 0, ended: None };
                next.parcels = files.into_iter().map(parcel).collect();
            }
            SendingAction::Sent(index, sent) => {
                if let Some(parcel) = next.parcels.get_mut(index) {
                    parcel.sent = sent.max(parcel.sent);
                }
            }
            SendingAction::Ended(index, ended) => {
                if let Some(parcel) = next.parcels.get_mut(index) {
                    parcel.ended = Some(ended);
                }
            }
        }
        next
    }
}

impl Reducible for Sending {
    type Action = SendingAction;

    fn reduce(self: Rc<Self>, action: Self::Action) -> Rc<Self> {
        Rc::new(self.after(action))
    }
}

/// The directory and the file's name as one path: `/root` and `notes.txt` are `/root/notes.txt`.
#[must_use]
pub fn target(directory: &str, name: &str) -> String {
    let directory = directory.trim().trim_end_matches('/');
    let slash = if directory.starts_with('/') || directory.is_empty() { "" } else { "/" };
    format!("{slash}{directory}/{name}")
}

/// Directories in which a dropped file is looked for first, best first: where the container's command began, where its
/// root user is at home, and where everyone may write.
#[must_use]
pub fn likely(working_dir: &str) -> Vec<String> {
    let first = Some(working_dir).filter(|dir| dir.starts_with('/') && *dir != "/");
    first.into_iter().chain(["/root", "/tmp", "/"]).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_busy_until_each_has_ended() {
        let sending = Sending::default()
            .after(SendingAction::Begin(vec![("a".into(), 10), ("b".into(), 20)]))
            .after(SendingAction::Sent(0, 10))
            .after(SendingAction::Ended(0, Ok(())));
        assert!(sending.is_busy());
        assert!(!sending.after(SendingAction::Ended(1, Ok(()))).is_busy());
    }

    #[test]
    fn a_late_figure_never_goes_back() {
        let sending = Sending::default()
            .after(SendingAction::Begin(vec![("a".into(), 10)]))
            .after(SendingAction::Sent(0, 8))
            .after(SendingAction::Sent(0, 4));
        assert_eq!(sending.parcels[0].sent, 8);
    }

    #[test]
    fn a_path_has_one_slash_between_directory_and_name() {
        for directory in ["/root", "/root/", "root", " /root "] {
            assert_eq!(target(directory, "a"), "/root/a");
        }
        assert_eq!(target("/", "a"), "/a");
        assert_eq!(target("", "a"), "/a");
    }

    #[test]
    fn the_working_directory_comes_first_unless_it_says_nothing() {
        assert_eq!(likely("/app")[0], "/app");
        assert_eq!(likely("/")[0], "/root");
        assert_eq!(likely("")[0], "/root");
    }
}
