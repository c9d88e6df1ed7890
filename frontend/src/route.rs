//! Addresses of the page.

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
    /// Anything else.
    NotFound,
}

impl Route {
    /// Where a path leads.
    #[must_use]
    pub fn at(path: &str) -> Self {
        let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
        match parts[..] {
            [] => Self::Workspace,
            ["images"] => Self::Images,
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
            Self::NotFound => "/404".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_leads_back_to_where_it_came_from() {
        let image = Route::Image { address: "3f1a09bc21d4".into() };
        for route in [Route::Workspace, Route::Images, image, Route::NotFound] {
            assert_eq!(Route::at(&route.path()), route);
        }
    }

    #[test]
    fn a_slash_more_changes_nothing_and_a_part_more_leads_nowhere() {
        assert_eq!(Route::at("/images/"), Route::Images);
        assert_eq!(Route::at("/images/3f1a09bc21d4/files"), Route::NotFound);
        assert_eq!(Route::at("/containers"), Route::NotFound);
    }
}
