//! Where files are: what a person writes as source or destination.

/// A side of `cp`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `CONTAINER:PATH`.
    Inside {
        /// By id, unique start of it, or name.
        container: String,
        /// The path.
        spot: Spot,
    },
    /// A path on this machine.
    Here(Spot),
    /// `-`: standard input or output.
    Stream,
}

impl From<&str> for Place {
    /// As Docker reads it: what begins with `/` or `.`, or has no colon, is on this machine.
    fn from(text: &str) -> Self {
        match text.split_once(':') {
            _ if text == "-" => Self::Stream,
            Some((container, path)) if !container.is_empty() && !text.starts_with(['/', '.']) => {
                Self::Inside { container: container.to_owned(), spot: Spot(path.to_owned()) }
            }
            _ => Self::Here(Spot(text.to_owned())),
        }
    }
}

/// A path, and what its end says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Spot(String);

impl Spot {
    /// As it was written.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Whether it means what is in the directory, not the directory: it ends in `/.`.
    pub(super) fn is_contents(&self) -> bool {
        self.0 == "." || self.0.ends_with("/.")
    }

    /// Whether it can only be a directory: it ends in `/` or `/.`.
    pub(super) fn is_directory(&self) -> bool {
        self.0.ends_with('/') || self.is_contents()
    }

    /// The absolute path in a container, without `.`, `..` and doubled slashes; these mean what they seem to, whatever
    /// links there are, as with Docker.
    pub(super) fn clean(&self) -> String {
        clean(&self.0)
    }
}

/// An absolute path without `.`, `..` and doubled slashes; a relative one begins at the root.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The directory and the name of a clean path; none for the root.
pub(super) fn split(path: &str) -> Option<(&str, &str)> {
    let (parent, name) = path.rsplit_once('/').filter(|(_, name)| !name.is_empty())?;
    Some((if parent.is_empty() { "/" } else { parent }, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        text.into()
    }

    #[test]
    fn a_colon_leads_into_a_container_unless_the_path_begins_here() {
        let inside = |container: &str, path: &str| Place::Inside {
            container: container.into(),
            spot: Spot(path.into()),
        };
        assert_eq!(place("box:/etc"), inside("box", "/etc"));
        assert_eq!(place("box:a:b"), inside("box", "a:b"));
        assert_eq!(place("box:"), inside("box", ""));
        assert_eq!(place("-"), Place::Stream);
        for here in ["file", "./box:/etc", "/tmp/a:b", "../a:b", ":x"] {
            assert_eq!(place(here), Place::Here(Spot(here.into())), "{here}");
        }
    }

    #[test]
    fn the_end_of_a_path_says_what_is_meant() {
        let ends = |text: &str| (Spot(text.into()).is_contents(), Spot(text.into()).is_directory());
        assert_eq!(ends("a"), (false, false));
        assert_eq!(ends("a/"), (false, true));
        assert_eq!(ends("a/."), (true, true));
        assert_eq!(ends("."), (true, true));
        assert_eq!(ends("a."), (false, false));
    }

    #[test]
    fn paths_inside_begin_at_the_root_and_never_leave_it() {
        for (text, cleaned) in [
            ("", "/"),
            ("/", "/"),
            ("etc/.", "/etc"),
            ("//a/./b//", "/a/b"),
            ("/a/../b", "/b"),
            ("/../..", "/"),
        ] {
            assert_eq!(clean(text), cleaned, "{text}");
        }
        assert_eq!(split("/a/b"), Some(("/a", "b")));
        assert_eq!(split("/a"), Some(("/", "a")));
        assert_eq!(split("/"), None);
    }
}
