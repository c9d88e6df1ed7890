//! Addresses of the page.

use yew_router::Routable;

/// Where one can be.
#[derive(Clone, Debug, PartialEq, Eq, Routable)]
pub enum Route {
    /// Containers, terminals, what the kernel says.
    #[at("/")]
    Workspace,
    /// All images.
    #[at("/images")]
    Images,
    /// One image, by the first digits of its id: a name would need escapes.
    #[at("/images/:address")]
    Image {
        /// See [`names::address`](crate::state::names::address).
        address: String,
    },
    /// Anything else.
    #[not_found]
    #[at("/404")]
    NotFound,
}
