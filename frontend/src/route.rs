//! Addresses of the page.

use yew_router::Routable;

/// Where one can be.
#[derive(Clone, Debug, PartialEq, Eq, Routable)]
pub enum Route {
    /// Containers, terminals, kernel panel.
    #[at("/")]
    Workspace,
    /// Anything else.
    #[not_found]
    #[at("/404")]
    NotFound,
}
