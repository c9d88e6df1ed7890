//! The keyboard. Everything a terminal program could want stays its own: what works while a terminal has the focus
//! holds Ctrl+Shift, as terminal emulators do, or is Ctrl+F6.

/// What a key asks the page for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// A further terminal in the shown container.
    NewTerminal,
    /// Copy the selection.
    Copy,
    /// Find text.
    Find,
    /// The next tab, or the one before.
    StepTab {
        /// To the left.
        backwards: bool,
    },
    /// The next region of the page, or the one before. The way out of a terminal, where Tab belongs to the shell.
    StepRegion {
        /// The one before.
        backwards: bool,
    },
}

/// A key as it was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chord<'a> {
    /// `KeyboardEvent.key`.
    pub key: &'a str,
    /// Ctrl, or Command on a Mac.
    pub ctrl: bool,
    /// Shift.
    pub shift: bool,
    /// Alt.
    pub alt: bool,
    /// Whether a terminal has the focus.
    pub in_terminal: bool,
}

/// The keys and what they do, for the help.
pub const HELP: [(&str, &str); 7] = [
    ("Ctrl F6", "Leave the terminal: go to the next part of the page"),
    ("Ctrl Shift F6", "Go to the part before"),
    ("Ctrl Shift Enter", "New terminal in this container"),
    ("Ctrl Shift ← →", "Tab before, tab after"),
    ("Ctrl Shift F", "Find in the terminal"),
    ("Ctrl Shift C", "Copy (a selection is copied by itself)"),
    ("Ctrl Shift V", "Paste"),
];

/// What this key asks for, if anything.
#[must_use]
pub fn shortcut(chord: Chord<'_>) -> Option<Shortcut> {
    let Chord { key, ctrl, shift, alt, in_terminal } = chord;
    if alt {
        return None;
    }
    if key == "F6" && (ctrl || !in_terminal) {
        return Some(Shortcut::StepRegion { backwards: shift });
    }
    if !(ctrl && shift) {
        return None;
    }
    match key {
        "Enter" => Some(Shortcut::NewTerminal),
        "F" | "f" => Some(Shortcut::Find),
        "C" | "c" if in_terminal => Some(Shortcut::Copy),
        "ArrowLeft" => Some(Shortcut::StepTab { backwards: true }),
        "ArrowRight" => Some(Shortcut::StepTab { backwards: false }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_TERMINAL: Chord<'_> =
        Chord { key: "", ctrl: false, shift: false, alt: false, in_terminal: true };

    #[test]
    fn nothing_without_ctrl_is_taken_from_a_terminal() {
        for key in ["Tab", "Escape", "F6", "F1", "Enter", "f", "c", "ArrowLeft"] {
            for (shift, alt) in [(false, false), (true, false), (false, true)] {
                assert_eq!(shortcut(Chord { key, shift, alt, ..IN_TERMINAL }), None, "{key}");
            }
        }
    }

    #[test]
    fn control_characters_stay_the_shells() {
        for key in ["c", "d", "z", "f", "Enter", "ArrowLeft", "ArrowRight"] {
            assert_eq!(shortcut(Chord { key, ctrl: true, ..IN_TERMINAL }), None, "{key}");
        }
    }

    #[test]
    fn there_is_a_way_out_of_a_terminal() {
        let out = shortcut(Chord { key: "F6", ctrl: true, ..IN_TERMINAL });
        assert_eq!(out, Some(Shortcut::StepRegion { backwards: false }));
        let outside = shortcut(Chord { key: "F6", in_terminal: false, ..IN_TERMINAL });
        assert_eq!(outside, Some(Shortcut::StepRegion { backwards: false }));
    }
}
