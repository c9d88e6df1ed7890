//! What can be asked of the page, by key or by name: one table for the keyboard, for the list of commands and for the help.
//!
//! Everything a terminal program could want stays its own: what works while a terminal has the focus holds Ctrl+Shift, as
//! terminal emulators do, or is Ctrl+F6.

use super::screen::Command;

/// What a key or a command asks the page for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// A further terminal in the shown container.
    NewTerminal,
    /// A further terminal in the shown container, beside the active one.
    SplitRight,
    /// The same, below it.
    SplitDown,
    /// Give the active terminal a tab of its own.
    Part,
    /// Close the active terminal.
    Close,
    /// Give the active terminal another name.
    Rename,
    /// Nothing but the active terminal, on the whole screen.
    FullScreen,
    /// Let others in.
    Share,
    /// Begin or end the recording of the active terminal.
    Record,
    /// Copy the selection.
    Copy,
    /// Something that the active terminal does by itself.
    Screen(Command),
    /// Paste. The browser does it.
    Paste,
    /// The next terminal, or the one before.
    StepTab {
        /// To the left.
        backwards: bool,
    },
    /// Move the tab by one.
    ShiftTab {
        /// To the left.
        backwards: bool,
    },
    /// The next region of the page, or the one before. The way out of a terminal, where Tab belongs to the shell.
    StepRegion {
        /// The one before.
        backwards: bool,
    },
    /// The list of commands.
    Palette,
    /// The keys, explained.
    Help,
    /// The recordings.
    Recordings,
}

/// A line of the table.
pub struct Entry {
    /// What it asks for.
    pub shortcut: Shortcut,
    /// Its keys, modifiers first; empty when it has none.
    pub keys: &'static str,
    /// What it does.
    pub words: &'static str,
    /// Whether it is about a terminal, so that without one it does nothing.
    pub of_terminal: bool,
}

const fn entry(shortcut: Shortcut, keys: &'static str, words: &'static str, of_terminal: bool) -> Entry {
    Entry { shortcut, keys, words, of_terminal }
}

/// Everything, in the order shown.
pub const TABLE: [Entry; 28] = [
    entry(Shortcut::Palette, "Ctrl Shift P", "All commands", false),
    entry(
        Shortcut::StepRegion { backwards: false },
        "Ctrl F6",
        "Leave the terminal: to the next part of the page",
        false,
    ),
    entry(Shortcut::StepRegion { backwards: true }, "Ctrl Shift F6", "To the part before", false),
    entry(Shortcut::NewTerminal, "Ctrl Shift Enter", "New terminal in this container", true),
    entry(Shortcut::SplitRight, "Ctrl Shift E", "Split: a new terminal on the right", true),
    entry(Shortcut::SplitDown, "Ctrl Shift O", "Split: a new terminal below", true),
    entry(Shortcut::StepTab { backwards: false }, "Ctrl Shift →", "Next terminal", true),
    entry(Shortcut::StepTab { backwards: true }, "Ctrl Shift ←", "Terminal before", true),
    entry(Shortcut::ShiftTab { backwards: false }, "Ctrl Shift PageDown", "Move the tab to the right", true),
    entry(Shortcut::ShiftTab { backwards: true }, "Ctrl Shift PageUp", "Move the tab to the left", true),
    entry(Shortcut::FullScreen, "Ctrl Shift X", "Full screen", true),
    entry(Shortcut::Screen(Command::Find), "Ctrl Shift F", "Find in the terminal", true),
    entry(Shortcut::Copy, "Ctrl Shift C", "Copy (a selection is copied by itself)", true),
    entry(Shortcut::Screen(Command::CopyLine), "Ctrl Shift L", "Copy as one line", true),
    entry(Shortcut::Paste, "Ctrl Shift V", "Paste", true),
    entry(Shortcut::Screen(Command::PromptBefore), "Ctrl Shift ↑", "To the prompt before", true),
    entry(Shortcut::Screen(Command::PromptAfter), "Ctrl Shift ↓", "To the prompt after", true),
    // The keys are the terminal's own to take or leave: they are a setting.
    entry(Shortcut::Screen(Command::Larger), "Ctrl +", "Larger letters", true),
    entry(Shortcut::Screen(Command::Smaller), "Ctrl -", "Smaller letters", true),
    entry(Shortcut::Screen(Command::UsualSize), "Ctrl 0", "Letters of the usual size", true),
    entry(Shortcut::Screen(Command::Settings), "", "Terminal settings: colours, letters, bell", true),
    entry(Shortcut::Rename, "F2", "Rename the terminal", true),
    entry(Shortcut::Part, "", "Move the terminal to a tab of its own", true),
    entry(Shortcut::Share, "", "Share the terminal", true),
    entry(Shortcut::Record, "", "Start or stop recording", true),
    entry(Shortcut::Close, "", "Close the terminal; its process runs on", true),
    entry(Shortcut::Recordings, "", "Recordings", false),
    entry(Shortcut::Help, "?", "Keyboard shortcuts", false),
];

