//! Icons, drawn in one weight on a grid of 24.

use yew::prelude::*;

/// An icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// A container.
    Box,
    /// Close.
    Close,
    /// Copy.
    Copy,
    /// Down, next.
    Down,
    /// To the visitor's machine.
    Download,
    /// A regular file.
    File,
    /// A directory.
    Folder,
    /// Help.
    Keyboard,
    /// The kernel.
    Chip,
    /// Images, layers.
    Layers,
    /// A moon: dark.
    Moon,
    /// Paste.
    Paste,
    /// Add.
    Plus,
    /// Screen reader.
    Speech,
    /// Find.
    Search,
    /// Stop.
    Stop,
    /// A sun: light.
    Sun,
    /// As the system does.
    Contrast,
    /// Start.
    Play,
    /// A terminal.
    Prompt,
    /// A name.
    Tag,
    /// Remove.
    Trash,
    /// Letters: how they look.
    Letters,
    /// From the visitor's machine.
    Upload,
    /// The whole screen.
    Wide,
    /// Two terminals side by side.
    Columns,
    /// A terminal below another.
    Rows,
    /// People.
    People,
    /// A recording.
    Record,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Self::Box => "M12 3 4 7.2v9.6L12 21l8-4.2V7.2zM4.3 7.4 12 11.5l7.7-4.1M12 11.5V21",
            Self::Close => "m6 6 12 12M18 6 6 18",
            Self::Copy => "M9 9h11v11H9zM5 15H4V4h11v1",
            Self::Down => "m6 9 6 6 6-6",
            Self::Download => "M12 4v11m-5-5 5 5 5-5M4 20h16",
            Self::File => "M6 3h8l4 4v14H6zM14 3v4h4",
            Self::Folder => "M3 6h6l2 2h10v11H3z",
            Self::Keyboard => "M3 6h18v12H3zM7 10h.01M11 10h.01M15 10h.01M17 10h.01M8 14h8",
            Self::Chip => "M7 7h10v10H7zM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4",
            Self::Layers => "m12 4 9 4.5-9 4.5-9-4.5zM3 12.5l9 4.5 9-4.5M3 16.5l9 4.5 9-4.5",
            Self::Moon => "M20 14.5A8 8 0 1 1 9.5 4a6.5 6.5 0 0 0 10.5 10.5z",
            Self::Paste => "M9 4h6v3H9zM9 5H5v15h14V5h-4M9 12h6M9 16h4",
            Self::Plus => "M12 5v14M5 12h14",
            Self::Speech => "M4 9v6h4l5 4V5L8 9zM16 9a4 4 0 0 1 0 6M18.5 6.5a8 8 0 0 1 0 11",
            Self::Search => "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 20 20",
            Self::Stop => "M7 7h10v10H7z",
            Self::Sun => {
                "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5V5M12 19v2.5M2.5 12H5M19 12h2.5M5.3 5.3 7 7M17 17l1.7 1.7M5.3 18.7 7 17M17 7l1.7-1.7"
            }
            Self::Contrast => "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16M12 8h4.5M12 12h8M12 16h4.5",
            Self::Play => "M8 5.5v13l10-6.5z",
            Self::Prompt => "m5 7 5 5-5 5M12.5 17H19",
            Self::Tag => "M4 4h8l8 8-8 8-8-8zM8 8h.01",
            Self::Trash => "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5M14 11v5",
            Self::Letters => {
                "m3 18 5-12 5 12M4.7 14h6.6M20.5 18v-6.2M20.5 15a2.8 2.8 0 1 1-5.6 0 2.8 2.8 0 0 1 5.6 0z"
            }
            Self::Upload => "M12 15V4m-5 5 5-5 5 5M4 20h16",
            Self::Wide => "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
            Self::Columns => "M4 5h16v14H4zM12 5v14",
            Self::Rows => "M4 5h16v14H4zM4 12h16",
            Self::People => {
                "M9 5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM2.5 20a6.5 6.5 0 0 1 13 0M16 5.2a3.5 3.5 0 0 1 0 6.6M18 14.5a6.5 6.5 0 0 1 3.5 5.5"
            }
            Self::Record => {
                "M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM12 10.5a1.5 1.5 0 1 0 0 3 1.5 1.5 0 0 0 0-3z"
            }
        }
    }
}

/// An icon in the colour and size of the text around it; silent for screen readers.
pub fn glyph(icon: Icon) -> Html {
    html! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
            <path d={icon.path()} />
        </svg>
    }
}

/// The porthole.
pub fn logo() -> Html {
    html! {
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
            <circle class="logo-ring" cx="16" cy="16" r="13.5" />
            <circle class="logo-glass" cx="16" cy="16" r="9.5" />
            <path class="logo-prompt" d="m12.6 12.4 4 3.6-4 3.6M17.6 20h3.2" />
        </svg>
    }
}
