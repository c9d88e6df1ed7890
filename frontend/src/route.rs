//! Addresses of the page.

use crate::state::units;

/// Where one can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Containers, terminals, what the kernel says.
    Workspace,
    /// All images.
    Images,
    /// One image, by the first digits of its id: a name would need escapes.
    Image {
        /// See [`names::address`](crate::state::names::address).
        address: String,
    },
    /// What was recorded of terminals.
    Recordings,
    /// One recording, played.
    Recording {
        /// Its id.
        id: String,
        /// Where to begin, in milliseconds.
        at_ms: u32,
    },
    /// Somebody else's terminal, by the secret of a link.
    Join,
    /// Anything else.
    NotFound,
}

impl Route {
    /// Where a path leads, and what follows its `#`.
    #[must_use]
    pub fn at(path: &str, fragment: &str) -> Self {
        if fragment.starts_with("#join/") {
            return Self::Join;
        }
        if let Some(recording) = fragment.strip_prefix("#recording/") {
            let (id, at) = recording.split_once("&t=").unwrap_or((recording, "0"));
            return Self::Recording { id: id.into(), at_ms: units::moment(at).unwrap_or(0) };
        }
        let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts[..] {
            [] => Self::Workspace,
            ["images"] => Self::Images,
            ["recordings"] => Self::Recordings,
            ["images", address] => Self::Image { address: address.into() },
            _ => Self::NotFound,
        }
    }

    /// The path that leads there.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Self::Workspace => "/".into(),
            Self::Images => "/images".into(),
            Self::Image { address } => format!("/images/{address}"),
            Self::Recordings => "/recordings".into(),
            Self::Recording { id, at_ms: 0 } => format!("/#recording/{id}"),
            Self::Recording { id, at_ms } => format!("/#recording/{id}&t={}", units::seconds(*at_ms)),
            // With its secret it is in the address bar already.
            Self::Join => String::new(),
            Self::NotFound => "/404".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Route {
        let (path, fragment) = address.split_at(address.find('#').unwrap_or(address.len()));
        Route::at(path, fragment)
    }

    #[test]
    fn every_path_leads_back_to_where_it_came_from() {
        let image = Route::Image { address: "3f1a09bc21d4".into() };
        let recording = |at_ms| Route::Recording { id: "0011223344556677".into(), at_ms };
        for route in [
            Route::Workspace,
            Route::Images,
            image,
            Route::Recordings,
            recording(0),
            recording(12_500),
            Route::NotFound,
        ] {
            assert_eq!(at(&route.path()), route);
        }
        assert_eq!(at("/#join/secret"), Route::Join);
    }

    #[test]
    fn a_slash_more_changes_nothing_and_a_part_more_leads_nowhere() {
        assert_eq!(at("/images/"), Route::Images);
        assert_eq!(at("/images/3f1a09bc21d4/files"), Route::NotFound);
        assert_eq!(at("/containers"), Route::NotFound);
    }

    #[test]
    fn a_moment_is_in_seconds() {
        let moment = |text| match at(&format!("/#recording/00&t={text}")) {
            Route::Recording { at_ms, .. } => at_ms,
            _ => u32::MAX,
        };
        assert_eq!(["12.5", "3", "0.05", "soon", "-1"].map(moment), [12_500, 3_000, 50, 0, 0]);
    }
}