/// Where the keyboard is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Focus {
    /// In a terminal, where every key is the shell's but for a few.
    Terminal,
    /// In a field that takes text.
    Field,
    /// Anywhere else.
    Elsewhere,
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
    /// Where the keyboard is.
    pub focus: Focus,
}

/// What this key asks for, if anything.
#[must_use]
pub fn shortcut(chord: Chord<'_>) -> Option<Shortcut> {
    let Chord { key, ctrl, shift, alt, focus } = chord;
    if alt {
        return None;
    }
    if !ctrl {
        return match (key, focus) {
            ("F6", Focus::Field | Focus::Elsewhere) => Some(Shortcut::StepRegion { backwards: shift }),
            ("F1", Focus::Field | Focus::Elsewhere) => Some(Shortcut::Palette),
            ("?", Focus::Elsewhere) => Some(Shortcut::Help),
            _ => None,
        };
    }
    let name = match key {
        "ArrowLeft" => "←",
        "ArrowRight" => "→",
        "ArrowUp" => "↑",
        "ArrowDown" => "↓",
        key => key,
    };
    let pressed = |entry: &&Entry| {
        let last = entry.keys.rsplit(' ').next().unwrap_or_default();
        let held = |modifier| entry.keys.contains(modifier);
        held("Ctrl ") && held("Shift ") == shift && last.eq_ignore_ascii_case(name)
    };
    let found = TABLE.iter().find(pressed)?.shortcut;
    match (found, focus) {
        // The browser's own, where it knows better.
        (Shortcut::Paste, _) | (Shortcut::Copy, Focus::Field | Focus::Elsewhere) => None,
        // The terminal's, which asks its settings first; elsewhere they are the browser's own.
        (Shortcut::Screen(Command::Larger | Command::Smaller | Command::UsualSize), _) => None,
        // A field's own, which select in it.
        (Shortcut::Screen(Command::PromptBefore | Command::PromptAfter), Focus::Field) => None,
        _ => Some(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IN_TERMINAL: Chord<'_> =
        Chord { key: "", ctrl: false, shift: false, alt: false, focus: Focus::Terminal };

    #[test]
    fn nothing_without_ctrl_is_taken_from_a_terminal() {
        for key in ["Tab", "Escape", "F6", "F1", "F2", "?", "Enter", "f", "c", "ArrowLeft", "PageUp"] {
            for (shift, alt) in [(false, false), (true, false), (false, true)] {
                assert_eq!(shortcut(Chord { key, shift, alt, ..IN_TERMINAL }), None, "{key}");
            }
        }
    }

    #[test]
    fn control_characters_stay_the_shells() {
        for key in ["c", "d", "z", "f", "e", "o", "x", "p", "v", "Enter", "ArrowLeft", "ArrowRight", "PageUp"]
        {
            assert_eq!(shortcut(Chord { key, ctrl: true, ..IN_TERMINAL }), None, "{key}");
        }
    }

    #[test]
    fn there_is_a_way_out_of_a_terminal() {
        let out = shortcut(Chord { key: "F6", ctrl: true, ..IN_TERMINAL });
        assert_eq!(out, Some(Shortcut::StepRegion { backwards: false }));
        let back = shortcut(Chord { key: "F6", ctrl: true, shift: true, ..IN_TERMINAL });
        assert_eq!(back, Some(Shortcut::StepRegion { backwards: true }));
        let outside = shortcut(Chord { key: "F6", focus: Focus::Elsewhere, ..IN_TERMINAL });
        assert_eq!(outside, Some(Shortcut::StepRegion { backwards: false }));
    }

    #[test]
    fn what_the_help_says_is_what_the_keys_do() {
        for entry in TABLE.iter().filter(|entry| entry.keys.starts_with("Ctrl")) {
            let key = match entry.keys.rsplit(' ').next().expect("a key") {
                "←" => "ArrowLeft",
                "→" => "ArrowRight",
                "↑" => "ArrowUp",
                "↓" => "ArrowDown",
                key => key,
            };
            let shift = entry.keys.contains("Shift");
            let asked = shortcut(Chord { key, ctrl: true, shift, ..IN_TERMINAL });
            let theirs = matches!(
                entry.shortcut,
                Shortcut::Paste | Shortcut::Screen(Command::Larger | Command::Smaller | Command::UsualSize)
            );
            let expected = Some(entry.shortcut).filter(|_| !theirs);
            assert_eq!(asked, expected, "{}", entry.keys);
        }
    }

    #[test]
    fn a_question_mark_is_a_letter_where_one_writes() {
        let typed = Chord { key: "?", shift: true, focus: Focus::Field, ..IN_TERMINAL };
        assert_eq!(shortcut(typed), None);
        assert_eq!(shortcut(Chord { focus: Focus::Elsewhere, ..typed }), Some(Shortcut::Help));
    }
}
