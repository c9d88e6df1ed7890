//! Names of people: as they give them, made harmless, or made up.

use std::sync::atomic::{AtomicU32, Ordering};

use porthole_protocol::ids::PersonId;
use porthole_protocol::limits::MAX_PERSON_BYTES;

/// Numbers of people, none twice.
#[derive(Debug, Default)]
pub(super) struct Numbers(AtomicU32);

impl Numbers {
    /// The next number.
    pub(super) fn next(&self) -> PersonId {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// A name as others see it: without what moves the cursor or turns the text around, one space between words, and not too long.
/// None when nothing is left.
pub(crate) fn tidy(name: &str) -> Option<String> {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain: String =
        name.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| !turns(*c)).collect();
    let mut tidy = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    tidy.truncate(tidy.floor_char_boundary(MAX_PERSON_BYTES));
    Some(tidy).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_neither_break_a_line_nor_turn_it_around() {
        assert_eq!(tidy("  Ann\tof\nGreen \u{1b}[31m Gables ").as_deref(), Some("Ann of Green [31m Gables"));
        assert_eq!(tidy("\u{202e}evil").as_deref(), Some("evil"));
        assert_eq!((tidy(""), tidy(" \n\u{200f}")), (None, None));
        assert_eq!(tidy(&"ä".repeat(60)).unwrap().len(), MAX_PERSON_BYTES);
    }
}
