//! What is printed: text and JSON on standard output, coloured only for a terminal and without `NO_COLOR`.

use std::fmt::Display;
use std::io::Write;

use serde::Serialize;

use super::failure::Failure;

/// Prints text as it is; colours are taken out where nobody would see them.
///
/// # Errors
/// [`Failure::OutputClosed`] when nobody reads it.
pub(super) fn print(text: impl Display) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    write!(stdout, "{text}")?;
    stdout.flush()?;
    Ok(())
}

/// Prints a value as the API's JSON, indented.
///
/// # Errors
/// [`Failure::OutputClosed`] when nobody reads it.
pub(super) fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).expect("the protocol's types are JSON");
    print(format_args!("{text}\n"))
}

/// The few styles in use.
pub(super) mod style {
    use std::fmt::{self, Display};

    use anstyle::{AnsiColor, Style};

    /// A piece of text and how it looks.
    pub(in crate::cli) struct Styled<T>(Style, T);

    impl<T: Display> Display for Styled<T> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}{}{}", self.0.render(), self.1, self.0.render_reset())
        }
    }

    /// Of weight.
    pub(in crate::cli) fn bold<T: Display>(text: T) -> Styled<T> {
        Styled(Style::new().bold(), text)
    }

    /// Beside the point.
    pub(in crate::cli) fn dim<T: Display>(text: T) -> Styled<T> {
        Styled(Style::new().dimmed(), text)
    }

    /// As it should be.
    pub(in crate::cli) fn good<T: Display>(text: T) -> Styled<T> {
        Styled(AnsiColor::Green.on_default(), text)
    }

    /// Not quite.
    pub(in crate::cli) fn fair<T: Display>(text: T) -> Styled<T> {
        Styled(AnsiColor::Yellow.on_default(), text)
    }

    /// Not at all.
    pub(in crate::cli) fn bad<T: Display>(text: T) -> Styled<T> {
        Styled(AnsiColor::Red.on_default(), text)
    }
}
