//! What a terminal does by itself when asked.

/// What a button, a key or the list of commands asks a terminal for. What it needs to ask or show in turn it does itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open the box that finds text.
    Find,
    /// Copy the selection as one line.
    CopyLine,
    /// Scroll to the prompt before.
    PromptBefore,
    /// Scroll to the prompt after.
    PromptAfter,
    /// Larger letters, in all terminals.
    Larger,
    /// Smaller letters, in all terminals.
    Smaller,
    /// Letters of the usual size, in all terminals.
    UsualSize,
    /// Open the settings of terminals: colours, letters, bell, predictions.
    Settings,
}

impl Command {
    /// Its name in `frontend/js/terminal.ts`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::CopyLine => "copy-line",
            Self::PromptBefore => "prompt-before",
            Self::PromptAfter => "prompt-after",
            Self::Larger => "larger",
            Self::Smaller => "smaller",
            Self::UsualSize => "usual-size",
            Self::Settings => "settings",
        }
    }
}
