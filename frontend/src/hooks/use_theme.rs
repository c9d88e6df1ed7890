//! Light, dark, or as the system does.

use yew::prelude::*;

use crate::interop::browser;

/// A choice of colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// As the system does.
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    fn attribute(self) -> Option<&'static str> {
        match self {
            Self::System => None,
            Self::Light => Some("light"),
            Self::Dark => Some("dark"),
        }
    }

    fn stored() -> Self {
        match browser::stored_theme().as_deref() {
            Some("light") => Self::Light,
            Some("dark") => Self::Dark,
            _ => Self::System,
        }
    }

    /// The choice after this one, when a button goes through them.
    #[must_use]
    pub fn next(self) -> Self {
        match self {
            Self::System => Self::Light,
            Self::Light => Self::Dark,
            Self::Dark => Self::System,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

/// The choice in force, and a callback that goes to the next.
#[hook]
pub fn use_theme() -> (Theme, Callback<()>) {
    let theme = use_state(Theme::stored);
    use_effect_with(*theme, |theme| browser::apply_theme(theme.attribute()));
    let next = {
        let theme = theme.clone();
        Callback::from(move |()| {
            let next = theme.next();
            browser::set_theme(next.attribute());
            theme.set(next);
        })
    };
    (*theme, next)
}
