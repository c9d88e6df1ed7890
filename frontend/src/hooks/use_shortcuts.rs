//! Shortcuts for as long as a component is mounted.

use yew::prelude::*;

use crate::interop::keys;
use crate::state::shortcuts::Shortcut;

/// Calls `act` for each shortcut; it answers whether it took it. `deps` are what `act` reads.
#[hook]
pub fn use_shortcuts<D, F>(deps: D, act: F)
where
    D: PartialEq + 'static,
    F: Fn(Shortcut) -> bool + Clone + 'static,
{
    use_effect_with(deps, move |_| {
        let listener = keys::listen(act);
        move || drop(listener)
    });
}
